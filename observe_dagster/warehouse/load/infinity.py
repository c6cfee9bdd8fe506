"""Infinite dates and timestamps in Arrow batches.

Arrow has no infinity. DuckDB writes it as the largest integer and its negative; PostgreSQL's ADBC driver adds the
distance between the two epochs to PostgreSQL's own largest and smallest integer, and wraps around.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH_MICROSECONDS = 946_684_800_000_000
_EPOCH_DAYS = 10_957
_INT64, _INT32 = 2**63 - 1, 2**31 - 1

Remapping = dict[str, tuple[tuple[int, int], ...]]

POSTGRES_TO_ARROW: Remapping = {
    "int64": ((_EPOCH_MICROSECONDS - _INT64 - 2, _INT64), (_EPOCH_MICROSECONDS - _INT64 - 1, -_INT64)),
    "int32": ((_EPOCH_DAYS - _INT32 - 2, _INT32), (_EPOCH_DAYS - _INT32 - 1, -_INT32)),
}
"""For timestamps (int64 microseconds) and dates (int32 days): what the driver gives and what Arrow rows carry."""

ARROW_TO_POSTGRES: Remapping = {
    "int64": ((-_INT64, _EPOCH_MICROSECONDS - _INT64 - 1),),
    "int32": ((_INT32, _EPOCH_DAYS - _INT32 - 2), (-_INT32, _EPOCH_DAYS - _INT32 - 1)),
}
"""The way back. The driver refuses the value that would become a positive infinite timestamp, so that one is written
as it is and arrives as ARRIVED_INFINITY, which no Arrow value means otherwise."""

ARRIVED_INFINITY = "294247-01-10 04:00:54.775807"


def has_positive_infinity(column: "pa.Array") -> bool:
    """Whether a column of timestamps, or of arrays of them, has a positive infinite one."""
    import pyarrow as pa

    pc = compute()
    if pa.types.is_list(column.type):
        return has_positive_infinity(pc.list_flatten(column))
    if not pa.types.is_timestamp(column.type) or len(column) == 0:
        return False
    return bool(pc.max(column.cast(pa.int64())).as_py() == _INT64)


def remapped(batch: "pa.RecordBatch", schema: "pa.Schema | None", mapping: Remapping) -> "pa.RecordBatch":
    """The batch with its infinities written the other way; columns without any are passed on as they are."""
    import pyarrow as pa

    columns = [_remapped_column(column, mapping) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema if schema is not None else batch.schema)


def _remapped_column(column: "pa.Array", mapping: Remapping) -> "pa.Array":
    import pyarrow as pa

    if pa.types.is_list(column.type):
        elements = _remapped_column(column.values, mapping)
        return column if elements is column.values else with_elements(column, elements)
    integer = (
        pa.int64() if pa.types.is_timestamp(column.type) else pa.int32() if pa.types.is_date32(column.type) else None
    )
    if integer is None or column.null_count == len(column):
        return column
    pc = compute()
    changed = integers = column.cast(integer)
    bounds = pc.min_max(integers)
    for before, after in mapping[str(integer)]:
        if bounds["min"].as_py() <= before <= bounds["max"].as_py():
            changed = pc.if_else(pc.equal(integers, pa.scalar(before, integer)), pa.scalar(after, integer), changed)
    return column if changed is integers else changed.cast(column.type)


def with_elements(column: "pa.Array", elements: "pa.Array") -> "pa.Array":
    """The same lists of other elements, one for each there was."""
    import pyarrow as pa

    return pa.Array.from_buffers(
        column.type, len(column), column.buffers()[:2], column.null_count, column.offset, [elements]
    )


def compute() -> Any:
    """The module pyarrow.compute, imported when it is used."""
    import pyarrow.compute

    return pyarrow.compute
