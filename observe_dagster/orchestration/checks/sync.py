"""The checks of a pipeline, evaluated in the step that syncs it, or alone when somebody asks for them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg

from observe_dagster.config.models.check_kinds import check_kind
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import ObserveError
from observe_dagster.orchestration.checks.kinds import Evaluation, PipelineCheck, pipeline_checks, unjudged
from observe_dagster.orchestration.checks.plots import pictures
from observe_dagster.orchestration.checks.results import check_evaluation, check_result
from observe_dagster.orchestration.checks.unevaluated import superseded_checks
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult, Status, SyncResult


def evaluate(
    context: dg.AssetExecutionContext, observe: ObserveResource, pipeline: Pipeline, *, synced: SyncResult | None
) -> Iterator[dg.AssetCheckResult]:
    """Judge the checks of a pipeline that the step was asked for, record the results, and yield them.

    What a check needs and cannot get makes it an `error`, never a failed sync: the rows are there already.
    """
    keys = context.selected_asset_check_keys
    names = {key.name for key in keys}
    if not names:
        return
    evaluation = Evaluation(observe=observe, pipeline=pipeline, synced=synced, now=observe.clock())
    checks = [check for check in pipeline_checks(pipeline, observe.project) if check.name in names]
    results, plots = _recorded(evaluation, checks)
    for result in results:
        yield check_result(result, metadata=plots.get(result))
    superseded = superseded_checks(context.instance, keys, context.run.run_id)
    for result in results:
        if result.check_name in superseded:
            context.instance.report_runless_asset_event(check_evaluation(result, metadata=plots.get(result)))


def _recorded(
    evaluation: Evaluation, checks: Collection[PipelineCheck]
) -> tuple[list[CheckResult], Mapping[CheckResult, Mapping[str, Any]]]:
    """Judge and record: of each check the newest result, and the metadata of those that have a plot."""
    observe, pipeline, now = evaluation.observe, evaluation.pipeline, evaluation.now
    results = list(_judged(evaluation, checks))
    judged = {result.check_name for result in results}
    missing = sorted((check for check in checks if check.name not in judged), key=lambda check: check.name)
    results += [unjudged(check, pipeline, now, _no_input(evaluation, check)) for check in missing]
    newest = {result.check_name: result for result in results}
    try:
        observe.ledger.checks.record_results(results)
        return list(newest.values()), pictures(observe, newest.values())
    except ObserveError as error:
        return _errors(evaluation, checks, error), {}


def _judged(evaluation: Evaluation, checks: Collection[PipelineCheck]) -> Iterator[CheckResult]:
    names = {check.name for check in checks}
    try:
        for judge in dict.fromkeys(check.kind.judge for check in checks):
            yield from (result for result in judge(evaluation) if result.check_name in names)
    except ObserveError as error:
        yield from _errors(evaluation, checks, error)


def _errors(evaluation: Evaluation, checks: Collection[PipelineCheck], error: ObserveError) -> list[CheckResult]:
    return [
        unjudged(check, evaluation.pipeline, evaluation.now, str(error), Status.ERROR)
        for check in sorted(checks, key=lambda check: check.name)
    ]


def _no_input(evaluation: Evaluation, check: PipelineCheck) -> str:
    if evaluation.synced is None or check_kind(check.kind.kind).between_runs:
        return f"{evaluation.pipeline.name} has no run to judge yet."
    return "Only scheduled runs are compared: this one covers whatever it was asked for."
