"""The checks of watched assets, evaluated in a run that includes them."""

import time
from collections.abc import Iterator, Set
from datetime import datetime

import dagster as dg

from observe_dagster.config.models.check_kinds import CHECK_KINDS
from observe_dagster.errors import ObserveError
from observe_dagster.orchestration.checks.plots import pictures
from observe_dagster.orchestration.checks.results import check_result
from observe_dagster.orchestration.checks.watched.expectations import Watched, watched_asset, watched_ids
from observe_dagster.orchestration.checks.watched.recorder import ExecutionRecorder
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Outcome, Status

_SECONDS_TO_RECORD = 60.0


def evaluate_watched(
    context: dg.AssetCheckExecutionContext, observe: ObserveResource, watched: Watched
) -> Iterator[dg.AssetCheckResult]:
    """Judge the selected checks by the event log as it is now; a ledger that fails makes them errors."""
    selected = context.op_execution_context.selected_asset_check_keys
    selected_assets = {key: asset for key, asset in watched.items() if any(each.asset_key == key for each in selected)}
    now = observe.clock()
    try:
        _record(context.instance, observe, selected_assets)
        results = _judged(observe, selected_assets, selected, now)
        plots = pictures(observe, results)
    except ObserveError as error:
        results, plots = [_not_judged(check, Status.ERROR, str(error), now) for check in sorted(selected)], {}
    for result in results:
        yield check_result(result, metadata=plots.get(result))


def _record(instance: dg.DagsterInstance, observe: ObserveResource, assets: Watched) -> None:
    """Register the assets and record their latest executions, which the sensor may not have done yet."""
    recorder, deadline = ExecutionRecorder(instance, observe), time.monotonic() + _SECONDS_TO_RECORD
    for key, watch in assets.items():
        observe.ledger.watched.add_expectations(watched_asset(key, watch), now=observe.clock())
    ran = observe.ledger.executions.latest_of_each().keys()
    for key, watch in assets.items():
        if not ran & set(watched_ids([key])):
            recorder.past(key, watch, deadline=deadline)
    recorder.latest(assets.keys())


def _judged(
    observe: ObserveResource, assets: Watched, selected: Set[dg.AssetCheckKey], now: datetime
) -> list[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions
    from observe_dagster.monitoring.timing import judge_timing

    ids = watched_ids(assets.keys())
    judged = (
        *judge_timing(observe.project, observe.ledger, now=now, pipeline_ids=ids),
        *judge_executions(observe.project, observe.ledger, now=now, pipeline_ids=ids, latest=True),
    )
    results = {dg.AssetCheckKey(dg.AssetKey(result.asset), result.check_name): result for result in judged}
    observe.ledger.checks.record_results([results[check] for check in sorted(selected) if check in results])
    for check in selected - results.keys():
        reason = f"{check.asset_key.to_user_string()} has no execution with this metric yet."
        results[check] = _not_judged(check, Status.SKIPPED, reason, now)
    return [results[check] for check in sorted(selected)]


def _not_judged(check: dg.AssetCheckKey, status: Status, reason: str, now: datetime) -> CheckResult:
    return CheckResult(
        asset=tuple(check.asset_key.path),
        check_name=check.name,
        kind=check.name if check.name in CHECK_KINDS else "anomaly",
        outcome=Outcome(status=status, reason=reason),
        judged_at=now,
        evaluated_at=now,
    )
