"""Runs monitors at Datafold over the ticks of a sensor: starts what is due, polls what runs, reports results."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.errors import PublishError, UnreachableError
from observe_dagster.orchestration.checks.results import check_evaluation
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Outcome, Status

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.client import Datafold

KIND = "datafold"

_BATCH = 200
_WRONG_KEY = 401
_FOLLOWED = (dg.DagsterEventType.ASSET_MATERIALIZATION,)


@dataclass(slots=True, kw_only=True)
class _PendingRun:
    """What is pending for a check: start a run (`due`), poll the one that was started at `since`, or both."""

    due: bool = False
    run_id: int | None = None
    since: float = 0.0


class MonitorFollower:
    """One tick of the sensor; the context's cursor holds what is pending, so that a restart loses nothing.

    While a monitor runs, any number of materializations make it run once more when it has ended.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        observe: ObserveResource,
        client: "Datafold",
        monitors: Mapping[dg.AssetCheckKey, int],
    ) -> None:
        """`monitors` has the number at Datafold of each check's monitor."""
        self._instance, self._observe, self._client, self._monitors = instance, observe, client, monitors
        self._of_asset: dict[dg.AssetKey | None, list[dg.AssetCheckKey]] = {}
        for check in monitors:
            self._of_asset.setdefault(check.asset_key, []).append(check)
        self._pending: dict[dg.AssetCheckKey, _PendingRun] = {}
        self._planned: dict[str, set[dg.AssetCheckKey]] = {}
        self._started = self._results = 0
        self._notices: dict[str, None] = {}

    def tick(self, context: dg.SensorEvaluationContext, *, deadline: float, settle_time: timedelta = SETTLE) -> str:
        """Poll what runs, start what is due, keep what is left in the cursor; returns a summary in a sentence."""
        kept = json.loads(context.cursor) if context.cursor else {}
        self._pending = {
            check: _PendingRun(due=due, run_id=run_id, since=since)
            for path, name, due, run_id, since in kept.get("open", ())
            if (check := dg.AssetCheckKey(dg.AssetKey(path), name)) in self._monitors
        }
        follower = EventFollower(self._instance, _FOLLOWED, kept.get("follower"), settle_time=settle_time)
        self._follow(follower, deadline=deadline)
        for step in (self._poll, self._start):
            for check, state in list(self._pending.items()):
                if monotonic() > deadline or not self._step_taken(check, state, step):
                    break
        self._pending = {
            check: state for check, state in self._pending.items() if state.due or state.run_id is not None
        }
        pending = [
            [list(check.asset_key.path), check.name, state.due, state.run_id, state.since]
            for check, state in self._pending.items()
        ]
        context.update_cursor(json.dumps({"follower": follower.cursor, "open": pending}))
        return self._summary()

    def _follow(self, follower: EventFollower, *, deadline: float) -> None:
        while True:
            records = list(follower.take(limit=_BATCH, seconds=deadline - monotonic()))
            for record in records:
                for check in self._of_asset.get(record.asset_key, ()):
                    if check not in self._planned_by(record.run_id):
                        self._pending.setdefault(check, _PendingRun()).due = True
            if len(records) < _BATCH or monotonic() > deadline:
                return

    def _planned_by(self, run_id: str) -> set[dg.AssetCheckKey]:
        """The checks that a run evaluates itself."""
        if run_id and run_id not in self._planned:
            events = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
            planned = (entry.get_dagster_event().asset_check_planned_data for entry in events)
            self._planned[run_id] = {event.asset_check_key for event in planned}
        return self._planned.get(run_id, set())

    def _step_taken(
        self, check: dg.AssetCheckKey, state: _PendingRun, step: Callable[[dg.AssetCheckKey, _PendingRun], None]
    ) -> bool:
        """Take a step; false when no further request is to be made in this tick."""
        try:
            step(check, state)
        except PublishError as error:
            self._notices[str(error)] = None
            if isinstance(error, UnreachableError) or error.status == _WRONG_KEY:
                return False
            if error.permanent:
                state.due, state.run_id = state.due and state.run_id is not None, None
                self._report(check, Outcome(status=Status.ERROR, reason=str(error)))
        return True

    def _poll(self, check: dg.AssetCheckKey, state: _PendingRun) -> None:
        from observe_dagster.integrations.datafold.polling import LIMIT, no_verdict
        from observe_dagster.integrations.datafold.results import monitor_outcome

        if state.run_id is None:
            return
        number, now = self._monitors[check], self._observe.clock().timestamp()
        outcome = None
        try:
            outcome = monitor_outcome(str(number), self._client.monitor_run(number, state.run_id))
        except PublishError:
            if now - state.since < LIMIT.total_seconds():
                raise
        if outcome is None and now - state.since >= LIMIT.total_seconds():
            outcome = no_verdict(str(number), state.run_id)
        if outcome is not None:
            state.run_id = None
            self._report(check, outcome)

    def _start(self, check: dg.AssetCheckKey, state: _PendingRun) -> None:
        from observe_dagster.integrations.datafold.polling import start_monitor

        if state.due and state.run_id is None:
            state.run_id = start_monitor(self._client, self._monitors[check])
            state.due, state.since = False, self._observe.clock().timestamp()
            self._started += 1

    def _report(self, check: dg.AssetCheckKey, outcome: Outcome) -> None:
        result = datafold_result(check, outcome, self._observe.clock())
        self._instance.report_runless_asset_event(check_evaluation(result))
        self._observe.ledger.checks.record_results([result])
        self._results += 1

    def _summary(self) -> str:
        running = sum(state.run_id is not None for state in self._pending.values())
        due = sum(state.due for state in self._pending.values())
        counts = f"{self._started} started, {self._results} reported, {running} running"
        return " ".join([f"{counts}, {due} to start." if due else f"{counts}.", *self._notices])


def datafold_result(check: dg.AssetCheckKey, outcome: Outcome, now: datetime) -> CheckResult:
    """The result of a check whose monitor ran at Datafold."""
    return CheckResult(
        asset=tuple(check.asset_key.path),
        check_name=check.name,
        kind=KIND,
        outcome=outcome,
        judged_at=now,
        evaluated_at=now,
    )
