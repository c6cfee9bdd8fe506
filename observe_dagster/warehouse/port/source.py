"""Reading from a warehouse: what is selected and how rows travel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, Protocol

from observe_dagster.records import Column
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.query_log import QueryRecorder

if TYPE_CHECKING:
    import pyarrow as pa


Format = Literal["pgcopy", "native_arrow", "arrow"]


Bound = datetime | date | int


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


class Source(Protocol):
    """An open session that only reads. All rows and bounds of a session come from one snapshot."""

    dialect: Dialect
    formats: tuple[Format, ...]
    queries: QueryRecorder
    notes: list[str]

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when the engine rejects it."""
        ...

    def commit_horizon(self) -> datetime:
        """The instant before which no open transaction can still commit a row stamped with its own time."""
        ...

    def open_snapshot(self, *, settle_seconds: float | None = None) -> None:
        """Fix what the session sees; with `settle_seconds`, first wait for the transactions open now to end."""
        ...

    def max_value(self, query: str, iterator: str) -> int | None:
        """The greatest whole number in a SELECT's iterator column."""
        ...

    def count(self, selection: Selection) -> int:
        """How many rows a selection has."""
        ...

    def known_empty(self, selection: Selection) -> bool:
        """Whether a selection has no rows, where that costs next to nothing to tell; false where it is not known."""
        ...

    def read(self, selection: Selection, row_format: Format, *, batch_rows: int) -> RowStream:
        """Stream a selection's rows in bounded memory."""
        ...
