"""Asking a warehouse, for checks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from observe_dagster.records import Column, TableName
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.diff.comparison import Expressions
from observe_dagster.warehouse.port.query_log import QueryRecorder


class Reader(Protocol):
    """An open session that only asks, for checks. All answers of a session come from one snapshot, in UTC.

    A statement that fails raises WarehouseError and spoils neither the session nor its snapshot.
    """

    dialect: Dialect
    connection_id: str
    queries: QueryRecorder

    def expressions(self) -> Expressions:
        """The engine's SQL for comparing values, ready to be used in this session."""
        ...

    def database_identity(self) -> str:
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
