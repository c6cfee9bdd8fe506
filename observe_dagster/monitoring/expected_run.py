"""When a pipeline's schedule expects its next run, by what has run so far."""

from datetime import UTC, datetime

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.time.intervals import boundary, fires_at, next_closed
from observe_dagster.ledger import LastRequestedRun, TimingInputs
from observe_dagster.records import RunType


def next_expected_run(pipeline: Pipeline, inputs: TimingInputs) -> datetime | None:
    """When the first run is due that has not started; None where the schedule expects none.

    Nothing is due from before the pipeline was declared, changed or resumed, and nothing of one that is faulted: its
    scheduled runs wait until the fault is cleared, and the fault is reported itself.
    """
    schedule, mode = pipeline.schedule, pipeline.sync_mode
    if not isinstance(schedule, IntervalSchedule) or inputs.faulted:
        return None
    covered = _covered(pipeline, schedule, inputs.latest_start)
    if mode.until is not None and covered is not None and covered >= mode.until:
        return None
    known = (covered, mode.from_, inputs.changed_at - schedule.delay)
    index = next_closed(schedule, max(instant for instant in known if instant is not None))
    return None if index is None else fires_at(schedule, index)


def _covered(pipeline: Pipeline, schedule: IntervalSchedule, latest: LastRequestedRun | None) -> datetime | None:
    """Up to when the latest run reads: a scheduled one to the end of its interval at least."""
    if latest is None:
        return None
    until = latest.logical_date
    if latest.run_type is RunType.SCHEDULED:
        index = next_closed(schedule, latest.logical_date)
        until = until if index is None else boundary(schedule, index)
    return max(until, _range_end(pipeline, latest) or until)


def _range_end(pipeline: Pipeline, latest: LastRequestedRun) -> datetime | None:
    if latest.range_end is None or pipeline.sync_mode.iterator_data_type == "integer":
        return None
    try:
        end = datetime.fromisoformat(latest.range_end)
    except ValueError:
        return None
    return end if end.tzinfo is not None else end.replace(tzinfo=UTC)
