"""Which checks the asset of a pipeline has, and how they describe themselves."""

from collections.abc import Iterator

import dagster as dg

from observe_dagster.checks.thresholds import Threshold, freshness_allowance, timeliness_allowance
from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, VERIFY, anomaly_check_name
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Pipeline
from observe_dagster.config.project import Project
from observe_dagster.orchestration.translator.keys import destination_key


def pipeline_check_specs(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckSpec]:
    """The checks that ride on the runs of a pipeline; each can be run by hand as well."""
    key = destination_key(pipeline)
    return [
        dg.AssetCheckSpec(name=name, asset=key, description=description, metadata={"observe/kind": kind})
        for name, kind, description in _checks(pipeline, project)
    ]


def check_names(pipeline: Pipeline, project: Project) -> list[str]:
    """The names of these checks."""
    return [name for name, _, _ in _checks(pipeline, project)]


def check_keys(pipeline: Pipeline, project: Project) -> list[dg.AssetCheckKey]:
    """The keys of these checks."""
    key = destination_key(pipeline)
    return [dg.AssetCheckKey(key, name) for name in check_names(pipeline, project)]


def _checks(pipeline: Pipeline, project: Project) -> Iterator[tuple[str, str, str]]:
    declared = next((kind for kind in project.pipeline_types if kind.name == pipeline.pipeline_type_name), None)
    fresh, timely = freshness_allowance(pipeline, declared), timeliness_allowance(pipeline, declared)
    if fresh.number is not None:
        yield FRESHNESS, "freshness", f"Rows must have arrived within {_pair(fresh)}.{_muted(fresh)}"
    if timely.number is not None:
        yield TIMELINESS, "timeliness", f"A run must start on time and end within {_pair(timely)}.{_muted(timely)}"
    for rule in pipeline.anomaly_detection_rules:
        if rule.active:
            yield anomaly_check_name(rule.metric_field), "anomaly", _describe(rule)
    if pipeline.verify == "diff":
        yield VERIFY, "diff", "What a run wrote must equal the source's rows of its range, column by column."


def _pair(allowance: Threshold) -> str:
    plural = "" if allowance.number == 1 else "s"
    return f"{allowance.number} {allowance.datepart}{plural} (declared by the {allowance.level})"


def _muted(allowance: Threshold) -> str:
    return f" Muted by the {allowance.muted_by}." if allowance.muted_by else ""


def _describe(rule: AnomalyDetectionRule) -> str:
    compared = f"the runs of the {rule.lookback_days} days before it"
    if rule.method == "zscore":
        compared += " that started in the same hour"
    return f"`{rule.metric_field}` of a run must be as {compared} let expect (method `{rule.method}`)."
