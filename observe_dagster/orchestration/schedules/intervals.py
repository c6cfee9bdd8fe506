"""One schedule per interval pipeline: each tick asks the planner what is due and requests exactly that."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.time.intervals import boundary, cron, latest_closed
from observe_dagster.errors import NothingToSyncError, SyncError
from observe_dagster.orchestration.assets.partitions import Windows, missing_windows
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.schedules.eligibility import blocked_by_config, blocked_by_state
from observe_dagster.orchestration.translator.descriptions import describe_schedule
from observe_dagster.orchestration.translator.keys import (
    LOGICAL_DATE_TAG,
    PIPELINE_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    RUN_TYPE_TAG,
    WINDOWS_TAG,
    destination_key,
    instant_text,
    range_tags,
    run_tags,
    schedule_name,
)
from observe_dagster.records import RunType
from observe_dagster.sync.ranges import SyncRequest, plan

_MOST_RANGES_PER_TICK = 20
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def pipeline_schedule(
    pipeline: Pipeline,
    schedule: IntervalSchedule,
    *,
    safe_name: str,
    job_name: str,
    checks: Sequence[dg.AssetCheckKey],
    partitions_def: dg.TimeWindowPartitionsDefinition | None,
) -> dg.ScheduleDefinition:
    """Make the schedule of an interval pipeline; it is on by default when the pipeline is active.

    `checks` are those that run with each sync.
    """
    expression, zone = cron(schedule)
    active = pipeline.state == "active"

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.SkipReason | dg.RunRequest]:
        observe: ObserveResource = context.resources.observe
        now = max(observe.clock(), context.scheduled_execution_time.astimezone(UTC))
        recorded = observe.ledger.declared.pipeline(pipeline.id)
        reason = blocked_by_config(pipeline) or blocked_by_state(pipeline, recorded)
        unfinished = unfinished_run(context.instance, pipeline)
        if reason is None and unfinished is not None:
            reason = f"Run {unfinished} of pipeline {pipeline.id} has not finished."
        if reason is not None:
            yield dg.SkipReason(reason)
            return
        if partitions_def is None:
            requests = iter((_request_interval(pipeline, schedule, watermark=recorded.watermark, now=now),))
        else:
            requests = _request_windows(context, pipeline, schedule, partitions_def, now=now)
        for request in requests:
            is_run = isinstance(request, dg.RunRequest)
            yield request.with_replaced_attrs(asset_check_keys=checks) if is_run else request

    return dg.ScheduleDefinition(
        name=schedule_name(safe_name),
        job_name=job_name,
        cron_schedule=expression,
        execution_timezone=zone,
        execution_fn=tick,
        required_resource_keys={"observe"},
        description=f"{pipeline.name}: {describe_schedule(pipeline)}",
        default_status=dg.DefaultScheduleStatus.RUNNING if active else dg.DefaultScheduleStatus.STOPPED,
        metadata={PIPELINE_TAG: pipeline.id},
        owners=list(pipeline.owners),
    )


def unfinished_run(instance: dg.DagsterInstance, pipeline: Pipeline) -> str | None:
    """The id of a Dagster run of the pipeline that is queued or running, if there is one."""
    filters = dg.RunsFilter(tags={PIPELINE_TAG: pipeline.id}, statuses=_UNFINISHED)
    return next(iter(instance.get_run_ids(filters, limit=1)), None)


def _request_interval(
    pipeline: Pipeline, schedule: IntervalSchedule, *, watermark: str | None, now: datetime
) -> dg.SkipReason | dg.RunRequest:
    """Request the run that is due. One that cannot be planned is requested too: it fails, and so is on record."""
    try:
        planned = plan(pipeline, watermark=watermark, now=now, request=SyncRequest(run_type=RunType.SCHEDULED))
    except NothingToSyncError as nothing:
        return dg.SkipReason(str(nothing))
    except SyncError:
        index = latest_closed(schedule, now)
        logical_date = schedule.start if index is None else boundary(schedule, index - 1)
        tags = {LOGICAL_DATE_TAG: instant_text(logical_date)}
    else:
        tags = range_tags(planned)
    return dg.RunRequest(
        run_key=f"{pipeline.id}/{tags[LOGICAL_DATE_TAG]}",
        asset_selection=[destination_key(pipeline)],
        tags={**run_tags(pipeline), RUN_TYPE_TAG: RunType.SCHEDULED.value, **tags},
    )


def _request_windows(
    context: dg.ScheduleEvaluationContext,
    pipeline: Pipeline,
    schedule: IntervalSchedule,
    partitions_def: dg.TimeWindowPartitionsDefinition,
    *,
    now: datetime,
) -> Iterator[dg.SkipReason | dg.RunRequest]:
    materialized = context.instance.get_materialized_partitions(destination_key(pipeline))
    missing = missing_windows(partitions_def, schedule, now=now, materialized=materialized)
    if not missing:
        yield dg.SkipReason(f"All closed windows of pipeline {pipeline.id} are materialized.")
    for windows in missing[:_MOST_RANGES_PER_TICK]:
        yield _window_request(pipeline, windows, tick=context.scheduled_execution_time)


def _window_request(pipeline: Pipeline, windows: Windows, *, tick: datetime) -> dg.RunRequest:
    """Request neighbouring windows as one run; a window that failed is requested again by the next tick."""
    return dg.RunRequest(
        run_key=f"{pipeline.id}/{windows.first_key}/{windows.last_key}/{instant_text(tick)}",
        asset_selection=[destination_key(pipeline)],
        tags={
            **run_tags(pipeline),
            RUN_TYPE_TAG: RunType.SCHEDULED.value,
            WINDOWS_TAG: pipeline.id,
            LOGICAL_DATE_TAG: instant_text(windows.start),
            RANGE_START_TAG: instant_text(windows.start),
            RANGE_END_TAG: instant_text(windows.end),
            "dagster/asset_partition_range_start": windows.first_key,
            "dagster/asset_partition_range_end": windows.last_key,
        },
    )
