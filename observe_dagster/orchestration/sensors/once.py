"""The sensor that runs pipelines whose schedule is once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import OnceSchedule
from observe_dagster.config.project import Project, content_hash
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.schedules.eligibility import blocked_by_config, blocked_by_state
from observe_dagster.orchestration.schedules.intervals import unfinished_run
from observe_dagster.orchestration.translator.keys import (
    LOGICAL_DATE_TAG,
    RUN_ONCE_SENSOR,
    RUN_TYPE_TAG,
    destination_key,
    instant_text,
    run_tags,
    scoped,
)
from observe_dagster.records import RunType

_SECONDS_BETWEEN_TICKS = 30


def run_once_sensor(
    project: Project, checks: Mapping[str, Sequence[dg.AssetCheckKey]], *, job_name: str, scope: str
) -> dg.SensorDefinition | None:
    """Make the sensor that starts the pipelines that run once; None when there is no such pipeline.

    `checks` has for each pipeline those that run with its sync.
    """
    pipelines = [pipeline for pipeline in project.pipelines if isinstance(pipeline.schedule, OnceSchedule)]
    if not pipelines:
        return None

    @dg.sensor(
        name=scoped(RUN_ONCE_SENSOR, scope),
        job_name=job_name,
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts each pipeline whose schedule is once: {', '.join(each.id for each in pipelines)}.",
    )
    def run_once_pipelines(
        context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]
    ) -> dg.SkipReason | list[dg.RunRequest]:
        now = observe.clock().astimezone(UTC)
        recorded = {row.pipeline_id: row for row in observe.ledger.declared.pipelines()}
        requests: list[dg.RunRequest] = []
        for pipeline in pipelines:
            row = recorded.get(pipeline.id)
            if row is None or row.watermark is not None or blocked_by_config(pipeline):
                continue
            if blocked_by_state(pipeline, row) or row.created_at + pipeline.schedule.delay > now:
                continue
            if unfinished_run(context.instance, pipeline) is None:
                requests.append(_request(pipeline, now, checks[pipeline.id]))
        return requests or dg.SkipReason("Every pipeline that runs once has run, or cannot run now.")

    return run_once_pipelines


def _request(pipeline: Pipeline, now: datetime, checks: Sequence[dg.AssetCheckKey]) -> dg.RunRequest:
    """Request the run; a pipeline that was changed since its run failed is requested again."""
    return dg.RunRequest(
        run_key=f"{pipeline.id}/{content_hash(pipeline)[:16]}",
        asset_selection=[destination_key(pipeline)],
        asset_check_keys=checks,
        tags={
            **run_tags(pipeline),
            RUN_TYPE_TAG: RunType.SCHEDULED.value,
            LOGICAL_DATE_TAG: instant_text(now.replace(microsecond=0)),
        },
    )
