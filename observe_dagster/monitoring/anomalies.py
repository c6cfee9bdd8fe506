"""Judge the metrics of runs, of any number of pipelines in one query, and draw what they were judged by."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from observe_dagster.checks.anomaly import Anomaly, History, Measured, judge, picture_markdown
from observe_dagster.clock import EPOCH
from observe_dagster.config.models.check_names import anomaly_check_name
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.monitoring.timing import timezone_of
from observe_dagster.records import CheckResult, Status

if TYPE_CHECKING:
    from observe_dagster.ledger import AnomalyCase, Ledger


def judge_executions(
    project: Project,
    ledger: "Ledger",
    *,
    now: datetime,
    pipeline_ids: Collection[str] | None = None,
    execution_ids: Collection[int] | None = None,
    latest: bool = False,
) -> list[CheckResult]:
    """Judge runs that ended well by the active rules of their pipelines, the earliest first, in one query.

    To judge are these executions, or with `latest` the last good run of each pipeline, or else all good runs of the
    last week that were not judged yet, and those that were unflagged.
    """
    pipelines = {pipeline.id: pipeline for pipeline in project.pipelines}
    results: list[CheckResult] = []
    with ledger.checks.anomaly_cases(
        now=now, pipeline_ids=pipeline_ids, execution_ids=execution_ids, latest=latest
    ) as cases:
        for case in cases:
            results += _judged(case, _declared(case, pipelines), now)
    return sorted(results, key=lambda result: (result.judged_at, result.execution_id or 0))


def draw(
    project: Project, ledger: "Ledger", results: Sequence[CheckResult], *, now: datetime
) -> dict[CheckResult, str]:
    """Draw the anomalies among some results as markdown, in one query."""
    anomalies = {(result.execution_id, result.check_name): result for result in results if result.kind == "anomaly"}
    execution_ids = [number for number, _ in anomalies if number is not None]
    pipelines = {pipeline.id: pipeline for pipeline in project.pipelines}
    drawn: dict[CheckResult, str] = {}
    if not execution_ids:
        return drawn
    with ledger.checks.anomaly_cases(now=now, execution_ids=execution_ids) as cases:
        for case in cases:
            declared = _declared(case, pipelines)
            for number, measured in _runs(case):
                result = anomalies.get((number, anomaly_check_name(case.rule.metric_field)))
                if result is not None:
                    drawn[result] = picture_markdown(declared, measured, result.outcome)
    return drawn


def _declared(case: "AnomalyCase", pipelines: Mapping[str, Pipeline]) -> Anomaly:
    rule = case.rule
    return Anomaly(
        name=case.name,
        metric_field=rule.metric_field,
        method="zscore" if rule.method == "zscore" else "robust",
        z_threshold=rule.z_threshold,
        lookback_days=rule.lookback_days,
        minimum_executions=rule.minimum_executions,
        active=rule.active,
        timezone=timezone_of(pipelines.get(case.pipeline_id)),
    )


def _runs(case: "AnomalyCase") -> Iterator[tuple[int, Measured]]:
    """The runs to judge, by their numbers."""
    history = History(at=case.at, values=case.values, flagged=case.flagged)
    for index, number in enumerate(case.execution_ids.tolist()):
        if number in case.to_judge:
            at = EPOCH + timedelta(microseconds=int(case.at[index]))
            yield number, Measured(at=at, value=float(case.values[index]), history=history)


def _judged(case: "AnomalyCase", declared: Anomaly, now: datetime) -> Iterator[CheckResult]:
    unflagged = set(case.execution_ids[case.unflagged].tolist())
    for number, measured in _runs(case):
        outcome = judge(declared, measured)
        outcome = replace(outcome, evidence={**outcome.evidence, "metric_field": declared.metric_field})
        if number in unflagged and outcome.status is Status.FAIL:
            reason = f"{outcome.reason} Somebody said that this is no anomaly."
            outcome = replace(outcome, status=Status.PASS, reason=reason)
        yield CheckResult(
            asset=case.asset,
            check_name=anomaly_check_name(declared.metric_field),
            kind="anomaly",
            outcome=outcome,
            judged_at=measured.at,
            evaluated_at=now,
            pipeline_id=case.pipeline_id,
            execution_id=number,
        )
