"""The checks that a pipeline has by its own declaration, one row a kind: which there are, and how they are judged."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from observe_dagster.checks.thresholds import Threshold, freshness_allowance, timeliness_allowance
from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, VERIFY, anomaly_check_name
from observe_dagster.config.models.pipeline import Pipeline, PipelineType
from observe_dagster.config.project import Project
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import KIND_KEY, destination_key
from observe_dagster.records import CheckResult, Outcome, Status, SyncResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the checks of a pipeline are judged by: the sync just run, or None when only the checks were asked for."""

    observe: ObserveResource
    pipeline: Pipeline
    synced: SyncResult | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineCheckKind:
    """One kind: `declared` gives the name and description of each of a pipeline's checks, `judge` their results.

    Kinds with the same `judge` are judged together.
    """

    kind: str
    declared: Callable[[Pipeline, PipelineType | None], Iterator[tuple[str, str]]]
    judge: Callable[[Evaluation], Iterable[CheckResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineCheck:
    """One check of one pipeline."""

    name: str
    kind: PipelineCheckKind
    description: str


def pipeline_checks(pipeline: Pipeline, project: Project) -> Iterator[PipelineCheck]:
    """The checks that ride on the runs of a pipeline."""
    declared = next((each for each in project.pipeline_types if each.name == pipeline.pipeline_type_name), None)
    for kind in PIPELINE_CHECK_KINDS:
        for name, description in kind.declared(pipeline, declared):
            yield PipelineCheck(name=name, kind=kind, description=description)


def pipeline_check_specs(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckSpec]:
    """The checks that ride on the runs of a pipeline; each can be run by hand as well."""
    key = destination_key(pipeline)
    return [
        dg.AssetCheckSpec(
            name=check.name, asset=key, description=check.description, metadata={KIND_KEY: check.kind.kind}
        )
        for check in pipeline_checks(pipeline, project)
    ]


def check_keys(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckKey]:
    """The keys of these checks."""
    return [spec.key for spec in pipeline_check_specs(pipeline, project)]


def unjudged(
    check: PipelineCheck, pipeline: Pipeline, now: datetime, reason: str, status: Status = Status.SKIPPED
) -> CheckResult:
    """The result of a check that could not be judged."""
    return _result(pipeline, check.name, check.kind.kind, Outcome(status=status, reason=reason), now)


def _freshness(pipeline: Pipeline, declared: PipelineType | None) -> Iterator[tuple[str, str]]:
    allowed = freshness_allowance(pipeline, declared)
    if allowed.number is not None:
        yield FRESHNESS, f"Rows must have arrived within {_threshold(allowed)}"


def _timeliness(pipeline: Pipeline, declared: PipelineType | None) -> Iterator[tuple[str, str]]:
    allowed = timeliness_allowance(pipeline, declared)
    if allowed.number is not None:
        yield TIMELINESS, f"A run must start on time and end within {_threshold(allowed)}"


def _threshold(allowed: Threshold) -> str:
    plural = "" if allowed.number == 1 else "s"
    muted = f" Muted by the {allowed.muted_by}." if allowed.muted_by else ""
    return f"{allowed.number} {allowed.datepart}{plural} (declared by the {allowed.level}).{muted}"


def _anomalies(pipeline: Pipeline, _: PipelineType | None) -> Iterator[tuple[str, str]]:
    for rule in pipeline.anomaly_detection_rules:
        if rule.active:
            hour = " that started in the same hour" if rule.method == "zscore" else ""
            compared = f"the runs of the {rule.lookback_days} days before it{hour}"
            expected = f"`{rule.metric_field}` of a run must be as {compared} let expect (method `{rule.method}`)."
            yield anomaly_check_name(rule.metric_field), expected


def _verification(pipeline: Pipeline, _: PipelineType | None) -> Iterator[tuple[str, str]]:
    if pipeline.verify == "diff":
        yield VERIFY, "What a run wrote must equal the source's rows of its range, column by column."


def _judge_timing(evaluation: Evaluation) -> Iterable[CheckResult]:
    from observe_dagster.monitoring.timing import judge_timing

    observe = evaluation.observe
    return judge_timing(observe.project, observe.ledger, now=evaluation.now, pipeline_ids=[evaluation.pipeline.id])


def _judge_anomalies(evaluation: Evaluation) -> Iterable[CheckResult]:
    from observe_dagster.monitoring.anomalies import judge_executions

    observe, synced = evaluation.observe, evaluation.synced
    return judge_executions(
        observe.project,
        observe.ledger,
        now=evaluation.now,
        pipeline_ids=[evaluation.pipeline.id],
        execution_ids=None if synced is None else [synced.execution_id],
        latest=synced is None,
    )


def _judge_verification(evaluation: Evaluation) -> Iterator[CheckResult]:
    from observe_dagster.monitoring.diff.verify import judge_sync

    pipeline, synced, now = evaluation.pipeline, evaluation.synced, evaluation.now
    if synced is None:
        outcome = Outcome(status=Status.SKIPPED, reason="A run is verified when it has synced; materialize the asset.")
        yield _result(pipeline, VERIFY, "diff", outcome, now)
    else:
        outcome = judge_sync(evaluation.observe.project, pipeline, synced.range, now=now)
        yield _result(pipeline, VERIFY, "diff", outcome, now, execution_id=synced.execution_id)


def _result(
    pipeline: Pipeline, name: str, kind: str, outcome: Outcome, now: datetime, *, execution_id: int | None = None
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


PIPELINE_CHECK_KINDS = (
    PipelineCheckKind(kind="freshness", declared=_freshness, judge=_judge_timing),
    PipelineCheckKind(kind="timeliness", declared=_timeliness, judge=_judge_timing),
    PipelineCheckKind(kind="anomaly", declared=_anomalies, judge=_judge_anomalies),
    PipelineCheckKind(kind="diff", declared=_verification, judge=_judge_verification),
)
