"""The sensor that keeps verdicts true between runs, and launches none: late tables, overdue runs, unjudged runs."""

import time
from collections import Counter
from collections.abc import Collection, Sequence

import dagster as dg

from observe_dagster.orchestration.checks.plots import pictures
from observe_dagster.orchestration.checks.results import check_evaluation
from observe_dagster.orchestration.checks.unevaluated import Check, planned_but_unevaluated
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Status

_REPORTED_AT_ONCE = 50
_WORDS = {
    Status.FAIL: "failing",
    Status.WARN: "warning",
    Status.ERROR: "not to be judged",
    Status.LEARNING: "learning",
    Status.SKIPPED: "skipped",
    Status.PASS: "passing",
}


def judge_and_report(
    instance: dg.DagsterInstance,
    observe: ObserveResource,
    pipeline_ids: Sequence[str],
    known: Collection[Check],
    *,
    deadline: float,
    loaded: Collection[tuple[str, ...]] = (),
) -> str:
    """Judge, report what is news and keep all of it; says in a sentence what was done.

    Only checks that are `known` to Dagster are reported. Those of assets that were `loaded` without their checks, and
    those that a failed run never came to, are reported once more, for Dagster shows them as not evaluated. What the
    time does not allow waits for the next call.
    """
    results = _judged(observe, pipeline_ids)
    news = [result for result in _due(observe, results) if (result.asset, result.check_name) in known]
    unseen = planned_but_unevaluated(instance, known) | {check for check in known if check[0] in loaded}
    unseen -= {(result.asset, result.check_name) for result in news}
    due = [*news, *_results_to_report_again(observe, pipeline_ids, results, unseen)]
    told = {id(result) for result in due}
    observe.ledger.checks.record_results([result for result in results if id(result) not in told])
    reported = _report(instance, observe, due, deadline=deadline)
    return _sentence(results, reported=reported, waiting=len(due) - reported)


def _judged(observe: ObserveResource, pipeline_ids: Sequence[str]) -> list[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions
    from observe_dagster.monitoring.timing import judge_timing

    now = observe.clock()
    standing = judge_timing(observe.project, observe.ledger, now=now, pipeline_ids=pipeline_ids)
    return [*standing, *judge_executions(observe.project, observe.ledger, now=now, pipeline_ids=pipeline_ids)]


def _due(observe: ObserveResource, results: Sequence[CheckResult]) -> list[CheckResult]:
    from observe_dagster.monitoring.timing import changed_or_stale

    return changed_or_stale(results, observe.ledger.checks.statuses(), now=observe.clock())


def _results_to_report_again(
    observe: ObserveResource, pipeline_ids: Sequence[str], results: Sequence[CheckResult], checks: Collection[Check]
) -> list[CheckResult]:
    """How some checks stand, whether it is news or not."""
    if not checks:
        return []
    judged = [*_of_latest_runs(observe, pipeline_ids, checks), *results]
    standing = {(result.asset, result.check_name): result for result in judged}
    return [standing[check] for check in sorted(standing) if check in checks]


def _of_latest_runs(
    observe: ObserveResource, pipeline_ids: Sequence[str], checks: Collection[Check]
) -> list[CheckResult]:
    from observe_dagster.ledger import watched_id
    from observe_dagster.monitoring.anomalies import judge_executions

    declared: dict[tuple[str, ...], str] = {pipeline.table_key: pipeline.id for pipeline in observe.project.pipelines}
    ids = {declared.get(asset) or watched_id("/".join(asset)) for asset, _ in checks} & set(pipeline_ids)
    return judge_executions(observe.project, observe.ledger, now=observe.clock(), pipeline_ids=ids, latest=True)


def _report(
    instance: dg.DagsterInstance, observe: ObserveResource, due: Sequence[CheckResult], *, deadline: float
) -> int:
    """Report verdicts and then keep them, some at once; what the time does not allow waits for the next tick."""
    reported = 0
    while reported < len(due) and time.monotonic() < deadline:
        batch = due[reported : reported + _REPORTED_AT_ONCE]
        drawn = pictures(observe, batch)
        for result in batch:
            instance.report_runless_asset_event(check_evaluation(result, metadata=drawn.get(result)))
        observe.ledger.checks.record_results(batch)
        reported += len(batch)
    return reported


def _sentence(results: Collection[CheckResult], *, reported: int, waiting: int) -> str:
    counts = Counter(result.outcome.status for result in results)
    told = ", ".join(f"{counts[status]} {word}" for status, word in _WORDS.items() if counts[status])
    more = f", {waiting} left for the next tick" if waiting else ""
    checks = "1 verdict" if len(results) == 1 else f"{len(results)} verdicts"
    return f"{checks} ({told or 'none'}); {reported} reported{more}."
