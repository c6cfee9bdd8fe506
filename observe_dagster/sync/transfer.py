"""One attempt to move one range: extract from a snapshot, stage, compare both ends, commit once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from observe_dagster.clock import Clock
from observe_dagster.errors import InterruptedTransferError, WarehouseError
from observe_dagster.records import Column, Counts, SchemaChange, SyncRange
from observe_dagster.sync.planning import Job, TransferPlan, plan_transfer
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.load import LoadPlan, Staged
from observe_dagster.warehouse.port.source import Format, RowStream, Selection, Source

Progress = Callable[[int, int], None]
"""Called now and then with the rows and bytes read so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
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
) -> TransferResult:
    """Move a job's rows; when this raises, nothing has changed in the destination, unless `on_commit` was called."""
    plan = plan_transfer(job, source, destination)
    if plan is None:
        return _nothing_settled(job, source)

    def commit(staged: Staged | None) -> Counts:
        destination.prepare(plan.load, staged)
        return destination.commit(plan.load, staged, now=clock(), on_commit=on_commit)

    counts = _move(job, plan, source, destination, commit=commit, on_progress=on_progress)
    return TransferResult(
        range=plan.range,
        counts=counts,
        watermark=plan.load.run.watermark,
        source_columns=plan.described,
        columns=tuple(Column(name=c.name, native=c.native, data_type=c.data_type) for c in plan.load.schema.columns),
        schema_changes=plan.changes,
        notes=tuple(source.notes),
        table_bytes=_table_bytes(job, destination),
    )


def _table_bytes(job: Job, destination: Destination) -> int | None:
    """How large the table is now; the rows are in, so that not being told makes no run fail."""
    with suppress(WarehouseError):
        return destination.table_bytes(job.table)
    return None


def _nothing_settled(job: Job, source: Source) -> TransferResult:
    note = f"A transaction that has been open since before {job.range.start} holds everything newer back."
    return TransferResult(
        range=replace(job.range, end=job.range.start),
        counts=Counts(table_rows=job.previous_table_rows),
        watermark=job.expected_watermark,
        source_columns=(),
        columns=(),
        schema_changes=(),
        notes=(*source.notes, note),
    )


def _move(
    job: Job,
    plan: TransferPlan,
    source: Source,
    destination: Destination,
    *,
    commit: Callable[[Staged | None], Counts],
    on_progress: Progress,
) -> Counts:
    load, selection = plan.load, plan.selection
    row_format: Format = next(name for name in source.formats if name in destination.formats)
    if _changes_nothing_when_empty(load, selection) and source.known_empty(selection):
        return commit(None)
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
        return commit(Staged(rows=arrived, bytes=stream.bytes))
    finally:
        with suppress(WarehouseError):
            destination.drop_stage(load)


def _changes_nothing_when_empty(load: LoadPlan, selection: Selection) -> bool:
    """Whether a run that reads no row leaves the table as it is, and is one that may well read none."""
    deletes = load.rules.write_mode in ("replace", "mirror") or load.rules.deletes_range
    return load.target.existing is not None and not deletes and selection.read_from is not None


def _reporting(stream: RowStream, on_progress: Progress) -> RowStream:
    if stream.blocks is not None:
        stream.blocks = _observed(stream, stream.blocks, on_progress)
    if stream.batches is not None:
        stream.batches = _observed(stream, stream.batches, on_progress)
    return stream


_Rows = TypeVar("_Rows")


def _observed(stream: RowStream, rows: Iterator[_Rows], on_progress: Progress) -> Iterator[_Rows]:
    """Report progress, and keep the error that ends the stream: the destination's driver would raise one of its own."""
    try:
        for block in rows:
            yield block
            on_progress(stream.sent, stream.bytes)
    except GeneratorExit:
        raise
    except BaseException as error:
        stream.failure = error
        raise
