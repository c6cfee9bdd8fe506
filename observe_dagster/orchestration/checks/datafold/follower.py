"""Follows monitors at Datafold over the ticks of a sensor: what has to start, what runs, and what it came to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from observe_dagster.errors import PublishError, UnreachableError
from observe_dagster.orchestration.checks.results import check_evaluation
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Outcome, Status

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.client import Datafold

_BATCH = 200
_WRONG_KEY = 401
_FOLLOWED = (dg.DagsterEventType.ASSET_MATERIALIZATION,)


@dataclass(slots=True, kw_only=True)
class _Open:
    """What is to be done for a check: start a run (`due`), look at one that was started at `since`, or both."""

    due: bool = False
    run_id: int | None = None
    since: float = 0.0


class MonitorFollower:
    """One tick of the sensor; the context's cursor holds what goes on, so that a restart loses nothing.

    While a monitor runs, any number of materializations let it run once more, when it has ended.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        observe: ObserveResource,
        there: "Datafold",
        monitors: Mapping[dg.AssetCheckKey, int],
        *,
        judged: Callable[[dg.AssetCheckKey, Outcome], CheckResult],
    ) -> None:
        self._instance, self._observe, self._there = instance, observe, there
        self._monitors, self._judged = monitors, judged
        self._of_asset: dict[dg.AssetKey | None, list[dg.AssetCheckKey]] = {}
        for check in monitors:
            self._of_asset.setdefault(check.asset_key, []).append(check)
        self._open: dict[dg.AssetCheckKey, _Open] = {}
        self._planned: dict[str, set[dg.AssetCheckKey]] = {}
        self._started = self._verdicts = 0
        self._notices: dict[str, None] = {}

    def tick(self, context: dg.SensorEvaluationContext, *, deadline: float, settle: timedelta = SETTLE) -> str:
        """Look at what runs, start what is due, keep what is left in the cursor; says in a sentence what was done."""
        kept = json.loads(context.cursor) if context.cursor else {}
        self._open = {check: one for check, one in _read(kept) if check in self._monitors}
        follower = EventFollower(self._instance, _FOLLOWED, kept.get("follower"), settle=settle)
        self._follow(follower, deadline=deadline)
        for step in (self._look, self._start):
            for check, one in list(self._open.items()):
                if monotonic() > deadline or not self._tried(check, one, step):
                    break
        self._open = {check: one for check, one in self._open.items() if one.due or one.run_id is not None}
        context.update_cursor(json.dumps({"follower": follower.cursor, "open": _written(self._open)}))
        return self._sentence()

    def _follow(self, follower: EventFollower, *, deadline: float) -> None:
        while True:
            records = list(follower.take(limit=_BATCH, seconds=deadline - monotonic()))
            for record in records:
                for check in self._of_asset.get(record.asset_key, ()):
                    if check not in self._planned_by(record.run_id):
                        self._open.setdefault(check, _Open()).due = True
            if len(records) < _BATCH or monotonic() > deadline:
                return

    def _planned_by(self, run_id: str) -> set[dg.AssetCheckKey]:
        """The checks that a run judges itself."""
        if run_id and run_id not in self._planned:
            events = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED)
            planned = (entry.get_dagster_event().asset_check_planned_data for entry in events)
            self._planned[run_id] = {one.asset_check_key for one in planned}
        return self._planned.get(run_id, set())

    def _tried(self, check: dg.AssetCheckKey, one: _Open, step: Callable[[dg.AssetCheckKey, _Open], None]) -> bool:
        """Take a step; false when nothing more is to be asked of Datafold in this tick."""
        try:
            step(check, one)
        except PublishError as error:
            self._notices[str(error)] = None
            if isinstance(error, UnreachableError) or error.status == _WRONG_KEY:
                return False
            if error.permanent:
                one.due, one.run_id = one.due and one.run_id is not None, None
                self._report(check, Outcome(status=Status.ERROR, reason=str(error)))
        return True

    def _look(self, check: dg.AssetCheckKey, one: _Open) -> None:
        from observe_dagster.integrations.datafold.polling import LIMIT, no_verdict
        from observe_dagster.integrations.datafold.results import monitor_outcome

        if one.run_id is None:
            return
        number, now = self._monitors[check], self._observe.clock().timestamp()
        outcome = None
        try:
            outcome = monitor_outcome(str(number), self._there.monitor_run(number, one.run_id))
        except PublishError:
            if now - one.since < LIMIT.total_seconds():
                raise
        if outcome is None and now - one.since >= LIMIT.total_seconds():
            outcome = no_verdict(str(number), one.run_id)
        if outcome is not None:
            one.run_id = None
            self._report(check, outcome)

    def _start(self, check: dg.AssetCheckKey, one: _Open) -> None:
        from observe_dagster.integrations.datafold.polling import start_monitor

        if one.due and one.run_id is None:
            one.run_id = start_monitor(self._there, self._monitors[check])
            one.due, one.since = False, self._observe.clock().timestamp()
            self._started += 1

    def _report(self, check: dg.AssetCheckKey, outcome: Outcome) -> None:
        result = self._judged(check, outcome)
        self._instance.report_runless_asset_event(check_evaluation(result))
        self._observe.ledger.checks.record_results([result])
        self._verdicts += 1

    def _sentence(self) -> str:
        running = sum(one.run_id is not None for one in self._open.values())
        due = sum(one.due for one in self._open.values())
        counts = f"Started {self._started}, {self._verdicts} came to a verdict, {running} go on"
        return " ".join([f"{counts}, {due} are to start." if due else f"{counts}.", *self._notices])


def _read(kept: Mapping[str, Any]) -> list[tuple[dg.AssetCheckKey, _Open]]:
    return [
        (dg.AssetCheckKey(dg.AssetKey(path), name), _Open(due=due, run_id=run_id, since=since))
        for path, name, due, run_id, since in kept.get("open", ())
    ]


def _written(going_on: Mapping[dg.AssetCheckKey, _Open]) -> list[list[Any]]:
    return [[list(check.asset_key.path), check.name, one.due, one.run_id, one.since] for check, one in going_on.items()]
