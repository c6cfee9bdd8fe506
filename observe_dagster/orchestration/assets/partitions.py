"""Time-window partitions of interval pipelines, and which closed windows are missing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IncrementalSync, IntervalSchedule
from observe_dagster.config.project import Project
from observe_dagster.config.time.intervals import boundary, cron, latest_closed, next_closed
from observe_dagster.errors import Problem, SpecError

_FORMAT = "%Y-%m-%d-%H:%M"
_DAY_FORMAT = "%Y-%m-%d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Neighbouring partitions that one run covers, both ends included, and the time they span."""

    first_key: str
    last_key: str
    start: datetime
    end: datetime


def is_partitioned(pipeline: Pipeline) -> bool:
    """Tell whether a pipeline's asset has partitions."""
    return isinstance(pipeline.schedule, IntervalSchedule) and pipeline.schedule.partitioned


def partitions_of(pipeline: Pipeline, project: Project) -> dg.TimeWindowPartitionsDefinition | None:
    """The partitions of a pipeline's asset: one for each interval of its schedule; None when it has none.

    Raises SpecError for a start that no cron expression can repeat.
    """
    schedule = pipeline.schedule
    if not isinstance(schedule, IntervalSchedule) or not schedule.partitioned:
        return None
    _check_start(pipeline, schedule, project)
    expression, zone_name = cron(schedule.model_copy(update={"delay": timedelta(0)}))
    zone = ZoneInfo(zone_name)
    start = schedule.start.astimezone(zone)
    at_midnight = schedule.frequency != "hourly" and (start.hour, start.minute) == (0, 0)
    end = _last_end(pipeline, schedule)
    return dg.TimeWindowPartitionsDefinition(
        start=start.replace(tzinfo=None),
        end=None if end is None else end.astimezone(zone).replace(tzinfo=None),
        cron_schedule=expression,
        timezone=zone_name,
        fmt=_DAY_FORMAT if at_midnight else _FORMAT,
    )


def missing_windows(
    definition: dg.TimeWindowPartitionsDefinition,
    schedule: IntervalSchedule,
    *,
    now: datetime,
    materialized: Collection[str],
) -> Sequence[Windows]:
    """The windows whose run is due by `now` and that are not materialized, neighbours joined, oldest first."""
    newest = latest_closed(schedule, now)
    if newest is None or newest < 0:
        return ()
    due_until = boundary(schedule, newest)
    missing: list[Windows] = []
    for key in definition.get_partition_keys(current_time=due_until):
        if key in materialized:
            continue
        window = definition.time_window_for_partition_key(key)
        start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
        if end > due_until:
            break
        if missing and missing[-1].end == start:
            missing[-1] = Windows(first_key=missing[-1].first_key, last_key=key, start=missing[-1].start, end=end)
        else:
            missing.append(Windows(first_key=key, last_key=key, start=start, end=end))
    return missing


def _last_end(pipeline: Pipeline, schedule: IntervalSchedule) -> datetime | None:
    """The end of the schedule, or of the window that `until` lies in: that window is read as far as `until`."""
    mode = pipeline.sync_mode
    until = mode.until if isinstance(mode, IncrementalSync) else None
    if until is None:
        return schedule.end
    index = next_closed(schedule, until - timedelta(microseconds=1))
    return schedule.end if index is None else boundary(schedule, index)


def _check_start(pipeline: Pipeline, schedule: IntervalSchedule, project: Project) -> None:
    start = schedule.start.astimezone(ZoneInfo(schedule.timezone))
    message = None
    if start.second or start.microsecond:
        message = "the start of a partitioned schedule must be on a full minute"
    elif schedule.frequency == "monthly" and start.day > 28:
        message = "the start of a partitioned monthly schedule must be on one of the days 1 to 28"
    if message is not None:
        origin = project.origin("pipeline", pipeline.id)
        raise SpecError(
            [
                Problem(
                    file=origin.file if origin else "pipelines",
                    line=origin.line if origin else None,
                    path=f"{pipeline.id}.schedule.start",
                    message=message,
                )
            ]
        )
