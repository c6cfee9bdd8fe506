"""What one attempt reads and writes: its range settled, its columns, its selection and its load."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IncrementalSync, IteratorDataType
from observe_dagster.config.time.bounds import Bound, bound
from observe_dagster.datatypes import Kind
from observe_dagster.errors import DataModelError, LimitExceededError, NullIteratorError, SyncError, WarehouseError
from observe_dagster.records import Column, SchemaChange, SyncRange, TableName
from observe_dagster.sync.columns import plan_columns
from observe_dagster.sync.ranges import from_text, to_text
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.load import LoadPlan, LoadRules, LoadRun, LoadSchema, LoadTarget
from observe_dagster.warehouse.port.source import Selection, Source

_WHOLE_NUMBERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.DECIMAL)
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one run moves, and from where it was planned."""

    pipeline: Pipeline
    data_model: DataModel
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
class TransferPlan:
    """What one attempt reads and writes; `described` are the data model's columns."""

    range: SyncRange
    described: tuple[Column, ...]
    changes: tuple[SchemaChange, ...]
    selection: Selection
    load: LoadPlan


def plan_transfer(job: Job, source: Source, destination: Destination) -> TransferPlan | None:
    """Fix the source's snapshot and plan an attempt; None when an open transaction holds everything new back.

    Raises SyncError when what is declared and what is there do not fit. Changes nothing.
    """
    settled = _settle(job, source)
    if settled is None:
        return None
    job = replace(job, range=settled)
    source.open_snapshot(settle_seconds=_SETTLE_SECONDS if _counts_up(job) else None)
    if _counts_up(job):
        job = replace(job, range=_up_to_greatest(job, source))
    described = _describe(job, source)
    existing = destination.table_columns(job.table)
    schema, changes = plan_columns(
        job.pipeline,
        described,
        existing,
        names=destination,
        dialect=source.dialect,
        previous=job.previous_columns,
    )
    selection = _selection(job, schema)
    _guard(job, source, selection)
    return TransferPlan(
        range=job.range,
        described=described,
        changes=changes,
        selection=selection,
        load=_load(job, schema, existing),
    )


def _settle(job: Job, source: Source) -> SyncRange | None:
    """Draw the range's end back to where no open transaction can still add rows; None when nothing is left."""
    planned, mode = job.range, job.pipeline.sync_mode
    if not isinstance(mode, IncrementalSync) or planned.read_until is None:
        return planned
    settled = source.commit_horizon()
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


def _counts_up(job: Job) -> bool:
    mode = job.pipeline.sync_mode
    return isinstance(mode, IncrementalSync) and mode.iterator_data_type == "integer"


def _up_to_greatest(job: Job, source: Source) -> SyncRange:
    field = job.pipeline.sync_mode.iterator_field or ""
    with _naming_the_data_model(job):
        greatest = source.max_value(job.data_model.sql, field)
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


def _bound(job: Job, schema: LoadSchema, watermark: str | None) -> Bound | None:
    if schema.iterator_position is None or watermark is None:
        return None
    data_type = _iterator_type(job, schema.staged[schema.iterator_position])
    return None if data_type is None else bound(watermark, data_type, job.pipeline.sync_mode.iterator_timezone)


def _selection(job: Job, schema: LoadSchema) -> Selection:
    mode = job.pipeline.sync_mode
    return Selection(
        sql=job.data_model.sql,
        columns=schema.staged,
        iterator=mode.iterator_field,
        read_from=_bound(job, schema, job.range.read_from),
        read_until=_bound(job, schema, job.range.read_until),
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
        field = source.dialect.quote(mode.iterator_field)
        nulls = f"SELECT * FROM (\n{job.data_model.sql}\n) AS model WHERE {field} IS NULL"  # noqa: S608 (a quoted name)
        rows = source.count(Selection(sql=nulls, columns=()))
        if rows:
            raise NullIteratorError(
                pipeline.id, f"{rows} rows have a null {mode.iterator_field!r}, and null_iterator is fail."
            )


def _load(job: Job, schema: LoadSchema, existing: tuple[Column, ...] | None) -> LoadPlan:
    mode, destination = job.pipeline.sync_mode, job.pipeline.destination
    appends_again = destination.write_mode == "append" and not job.range.moves_watermark
    if appends_again and schema.iterator_column is None:
        raise SyncError(
            job.pipeline.id,
            "To append a range again, what it holds is removed first; "
            f"keep {mode.iterator_field!r} in the destination.",
        )
    incremental = isinstance(mode, IncrementalSync)
    lagged = incremental and job.range.read_from != job.range.start
    return LoadPlan(
        run=LoadRun(
            pipeline_id=job.pipeline.id,
            execution_key=job.execution_key,
            range=job.range,
            expected_watermark=job.expected_watermark,
            watermark=job.range.end if job.range.moves_watermark else None,
        ),
        target=LoadTarget(table=job.table, existing=existing, previous_rows=job.previous_table_rows),
        schema=schema,
        rules=LoadRules(
            write_mode="replace" if job.range.full_refresh else destination.write_mode,
            primary_key=destination.primary_key,
            reject_null_iterator=incremental and mode.null_iterator == "reject",
            soft_delete_field=destination.soft_delete_field,
            max_delete_percent=destination.max_delete_percent,
            late_before=_bound(job, schema, job.range.start) if lagged else None,
            delete_from=_bound(job, schema, job.range.read_from) if appends_again else None,
            delete_until=_bound(job, schema, job.range.read_until) if appends_again else None,
        ),
    )
