"""What every engine's adapter offers: sessions to read from and to write to, and what is handed to them.

Rows travel in one of three formats: `pgcopy`, the blocks of a PostgreSQL binary COPY, piped through untouched;
`native_arrow`, record batches in DuckDB's own types; and `arrow`, which every engine reads and writes: record batches
with one column per `Selection` column, named by position (`c0`, `c1`, …). In Arrow, decimals
of an unbounded or wide precision, uuids and json travel as text; an infinite date or timestamp is the largest value
of its integer, a negative infinite one the negative of that (DuckDB's convention).
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.query_log import QueryRecorder
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOptions:
    """How patient and how large a session may be; one that is not sparing takes as much memory as the engine likes."""

    lock_wait_seconds: float = 300.0
    batch_rows: int = 65_536
    limit_memory: bool = True
    queries: QueryRecorder = field(default_factory=QueryRecorder)


class Session(Protocol):
    """An engine's connection."""

    @property
    def connection_id(self) -> str:
        """The connection's id."""
        ...

    def execute(self, text: str) -> object:
        """Run a statement."""
        ...

    def changed(self, text: str) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Run a block in one transaction: all of it or nothing."""
        ...

    def fetch(self, text: str) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; return its rows."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Warehouse(Protocol):
    """One connection's engine."""

    connection_id: str
    dialect: Dialect
    default_schema: str

    def test(self) -> str:
        """Connect and return the engine's version; raises ConnectionFailedError."""
        ...

    def session(self, options: OpenOptions, *, writes: bool) -> AbstractContextManager[Session]:
        """Open a session that runs statements as they are; without `writes` it only reads."""
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
