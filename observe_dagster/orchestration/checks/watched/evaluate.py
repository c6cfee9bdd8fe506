"""The checks of assets that others make, judged when somebody asks for them or a run includes them."""

import time
from collections.abc import Collection, Iterator
from datetime import datetime

import dagster as dg

from observe_dagster.config.models.check_kinds import CHECK_KINDS
from observe_dagster.errors import ObserveError
from observe_dagster.orchestration.checks.plots import pictures
from observe_dagster.orchestration.checks.results import check_result
from observe_dagster.orchestration.checks.watched.expectations import Watched, as_observed, watched_ids
from observe_dagster.orchestration.checks.watched.recorder import ExecutionRecorder
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Outcome, Status

_SECONDS_TO_LEARN = 60.0


def evaluate_watched(
    context: dg.AssetCheckExecutionContext, observe: ObserveResource, watched: Watched
) -> Iterator[dg.AssetCheckResult]:
    """Judge the selected checks by what the event log says now; a ledger that fails makes them errors."""
    selected = context.op_execution_context.selected_asset_check_keys
    asked = {key: watch for key, watch in watched.items() if any(check.asset_key == key for check in selected)}
    now = observe.clock()
    try:
        _learn(context.instance, observe, asked)
        results = _judged(observe, asked, selected, now)
        drawn = pictures(observe, results)
    except ObserveError as error:
        results, drawn = [_not_judged(check, Status.ERROR, str(error), now) for check in sorted(selected)], {}
    for result in results:
        yield check_result(result, metadata=drawn.get(result))


def _learn(instance: dg.DagsterInstance, observe: ObserveResource, asked: Watched) -> None:
    """The sensor may not have come by yet: make the assets known, and learn what happened last."""
    learner, deadline = ExecutionRecorder(instance, observe), time.monotonic() + _SECONDS_TO_LEARN
    for key, watch in asked.items():
        observe.ledger.watched.add_expectations(as_observed(key, watch), now=observe.clock())
    ran = observe.ledger.latest_executions().keys()
    for key, watch in asked.items():
        if not ran & set(watched_ids([key])):
            learner.past(key, watch, deadline=deadline)
    learner.latest(asked.keys())


def _judged(
    observe: ObserveResource, asked: Watched, selected: Collection[dg.AssetCheckKey], now: datetime
) -> list[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions
    from observe_dagster.monitoring.timing import judge_timing

    ids = watched_ids(asked.keys())
    judged = (
        *judge_timing(observe.project, observe.ledger, now=now, pipeline_ids=ids),
        *judge_executions(observe.project, observe.ledger, now=now, pipeline_ids=ids, latest=True),
    )
    found = {dg.AssetCheckKey(dg.AssetKey(result.asset), result.check_name): result for result in judged}
    observe.ledger.verdicts.record_results([found[check] for check in sorted(selected) if check in found])
    return [found.get(check) or _nothing_yet(check, now) for check in sorted(selected)]


def _nothing_yet(check: dg.AssetCheckKey, now: datetime) -> CheckResult:
    reason = f"{check.asset_key.to_user_string()} has no execution with this metric yet."
    return _not_judged(check, Status.SKIPPED, reason, now)


def _not_judged(check: dg.AssetCheckKey, status: Status, reason: str, now: datetime) -> CheckResult:
    return CheckResult(
        asset=tuple(check.asset_key.path),
        check_name=check.name,
        kind=check.name if check.name in CHECK_KINDS else "anomaly",
        outcome=Outcome(status=status, reason=reason),
        judged_at=now,
        evaluated_at=now,
    )
