"""What every engine's adapter offers: sessions to read from and to write to, and what is handed to them.

Rows travel in one of three formats: `pgcopy`, the blocks of a PostgreSQL binary COPY, piped through untouched;
`native_arrow`, record batches in DuckDB's own types; and `arrow`, which every engine reads and writes: record batches
with one column per `Selection` column, named by position (`c0`, `c1`, …). In Arrow, decimals
of an unbounded or wide precision, uuids and json travel as text; an infinite date or timestamp is the largest value
of its integer, a negative infinite one the negative of that (DuckDB's convention).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from observe_dagster.datatypes import DataType
from observe_dagster.records import Column, CommittedRun, Counts, SyncRange, TableName
from observe_dagster.warehouse.comparing import Expressions
from observe_dagster.warehouse.query_log import QueryRecorder

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["pgcopy", "native_arrow", "arrow"]
Bound = datetime | date | int

REJECTED_SUFFIX = "__rejected"
SYNC_RUN_TABLE = "_observe_sync_run"
DELETED_AT = "_observe_deleted_at"


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows of a data model to read: the named columns where `read_from <= iterator < read_until`.

    With `include_null_iterator`, rows whose iterator is null are read as well.
    """

    sql: str
    columns: tuple[Column, ...]
    iterator: str | None = None
    read_from: Bound | None = None
    read_until: Bound | None = None
    include_null_iterator: bool = False


@dataclass(slots=True, kw_only=True)
class RowStream:
    """Rows on their way; `sent` and `bytes` grow as blocks are taken and are final once all are.

    `release` gives up what is left; it must be called in the end, whether the rows were taken or not. `failure` is why
    the rows stopped coming, which the destination's driver may report as an error of its own.
    """

    format: Format
    columns: tuple[Column, ...]
    blocks: Iterator[bytes] | None = None
    batches: "Iterator[pa.RecordBatch] | None" = None
    schema: "pa.Schema | None" = None
    release: Callable[[], None] = lambda: None
    failure: BaseException | None = None
    sent: int = 0
    bytes: int = 0


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


class Source(Protocol):
    """An open session that only reads. All rows and bounds of a session come from one snapshot."""

    formats: tuple[Format, ...]
    queries: QueryRecorder
    notes: list[str]

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when the engine rejects it."""
        ...

    def settled_until(self) -> datetime:
        """The instant before which no open transaction can still commit a row stamped with its own time."""
        ...

    def open_snapshot(self, *, settle_seconds: float | None = None) -> None:
        """Fix what the session sees; with `settle_seconds`, first wait for the transactions open now to end."""
        ...

    def greatest(self, query: str, iterator: str) -> int | None:
        """The greatest whole number in a SELECT's iterator column."""
        ...

    def count(self, selection: Selection) -> int:
        """How many rows a selection has."""
        ...

    def finds_nothing(self, selection: Selection) -> bool:
        """Whether a selection has no rows, where that costs next to nothing to tell; false where it is not known."""
        ...

    def read(self, selection: Selection, row_format: Format, *, batch_rows: int) -> RowStream:
        """Stream a selection's rows in bounded memory."""
        ...


class Destination(Protocol):
    """An open session that writes."""

    engine: str
    formats: tuple[Format, ...]
    queries: QueryRecorder

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        ...

    def native_type(self, column: Column, *, source_engine: str) -> str:
        """The type a new column gets; raises UnsupportedTypeError where the engine cannot hold it."""
        ...

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """This engine's spelling of a type; raises UnsupportedTypeError where it has none."""
        ...

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        ...

    def committed(self, execution_key: str, table: TableName) -> CommittedRun | None:
        """The run of that key, if its rows are in the table."""
        ...

    def stage(self, load: Load, stream: RowStream) -> int:
        """Put a stream's rows beside the table, outside any reader's sight; return how many arrived."""
        ...

    def commit(self, load: Load, *, now: datetime, on_commit: Callable[[], None] = nothing) -> Counts:
        """Merge the staged rows and record the run, in one transaction; `on_commit` is called right before it ends.

        Raises WatermarkConflictError when another run has committed since planning, LimitExceededError when too much
        would be deleted; nothing has changed then.
        """
        ...

    def discard_stage(self, load: Load) -> None:
        """Remove what was staged, if anything."""
        ...

    def table_bytes(self, table: TableName) -> int | None:
        """About how much room a table takes, with its indexes; None where the engine cannot tell it at once."""
        ...


class Reader(Protocol):
    """An open session that only asks, for checks. All answers of a session come from one snapshot, in UTC.

    A statement that fails raises WarehouseError and spoils neither the session nor its snapshot.
    """

    @property
    def engine(self) -> str:
        """The adapter's name, such as `postgres`."""
        ...

    @property
    def dialect(self) -> str:
        """The name sqlglot knows the engine's SQL by."""
        ...

    connection_id: str
    queries: QueryRecorder

    def expressions(self) -> Expressions:
        """The engine's SQL for comparing values, ready to be used in this session."""
        ...

    def place(self) -> str:
        """What tells whether two sessions see the same tables by the same names."""
        ...

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view, None where there is none."""
        ...

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when the engine rejects it."""
        ...

    def rows(self, query: str, *, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; with `limit`, give at most so many of its rows."""
        ...

    def stream(self, query: str, *, batch_rows: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query whose answer may be large; give its rows in batches, in bounded memory."""
        ...

    def export(self, query: str, path: Path) -> int:
        """Write a query's rows as CSV: every value in quotes, NULL bare as a backslash and N; return how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """How patient and how large a session may be; one that is not sparing takes as much memory as the engine likes."""

    lock_wait_seconds: float = 300.0
    batch_rows: int = 65_536
    sparing: bool = True
    queries: QueryRecorder = field(default_factory=QueryRecorder)


class Warehouse(Protocol):
    """One connection's engine."""

    connection_id: str
    engine: str
    dialect: str
    default_schema: str

    def test(self) -> str:
        """Connect and return the engine's version; raises ConnectionFailedError."""
        ...

    def source(self, options: OpenOptions) -> AbstractContextManager[Source]:
        """Open a read-only session."""
        ...

    def reader(self, options: OpenOptions) -> AbstractContextManager[Reader]:
        """Open a session that only asks."""
        ...

    def destination(self, options: OpenOptions) -> AbstractContextManager[Destination]:
        """Open a session that writes."""
        ...
