"""One attempt to move one range: extract from a snapshot, stage, compare both ends, commit once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IncrementalSync, IteratorDataType
from observe_dagster.config.time.bounds import Bound, bound
from observe_dagster.datatypes import Kind
from observe_dagster.errors import (
    DataModelError,
    InterruptedTransferError,
    LimitExceededError,
    NullIteratorError,
    SyncError,
    WarehouseError,
)
from observe_dagster.records import Column, Counts, SchemaChange, SyncRange, TableName
from observe_dagster.sync.clock import Clock
from observe_dagster.sync.columns import ColumnPlan, plan_columns
from observe_dagster.sync.ranges import from_text, to_text
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.load import Load
from observe_dagster.warehouse.port.source import Format, RowStream, Selection, Source

Progress = Callable[[int, int], None]
"""Called now and then with the rows and bytes read so far."""

_WHOLE_NUMBERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.DECIMAL)
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one run moves, and from where it was planned."""

    pipeline: Pipeline
    data_model: DataModel
    source_engine: str
    range: SyncRange
    execution_key: str
    expected_watermark: str | None
    previous_table_rows: int | None
    previous_columns: Mapping[str, str] | None
    batch_rows: int

    @property
    def table(self) -> TableName:
        """Where the rows go."""
        return TableName(schema=self.pipeline.destination.schema_, table=self.pipeline.destination.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What one attempt did."""

    range: SyncRange
    counts: Counts
    watermark: str | None
    source_columns: tuple[Column, ...]
    columns: tuple[Column, ...]
    schema_changes: tuple[SchemaChange, ...]
    notes: tuple[str, ...]
    table_bytes: int | None = None


def transfer(
    job: Job,
    source: Source,
    destination: Destination,
    *,
    clock: Clock,
    on_progress: Progress,
    on_commit: Callable[[], None],
) -> Moved:
    """Move a job's rows; when this raises, nothing has changed in the destination, unless `on_commit` was called."""
    settled = _settle(job, source)
    if settled is None:
        return _nothing_settled(job, source)
    job = replace(job, range=settled)
    source.open_snapshot(settle_seconds=_SETTLE_SECONDS if _counts_up(job) else None)
    if _counts_up(job):
        job = replace(job, range=_up_to_greatest(job, source))
    described = _describe(job, source)
    existing = destination.table_columns(job.table)
    columns = plan_columns(
        job.pipeline,
        described,
        existing,
        names=destination,
        source_engine=job.source_engine,
        previous=job.previous_columns,
    )
    selection = _selection(job, columns)
    _guard(job, source, selection)
    load = _load(job, columns, existing)

    def commit(staged: Load) -> Counts:
        return destination.commit(staged, now=clock(), on_commit=on_commit)

    counts = _move(job, load, selection, source, destination, commit=commit, on_progress=on_progress)
    return Moved(
        range=job.range,
        counts=counts,
        watermark=load.watermark,
        source_columns=described,
        columns=tuple(Column(name=c.name, native=c.native, data_type=c.data_type) for c in columns.columns),
        schema_changes=columns.changes,
        notes=tuple(source.notes),
        table_bytes=_table_bytes(job, destination),
    )


def _table_bytes(job: Job, destination: Destination) -> int | None:
    """How large the table is now; the rows are in, so that not being told makes no run fail."""
    with suppress(WarehouseError):
        return destination.table_bytes(job.table)
    return None


def _settle(job: Job, source: Source) -> SyncRange | None:
    """Draw the range's end back to where no open transaction can still add rows; None when nothing is left."""
    planned, mode = job.range, job.pipeline.sync_mode
    if not isinstance(mode, IncrementalSync) or planned.read_until is None:
        return planned
    settled = source.settled_until()
    if settled >= from_text(planned.read_until):
        return planned
    if not planned.moves_watermark:
        raise SyncError(
            job.pipeline.id,
            f"A transaction that has been open since {to_text(settled)} may still add rows to the range that ends at "
            f"{planned.end}; run it again when that transaction has ended.",
            transient=True,
        )
    if planned.start is not None and settled <= from_text(planned.start):
        return None
    end = to_text(settled)
    source.notes.append(f"The range ends at {end}, where the oldest open transaction of the source began.")
    return replace(planned, end=end, read_until=end)


def _nothing_settled(job: Job, source: Source) -> Moved:
    note = f"A transaction that has been open since before {job.range.start} holds everything newer back."
    return Moved(
        range=replace(job.range, end=job.range.start),
        counts=Counts(table_rows=job.previous_table_rows),
        watermark=job.expected_watermark,
        source_columns=(),
        columns=(),
        schema_changes=(),
        notes=(*source.notes, note),
    )


def _counts_up(job: Job) -> bool:
    mode = job.pipeline.sync_mode
    return isinstance(mode, IncrementalSync) and mode.iterator_data_type == "integer"


def _up_to_greatest(job: Job, source: Source) -> SyncRange:
    field = job.pipeline.sync_mode.iterator_field or ""
    with _naming_the_data_model(job):
        greatest = source.greatest(job.data_model.sql, field)
    reached = job.range.start if greatest is None else str(greatest + 1)
    if job.range.start is not None and reached is not None and int(reached) < int(job.range.start):
        reached = job.range.start
    return replace(job.range, end=reached, read_until=reached)


def _describe(job: Job, source: Source) -> tuple[Column, ...]:
    with _naming_the_data_model(job):
        return source.describe(job.data_model.sql)


class _naming_the_data_model:  # noqa: N801
    """Says which data model an engine has rejected."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if type(error) is WarehouseError and not error.transient:
            connection = f"Connection {error.connection_id!r}: "
            raise DataModelError(
                error.connection_id, self._job.data_model.id, str(error).removeprefix(connection)
            ) from None


def _iterator_type(job: Job, column: Column) -> IteratorDataType | None:
    declared = job.pipeline.sync_mode.iterator_data_type
    kind = None if column.data_type is None else column.data_type.kind
    if declared in ("timestamp_unixtime_s", "timestamp_unixtime_ms", "integer"):
        if kind in _WHOLE_NUMBERS:
            return declared
    elif declared == "date" and kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return declared
    elif kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.DATE):
        return "timestamptz" if kind is Kind.TIMESTAMPTZ else "timestamp" if kind is Kind.TIMESTAMP else "date"
    if declared is None:
        return None
    raise SyncError(
        job.pipeline.id,
        f"sync_mode.iterator_data_type is {declared}, but column {column.name!r} is {column.native}.",
    )


def _bound(job: Job, columns: ColumnPlan, watermark: str | None) -> Bound | None:
    if columns.iterator_position is None or watermark is None:
        return None
    data_type = _iterator_type(job, columns.staged[columns.iterator_position])
    return None if data_type is None else bound(watermark, data_type, job.pipeline.sync_mode.iterator_timezone)


def _selection(job: Job, columns: ColumnPlan) -> Selection:
    mode = job.pipeline.sync_mode
    return Selection(
        sql=job.data_model.sql,
        columns=columns.staged,
        iterator=mode.iterator_field,
        read_from=_bound(job, columns, job.range.read_from),
        read_until=_bound(job, columns, job.range.read_until),
        include_null_iterator=isinstance(mode, IncrementalSync) and mode.null_iterator != "fail",
    )


def _guard(job: Job, source: Source, selection: Selection) -> None:
    mode, pipeline = job.pipeline.sync_mode, job.pipeline
    if mode.max_rows_per_run is not None:
        rows = source.count(selection)
        if rows > mode.max_rows_per_run:
            raise LimitExceededError(
                pipeline.id,
                "max_rows_per_run",
                f"Pipeline {pipeline.id} would read {rows} rows, more than max_rows_per_run {mode.max_rows_per_run}. "
                "Nothing was read; raise the limit, or read the range in parts with --from and --until.",
            )
    if isinstance(mode, IncrementalSync) and mode.null_iterator == "fail":
        field = '"' + mode.iterator_field.replace('"', '""') + '"'
        nulls = f"SELECT * FROM (\n{job.data_model.sql}\n) AS model WHERE {field} IS NULL"  # noqa: S608 (a quoted name)
        rows = source.count(Selection(sql=nulls, columns=()))
        if rows:
            raise NullIteratorError(
                pipeline.id, f"{rows} rows have a null {mode.iterator_field!r}, and null_iterator is fail."
            )


def _load(job: Job, columns: ColumnPlan, existing: tuple[Column, ...] | None) -> Load:
    mode, destination = job.pipeline.sync_mode, job.pipeline.destination
    appends_again = destination.write_mode == "append" and not job.range.moves_watermark
    if appends_again and columns.iterator_column is None:
        raise SyncError(
            job.pipeline.id,
            "To append a range again, what it holds is removed first; "
            f"keep {mode.iterator_field!r} in the destination.",
        )
    lagged = isinstance(mode, IncrementalSync) and job.range.read_from != job.range.start
    return Load(
        pipeline_id=job.pipeline.id,
        execution_key=job.execution_key,
        table=job.table,
        write_mode="replace" if job.range.full_refresh else destination.write_mode,
        range=job.range,
        expected_watermark=job.expected_watermark,
        watermark=job.range.end if job.range.moves_watermark else None,
        staged=columns.staged,
        columns=columns.columns,
        primary_key=destination.primary_key,
        existing=existing,
        added=columns.added,
        widened=columns.widened,
        iterator_position=columns.iterator_position,
        iterator_column=columns.iterator_column,
        reject_null_iterator=isinstance(mode, IncrementalSync) and mode.null_iterator == "reject",
        late_before=_bound(job, columns, job.range.start) if lagged else None,
        delete_from=_bound(job, columns, job.range.read_from) if appends_again else None,
        delete_until=_bound(job, columns, job.range.read_until) if appends_again else None,
        soft_delete_field=destination.soft_delete_field,
        max_delete_percent=destination.max_delete_percent,
        previous_table_rows=job.previous_table_rows,
    )


def _move(
    job: Job,
    load: Load,
    selection: Selection,
    source: Source,
    destination: Destination,
    *,
    commit: Callable[[Load], Counts],
    on_progress: Progress,
) -> Counts:
    row_format: Format = next(name for name in source.formats if name in destination.formats)
    if _changes_nothing_when_empty(load, selection) and source.finds_nothing(selection):
        return commit(replace(load, unstaged=True))
    try:
        stream = source.read(selection, row_format, batch_rows=job.batch_rows)
        try:
            arrived = destination.stage(load, _reporting(stream, on_progress))
        except Exception:
            if stream.failure is not None:
                raise stream.failure from None
            raise
        finally:
            stream.release()
        if arrived != stream.sent:
            raise InterruptedTransferError(job.pipeline.connection_id, sent=stream.sent, arrived=arrived)
        return commit(replace(load, rows=arrived, bytes=stream.bytes))
    except BaseException:
        with suppress(WarehouseError):
            destination.discard_stage(load)
        raise


def _changes_nothing_when_empty(load: Load, selection: Selection) -> bool:
    """Whether a run that reads no row leaves the table as it is, and is one that may well read none."""
    deletes = load.write_mode in ("replace", "mirror") or load.delete_from is not None or load.delete_until is not None
    return load.existing is not None and not deletes and selection.read_from is not None


def _reporting(stream: RowStream, on_progress: Progress) -> RowStream:
    if stream.blocks is not None:
        stream.blocks = _told(stream, stream.blocks, on_progress)
    if stream.batches is not None:
        stream.batches = _told(stream, stream.batches, on_progress)
    return stream


_Rows = TypeVar("_Rows")


def _told(stream: RowStream, rows: Iterator[_Rows], on_progress: Progress) -> Iterator[_Rows]:
    """Report progress, and keep what ends the stream: a driver that takes the rows would report it in other words."""
    try:
        for block in rows:
            yield block
            on_progress(stream.sent, stream.bytes)
    except GeneratorExit:
        raise
    except BaseException as error:
        stream.failure = error
        raise
