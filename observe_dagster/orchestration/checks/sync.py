"""The checks of a pipeline, evaluated in the step that syncs it, or alone when somebody asks for them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, VERIFY
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import ObserveError
from observe_dagster.orchestration.checks.plots import pictures
from observe_dagster.orchestration.checks.results import check_evaluation, check_result
from observe_dagster.orchestration.checks.unevaluated import superseded_checks
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Outcome, Status, SyncResult

_STANDING = {FRESHNESS, TIMELINESS}


def evaluate(
    context: dg.AssetExecutionContext, observe: ObserveResource, pipeline: Pipeline, *, synced: SyncResult | None
) -> Iterator[dg.AssetCheckResult]:
    """Judge the checks of a pipeline that the step was asked for, keep the verdicts, and yield them.

    What a check needs and cannot get makes it an `error`, never a failed sync: the rows are there already.
    """
    keys = context.selected_asset_check_keys
    names = {key.name for key in keys}
    if not names:
        return
    results, drawn = _kept(observe, pipeline, names, synced=synced)
    for result in results:
        yield check_result(result, metadata=drawn.get(result))
    hidden = superseded_checks(context.instance, keys, context.run.run_id)
    for result in results:
        if result.check_name in hidden:
            context.instance.report_runless_asset_event(check_evaluation(result, metadata=drawn.get(result)))


def _kept(
    observe: ObserveResource, pipeline: Pipeline, names: Collection[str], *, synced: SyncResult | None
) -> tuple[list[CheckResult], Mapping[CheckResult, Mapping[str, Any]]]:
    """Judge and keep: of each check the newest verdict, and the metadata of those that have a picture."""
    now = observe.clock()
    results = list(_judged(observe, pipeline, names, synced=synced, now=now))
    missing = sorted(set(names) - {result.check_name for result in results})
    results += [_not_judged(pipeline, name, now, _nothing_to_judge(pipeline, name, synced)) for name in missing]
    told = {result.check_name: result for result in results}
    try:
        observe.ledger.checks.record_results(results)
        return list(told.values()), pictures(observe, told.values())
    except ObserveError as error:
        return [_not_judged(pipeline, name, now, str(error), Status.ERROR) for name in sorted(names)], {}


def _nothing_to_judge(pipeline: Pipeline, name: str, synced: SyncResult | None) -> str:
    if synced is None or name in _STANDING:
        return f"{pipeline.name} has no run to judge yet."
    return "Only scheduled runs are compared: this one covers whatever it was asked for."


def _judged(
    observe: ObserveResource,
    pipeline: Pipeline,
    names: Collection[str],
    *,
    synced: SyncResult | None,
    now: datetime,
) -> Iterator[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions
    from observe_dagster.monitoring.timing import judge_timing

    wanted = set(names)
    try:
        if wanted & _STANDING:
            yield from _named(
                judge_timing(observe.project, observe.ledger, now=now, pipeline_ids=[pipeline.id]), wanted
            )
        if wanted - _STANDING - {VERIFY}:
            results = judge_executions(
                observe.project,
                observe.ledger,
                now=now,
                pipeline_ids=[pipeline.id],
                execution_ids=None if synced is None else [synced.execution_id],
                latest=synced is None,
            )
            yield from _named(results, wanted)
        if VERIFY in wanted:
            yield from _verified(observe, pipeline, synced, now=now)
    except ObserveError as error:
        for name in sorted(wanted):
            yield _not_judged(pipeline, name, now, str(error), Status.ERROR)


def _named(results: Iterable[CheckResult], wanted: Collection[str]) -> Iterator[CheckResult]:
    return (result for result in results if result.check_name in wanted)


def _verified(
    observe: ObserveResource, pipeline: Pipeline, synced: SyncResult | None, *, now: datetime
) -> Iterator[CheckResult]:
    from observe_dagster.monitoring.diff.verify import judge_sync

    if synced is None:
        yield _not_judged(pipeline, VERIFY, now, "A run is verified when it has synced; materialize the asset.")
        return
    outcome = judge_sync(observe.project, pipeline, synced.range, now=now)
    yield _result(pipeline, VERIFY, "diff", outcome, now=now, execution_id=synced.execution_id)


def _not_judged(
    pipeline: Pipeline, name: str, now: datetime, reason: str, status: Status = Status.SKIPPED
) -> CheckResult:
    kind = {FRESHNESS: "freshness", TIMELINESS: "timeliness", VERIFY: "diff"}.get(name, "anomaly")
    return _result(pipeline, name, kind, Outcome(status=status, reason=reason), now=now)


def _result(
    pipeline: Pipeline, name: str, kind: str, outcome: Outcome, *, now: datetime, execution_id: int | None = None
) -> CheckResult:
    return CheckResult(
        asset=pipeline.table_key,
        check_name=name,
        kind=kind,
        outcome=outcome,
        judged_at=now,
        evaluated_at=now,
        pipeline_id=pipeline.id,
        execution_id=execution_id,
    )
