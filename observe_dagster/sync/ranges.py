"""Which rows a run reads: a pure function of the pipeline, its last committed watermark and the time.

Ranges are half-open and start where the last committed one ended, so that they tile time: no gap, no overlap.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import FullSync, IncrementalSync, IntervalSchedule, OnceSchedule
from observe_dagster.config.time.intervals import boundary, latest_closed
from observe_dagster.errors import LimitExceededError, NothingToSyncError, RequestError, SyncError
from observe_dagster.records import RunType, SyncRange
from observe_dagster.spans import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """Why a run was asked for, and what the one who asked wants read.

    `from_` and `until` name an old range; `window` is one or several partitions of a partitioned pipeline.
    """

    run_type: RunType = RunType.MANUAL
    from_: datetime | None = None
    until: datetime | None = None
    full_refresh: bool = False
    window: tuple[datetime, datetime] | None = None


_Bounds = tuple[str | None, str | None, str | None, str | None]
"""Start, end, read_from and read_until of a SyncRange."""


def plan(pipeline: Pipeline, *, watermark: str | None, now: datetime, request: SyncRequest) -> SyncRange:
    """Plan the range of one run.

    Raises NothingToSyncError when no interval is open to be read, LimitExceededError when the gap is longer than
    `max_catchup`, RequestError when the request does not fit the pipeline.
    """
    _check_request(pipeline, request)
    if request.window is not None:
        return _plan_window(pipeline, request.window, request)
    if request.from_ is not None:
        return _plan_backfill(pipeline, watermark=watermark, now=now, request=request)
    mode = pipeline.sync_mode
    logical_date, end = _live_end(pipeline, watermark=watermark, now=now, request=request)
    if isinstance(mode, FullSync):
        bounds = _full(pipeline, mode, end=end, watermark=watermark, request=request)
    elif mode.iterator_data_type == "integer":
        bounds = _by_number(pipeline, mode, watermark=watermark, request=request)
    else:
        bounds = _incremental(pipeline, mode, end=end, watermark=watermark, request=request)
    start, until, read_from, read_until = bounds
    return SyncRange(
        start=start,
        end=until,
        read_from=read_from,
        read_until=read_until,
        logical_date=logical_date,
        run_type=request.run_type,
        moves_watermark=True,
        full_refresh=request.full_refresh,
    )


def to_text(instant: datetime) -> str:
    """Write an instant as a watermark: ISO 8601 in UTC, which sorts as text within one precision."""
    return iso(instant, "microseconds")


def from_text(watermark: str) -> datetime:
    """Read a watermark that `to_text` wrote."""
    return datetime.fromisoformat(watermark).astimezone(UTC)


def _check_request(pipeline: Pipeline, request: SyncRequest) -> None:
    mode = pipeline.sync_mode
    names_a_range = request.from_ is not None or request.until is not None
    if names_a_range and not (isinstance(mode, IncrementalSync) and mode.iterator_data_type != "integer"):
        raise RequestError(
            pipeline.id, f"Pipeline {pipeline.id} does not read by time, so `from` and `until` have no meaning for it."
        )
    if names_a_range and request.full_refresh:
        raise RequestError(pipeline.id, "`full_refresh` reads everything; leave out `from` and `until`.")
    if request.from_ is not None and request.until is not None and request.from_ >= request.until:
        raise RequestError(pipeline.id, "`from` must be before `until`.")


def _live_end(
    pipeline: Pipeline, *, watermark: str | None, now: datetime, request: SyncRequest
) -> tuple[datetime, datetime]:
    schedule = pipeline.schedule
    if request.run_type is not RunType.SCHEDULED:
        end = now if request.until is None else min(now, request.until)
        return end, end
    if isinstance(schedule, IntervalSchedule):
        index = latest_closed(schedule, now)
        if index is None or index < 0:
            raise NothingToSyncError(
                pipeline.id, f"The first interval of pipeline {pipeline.id} is due after {to_text(schedule.start)}."
            )
        return boundary(schedule, index - 1), boundary(schedule, index)
    if isinstance(schedule, OnceSchedule) and watermark is not None:
        raise NothingToSyncError(pipeline.id, f"Pipeline {pipeline.id} runs once, and has run.")
    return now, now


def _incremental(
    pipeline: Pipeline, mode: IncrementalSync, *, end: datetime, watermark: str | None, request: SyncRequest
) -> _Bounds:
    if mode.until is not None:
        end = min(end, mode.until)
    committed = None if watermark is None or request.full_refresh else _time_of(pipeline, watermark)
    start = committed if committed is not None else mode.from_
    if start is not None and start >= end:
        raise NothingToSyncError(
            pipeline.id, f"Pipeline {pipeline.id} has read everything before {to_text(start)}; nothing is due yet."
        )
    if committed is not None and mode.max_catchup is not None and end - committed > mode.max_catchup:
        raise LimitExceededError(
            pipeline.id,
            "max_catchup",
            f"Pipeline {pipeline.id} is {end - committed} behind, more than max_catchup {mode.max_catchup}. "
            "Raise max_catchup, or trigger the pipeline with full_refresh.",
        )
    read_from = start
    if committed is not None and isinstance(mode.lag, timedelta):
        lagged = committed - mode.lag
        read_from = lagged if mode.from_ is None else min(committed, max(lagged, mode.from_))
    return start and to_text(start), to_text(end), read_from and to_text(read_from), to_text(end)


def _by_number(pipeline: Pipeline, mode: IncrementalSync, *, watermark: str | None, request: SyncRequest) -> _Bounds:
    if watermark is None or request.full_refresh:
        return None, None, None, None
    if _is_time(watermark):
        raise _of_another_kind(pipeline, watermark, "a number")
    start, lag = int(watermark), mode.lag if isinstance(mode.lag, int) else 0
    return str(start), None, str(start - lag), None


def _full(pipeline: Pipeline, mode: FullSync, *, end: datetime, watermark: str | None, request: SyncRequest) -> _Bounds:
    read_until = None if watermark is None or not _is_time(watermark) else from_text(watermark)
    if request.run_type is RunType.SCHEDULED and read_until is not None and read_until >= end:
        raise NothingToSyncError(
            pipeline.id, f"Pipeline {pipeline.id} has read everything before {to_text(read_until)}; nothing is due yet."
        )
    start = mode.from_ and to_text(mode.from_)
    return start, to_text(end), start, mode.until and to_text(mode.until)


def _plan_backfill(pipeline: Pipeline, *, watermark: str | None, now: datetime, request: SyncRequest) -> SyncRange:
    start = request.from_ or now
    end = min(now, request.until or now)
    if pipeline.destination.write_mode == "append":
        committed = None if watermark is None else _time_of(pipeline, watermark)
        if committed is None or start >= committed or (request.until is not None and request.until > committed):
            at = watermark or "not set, for it has not run yet"
            raise RequestError(
                pipeline.id,
                f"Pipeline {pipeline.id} appends, so only what is behind its watermark ({at}) can be read again.",
            )
        end = min(end, committed)
    if start >= end:
        raise NothingToSyncError(pipeline.id, f"`from` {to_text(start)} is not in the past.")
    return _exactly(start, end, run_type=RunType.BACKFILL)


def _plan_window(pipeline: Pipeline, window: tuple[datetime, datetime], request: SyncRequest) -> SyncRange:
    """The part of a window between `from` and `until`; an empty range where it has none, for it is then done."""
    earliest = pipeline.sync_mode.from_ or window[0]
    latest = pipeline.sync_mode.until or window[1]
    start = min(max(window[0], earliest), window[1])
    return _exactly(start, max(start, min(window[1], latest)), run_type=request.run_type, logical_date=window[0])


def _exactly(start: datetime, end: datetime, *, run_type: RunType, logical_date: datetime | None = None) -> SyncRange:
    return SyncRange(
        start=to_text(start),
        end=to_text(end),
        read_from=to_text(start),
        read_until=to_text(end),
        logical_date=logical_date or start,
        run_type=run_type,
        moves_watermark=False,
    )


def _is_time(watermark: str) -> bool:
    return watermark.endswith("Z")


def _time_of(pipeline: Pipeline, watermark: str) -> datetime:
    if not _is_time(watermark):
        raise _of_another_kind(pipeline, watermark, "a time")
    return from_text(watermark)


def _of_another_kind(pipeline: Pipeline, watermark: str, expected: str) -> SyncError:
    return SyncError(
        pipeline.id,
        f"Pipeline {pipeline.id} has read up to {watermark}, which is not {expected}: its iterator has changed. "
        "Trigger it with full_refresh to read everything again.",
    )
