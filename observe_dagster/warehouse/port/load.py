"""What a destination needs to commit one run."""

from dataclasses import dataclass
from typing import Literal

from observe_dagster.datatypes import DataType
from observe_dagster.records import Column, SyncRange, TableName
from observe_dagster.warehouse.port.source import Bound

REJECTED_SUFFIX = "__rejected"
SYNC_RUN_TABLE = "_observe_sync_run"
DELETED_AT = "_observe_deleted_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadColumn:
    """One destination column and where its value comes from.

    `position` is the staged column's position, None for a constant. `native` is the destination's type: where a
    staged value may not fit it, the adapter checks, and a row that does not fit is rejected.
    """

    name: str
    native: str
    data_type: DataType | None
    position: int | None
    constant: str | bool | int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Everything a destination needs to commit one run; `unstaged` where there was no row to be staged."""

    pipeline_id: str
    execution_key: str
    table: TableName
    write_mode: Literal["upsert", "append", "replace", "mirror"]
    range: SyncRange
    expected_watermark: str | None
    watermark: str | None
    staged: tuple[Column, ...]
    columns: tuple[LoadColumn, ...]
    primary_key: tuple[str, ...]
    existing: tuple[Column, ...] | None
    added: tuple[LoadColumn, ...] = ()
    widened: tuple[LoadColumn, ...] = ()
    iterator_position: int | None = None
    reject_null_iterator: bool = False
    late_before: Bound | None = None
    delete_from: Bound | None = None
    delete_until: Bound | None = None
    iterator_column: str | None = None
    soft_delete_field: str | None = None
    max_delete_percent: float = 100.0
    rows: int = 0
    bytes: int = 0
    previous_table_rows: int | None = None
    unstaged: bool = False

    @property
    def keyed(self) -> tuple[LoadColumn, ...]:
        """The primary key's columns, in its order."""
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.primary_key)
