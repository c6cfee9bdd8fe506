"""Starts a monitor or a data diff at Datafold and waits for its verdict."""

import time
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

from observe_dagster.errors import PublishError
from observe_dagster.integrations.datafold.client import Datafold
from observe_dagster.integrations.datafold.requests import DataDiff
from observe_dagster.integrations.datafold.results import Phase, diff_outcome, monitor_outcome, phase
from observe_dagster.records import Outcome, Status

LIMIT = timedelta(minutes=30)
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
"""Seconds between two looks: they double."""

Wait = Callable[[float], None]
Look = Callable[[], Outcome | None]


def run_monitor(
    client: Datafold, slug: str, number: int, *, wait: Wait = time.sleep, limit: timedelta = LIMIT
) -> Outcome:
    """Run a monitor and return its verdict; raises PublishError when it cannot be started or looked at."""
    run_id = start_monitor(client, number)
    outcome = _awaited(lambda: monitor_outcome(slug, client.monitor_run(number, run_id)), wait=wait, limit=limit)
    return outcome or no_verdict(slug, run_id, limit)


def start_monitor(client: Datafold, number: int) -> int:
    """Start a monitor and return its run's number; raises PublishError."""
    run_id = client.run_monitor(number)
    if run_id is None:
        raise PublishError("Datafold", f"did not say which run of monitor {number} it started.", permanent=True)
    return run_id


def no_verdict(slug: str, run_id: int, limit: timedelta = LIMIT) -> Outcome:
    """The outcome of a monitor's run that did not end in time."""
    return _still_runs(f"Run {run_id} of monitor {slug}", limit)


def run_data_diff(
    client: Datafold, diff: DataDiff, *, wait: Wait = time.sleep, limit: timedelta = LIMIT
) -> tuple[int, Outcome]:
    """Start a data diff and return its number and verdict; raises PublishError."""
    number = client.create_data_diff(diff)
    if number is None:
        raise PublishError("Datafold", "did not say which data diff it started.", permanent=True)
    outcome = _awaited(lambda: _diff(client, number), wait=wait, limit=limit)
    return number, outcome or _still_runs(f"Data diff {number}", limit)


def await_data_source_test(
    client: Datafold, number: int, *, wait: Wait = time.sleep, limit: timedelta = LIMIT
) -> dict[str, Any]:
    """Test a data source and return the finished job; raises PublishError."""
    job = client.test_data_source(number)
    if job is None:
        raise PublishError("Datafold", f"did not say which test of data source {number} it started.", permanent=True)
    until, pause = monotonic() + limit.total_seconds(), FIRST_WAIT
    while True:
        result = client.data_source_test(job)
        if phase(result.get("status")) is not Phase.OPEN or monotonic() + pause > until:
            return result
        wait(pause)
        pause = min(pause * 2, LONGEST_WAIT)


def _diff(client: Datafold, number: int) -> Outcome | None:
    status = client.data_diff(number).get("status")
    if phase(status) is Phase.STUCK:
        reason = f"Data diff {number} waits at Datafold for somebody: {status}."
        return Outcome(status=Status.ERROR, reason=reason)
    if phase(status) is Phase.OPEN:
        return None
    return diff_outcome({"status": status, **client.data_diff_results(number)})


def _awaited(look: Look, *, wait: Wait, limit: timedelta) -> Outcome | None:
    """Look until there is a verdict or the time is up; a lookup that fails for a transient reason is repeated."""
    until, pause = monotonic() + limit.total_seconds(), FIRST_WAIT
    while True:
        try:
            outcome = look()
        except PublishError as error:
            if error.permanent:
                raise
            outcome = None
        if outcome is not None or monotonic() + pause > until:
            return outcome
        wait(pause)
        pause = min(pause * 2, LONGEST_WAIT)


def _still_runs(what: str, limit: timedelta) -> Outcome:
    minutes = limit.total_seconds() / 60
    return Outcome(status=Status.ERROR, reason=f"{what} has no verdict at Datafold after {minutes:g} minutes.")
