"""What a destination is given to load one run: who runs, into which table, of which columns, by which rules."""

from dataclasses import dataclass
from typing import Literal

from observe_dagster.datatypes import DataType
from observe_dagster.records import Column, CommittedRun, SyncRange, TableName
from observe_dagster.warehouse.port.source import Bound

WriteMode = Literal["upsert", "append", "replace", "mirror"]

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
class LoadRun:
    """Which run this is; the watermark moves from `expected_watermark` to `watermark`, None where it stays."""

    pipeline_id: str
    execution_key: str
    range: SyncRange
    expected_watermark: str | None = None
    watermark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """The table: its columns, None where there is no table yet, and about how many rows it has."""

    table: TableName
    existing: tuple[Column, ...] | None
    previous_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSchema:
    """Which source columns are staged, which columns are written, and how the table changes first.

    `iterator_position` is that of a staged column, `iterator_column` the name under which it is written.
    """

    staged: tuple[Column, ...]
    columns: tuple[LoadColumn, ...]
    added: tuple[LoadColumn, ...] = ()
    widened: tuple[LoadColumn, ...] = ()
    iterator_position: int | None = None
    iterator_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRules:
    """How rows are written.

    Rows with an iterator before `late_before` are late. Rows from `delete_from` up to `delete_until` are removed
    before a range is appended again.
    """

    write_mode: WriteMode
    primary_key: tuple[str, ...] = ()
    reject_null_iterator: bool = False
    soft_delete_field: str | None = None
    max_delete_percent: float = 100.0
    late_before: Bound | None = None
    delete_from: Bound | None = None
    delete_until: Bound | None = None

    @property
    def deletes_range(self) -> bool:
        """Whether rows of a range are removed first."""
        return self.delete_from is not None or self.delete_until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Everything a destination needs to stage, prepare and commit one run."""

    run: LoadRun
    target: LoadTarget
    schema: LoadSchema
    rules: LoadRules

    @property
    def keyed(self) -> tuple[LoadColumn, ...]:
        """The primary key's columns, in its order."""
        by_name = {column.name: column for column in self.schema.columns}
        return tuple(by_name[name] for name in self.rules.primary_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What was staged: rows, and their size in bytes on the way."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The run's rows are in the table."""

    run: CommittedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCommitted:
    """The run's rows are not in the table and will not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A commit of the pipeline goes on; whose it is and how it ends is not known yet."""


CommitOutcome = Committed | NotCommitted | Running
