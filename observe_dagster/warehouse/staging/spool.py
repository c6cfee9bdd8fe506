"""An Arrow stream as Parquet files of a bounded size, one at a time on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observe_dagster.warehouse.port.source import RowStream

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 64_000_000
"""How large a part may be before compression, so that several fit into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One Parquet file of a stream, numbered from 1; it is deleted when the next one is asked for."""

    path: Path
    number: int
    rows: int
    bytes: int


def spool(stream: RowStream, folder: Path, *, most_bytes: int = MOST_BYTES) -> Iterator[Part]:
    """Write a stream's Arrow batches as parts of about `most_bytes` in memory, each with one row group.

    Timestamps are in microseconds. Raises ValueError for a stream without batches, and for a finer value, with
    its column's name.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if stream.schema is None or stream.batches is None:
        raise ValueError(f"a stream in the format {stream.format!r} has no Arrow batches")
    schema = _in_microseconds(stream.schema)
    names = [column.name for column in stream.columns] or schema.names
    for number, batches in enumerate(_chunks(stream.batches, most_bytes), start=1):
        path = folder / f"part-{number:05d}.parquet"
        try:
            table = _cast(pa.Table.from_batches(batches), schema, names)
            parquet.write_table(table, path, row_group_size=table.num_rows, compression="zstd")
            rows = table.num_rows
            del table
            batches.clear()
            yield Part(path=path, number=number, rows=rows, bytes=path.stat().st_size)
        finally:
            path.unlink(missing_ok=True)


def _cast(table: "pa.Table", schema: "pa.Schema", names: Sequence[str]) -> "pa.Table":
    import pyarrow as pa

    columns: list[pa.ChunkedArray] = []
    for name, column, field in zip(names, table.columns, schema, strict=True):
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowInvalid as error:
            raise ValueError(f"column {name!r}: {error}") from None
    return pa.Table.from_arrays(columns, schema=schema)


def _chunks(batches: "Iterator[pa.RecordBatch]", most_bytes: int) -> "Iterator[list[pa.RecordBatch]]":
    """Batches together up to a size; one that is larger by itself is split."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        for piece in _pieces(batch, most_bytes):
            if held and size + piece.nbytes > most_bytes:
                yield held
                held, size = [], 0
            held.append(piece)
            size += piece.nbytes
    if held:
        yield held


def _pieces(batch: "pa.RecordBatch", most_bytes: int) -> "Iterator[pa.RecordBatch]":
    rows = batch.num_rows
    if rows:
        each = max(1, min(rows, rows * most_bytes // max(1, batch.nbytes)))
        yield from (batch.slice(first, each) for first in range(0, rows, each))


def _in_microseconds(schema: "pa.Schema") -> "pa.Schema":
    import pyarrow as pa

    def unit(data_type: "pa.DataType") -> "pa.DataType":
        if pa.types.is_list(data_type):
            return pa.list_(unit(data_type.value_type))
        return pa.timestamp("us", data_type.tz) if pa.types.is_timestamp(data_type) else data_type

    return pa.schema([field.with_type(unit(field.type)) for field in schema])
