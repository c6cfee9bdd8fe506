"""The sensor that evaluates freshness and timeliness of all pipelines."""

import time

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.orchestration.checks.kinds import pipeline_checks
from observe_dagster.orchestration.checks.status import judge_and_report
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import CHECK_STATUS_SENSOR, scoped

_SECONDS_BETWEEN_TICKS = 60
_SECONDS_PER_TICK = 40.0


def check_status_sensor(project: Project, *, scope: str) -> dg.SensorDefinition | None:
    """Make the sensor; None when no pipeline has a check."""
    known = {
        (pipeline.table_key, check.name)
        for pipeline in project.pipelines
        for check in pipeline_checks(pipeline, project)
    }
    if not known:
        return None
    pipeline_ids = [pipeline.id for pipeline in project.pipelines]

    @dg.sensor(
        name=scoped(CHECK_STATUS_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates freshness and timeliness of all pipelines, and runs that were not evaluated yet, in a "
        "few queries; reports a result when it changes and at least daily.",
    )
    def check_status(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        deadline = time.monotonic() + _SECONDS_PER_TICK
        return dg.SkipReason(judge_and_report(context.instance, observe, pipeline_ids, known, deadline=deadline))

    return check_status
