"""Evaluates checks between runs, without launching any: freshness, timeliness, and runs that were not judged yet."""

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
    """Judge, report what changed and record all results; returns a summary in a sentence.

    Only checks that are `known` to Dagster are reported. Those of assets that were `loaded` without their checks, and
    those that a failed run did not evaluate, are reported again, for Dagster shows them as not evaluated. What is left
    at `deadline` is reported by the next call.
    """
    from observe_dagster.monitoring.timing import changed_or_stale

    results = _judged(observe, pipeline_ids)
    due = changed_or_stale(results, observe.ledger.checks.statuses(), now=observe.clock())
    due = [result for result in due if (result.asset, result.check_name) in known]
    unevaluated = planned_but_unevaluated(instance, known) | {check for check in known if check[0] in loaded}
    unevaluated -= {(result.asset, result.check_name) for result in due}
    due += _results_to_report_again(observe, pipeline_ids, results, unevaluated)
    to_report = {id(result) for result in due}
    observe.ledger.checks.record_results([result for result in results if id(result) not in to_report])
    reported = _report(instance, observe, due, deadline=deadline)
    return _summary(results, reported=reported, pending=len(due) - reported)


def _judged(observe: ObserveResource, pipeline_ids: Sequence[str]) -> list[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions
    from observe_dagster.monitoring.timing import judge_timing

    now = observe.clock()
    timing = judge_timing(observe.project, observe.ledger, now=now, pipeline_ids=pipeline_ids)
    return [*timing, *judge_executions(observe.project, observe.ledger, now=now, pipeline_ids=pipeline_ids)]


def _results_to_report_again(
    observe: ObserveResource, pipeline_ids: Sequence[str], results: Sequence[CheckResult], checks: Collection[Check]
) -> list[CheckResult]:
    """The current results of some checks, whether they changed or not."""
    if not checks:
        return []
    judged = [*_of_latest_runs(observe, pipeline_ids, checks), *results]
    current = {(result.asset, result.check_name): result for result in judged}
    return [current[check] for check in sorted(current) if check in checks]


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
    """Report results and then record them, in batches, until `deadline`; returns how many."""
    reported = 0
    while reported < len(due) and time.monotonic() < deadline:
        batch = due[reported : reported + _REPORTED_AT_ONCE]
        plots = pictures(observe, batch)
        for result in batch:
            instance.report_runless_asset_event(check_evaluation(result, metadata=plots.get(result)))
        observe.ledger.checks.record_results(batch)
        reported += len(batch)
    return reported


def _summary(results: Collection[CheckResult], *, reported: int, pending: int) -> str:
    counts = Counter(result.outcome.status for result in results)
    statuses = ", ".join(f"{counts[status]} {word}" for status, word in _WORDS.items() if counts[status])
    more = f", {pending} left for the next tick" if pending else ""
    noun = "result" if len(results) == 1 else "results"
    return f"{len(results)} {noun} ({statuses or 'none'}); {reported} reported{more}."
