"""Text that PostgreSQL cannot hold: a NUL character in an Arrow batch, made visible, and its row marked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from observe_dagster.warehouse.load.infinity import compute, with_elements

if TYPE_CHECKING:
    import pyarrow as pa

_NUL, _SHOWN_AS = "\x00", "\N{SYMBOL FOR NULL}"


def marked(batch: "pa.RecordBatch", names: Sequence[str]) -> tuple["pa.RecordBatch", "pa.Array"]:
    """The batch with NUL characters shown as ␀, and for each row the reason why it is rejected, or null."""
    import pyarrow as pa

    reasons = pa.nulls(batch.num_rows, pa.string())
    columns: list[pa.Array] = []
    for name, column in zip(names, batch.columns, strict=True):
        rows = _rows_with_nul(column)
        if rows is None:
            columns.append(column)
            continue
        reason = pa.scalar(f'column "{name}": text with a NUL character, which PostgreSQL cannot hold')
        reasons = compute().if_else(rows, reason, reasons)
        columns.append(_shown(column))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema), reasons


def _rows_with_nul(column: "pa.Array") -> "pa.Array | None":
    """Which rows hold a NUL; None where none does."""
    import pyarrow as pa

    pc = compute()
    if pa.types.is_list(column.type):
        among = _rows_with_nul(pc.list_flatten(column))
        if among is None:
            return None
        parents = pc.filter(pc.list_parent_indices(column), among)
        return pc.is_in(pa.array(range(len(column)), parents.type), value_set=parents)
    if not pa.types.is_string(column.type):
        return None
    found = pc.match_substring(column, _NUL)
    return pc.fill_null(found, fill_value=False) if pc.any(found).as_py() else None


def _shown(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    if pa.types.is_list(column.type):
        return with_elements(column, _shown(column.values))
    return compute().replace_substring(column, _NUL, _SHOWN_AS)
