"""Reading from DuckDB for checks: a file opened for reading only, seen at one moment."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from observe_dagster.config.sql.quoting import string
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse.duckdb.comparison import DuckDBExpressions
from observe_dagster.warehouse.duckdb.scratch import teach_json
from observe_dagster.warehouse.duckdb.session import USER, DuckDBSession
from observe_dagster.warehouse.duckdb.source import DuckDBSource, describe
from observe_dagster.warehouse.duckdb.statements import qualified

_EXISTS = "SELECT count(*) > 0 FROM information_schema.tables WHERE lower(table_schema) = ? AND lower(table_name) = ?"
_CSV = "FORMAT CSV, HEADER false, NULL '\\N', FORCE_QUOTE *"
_ROWS = "exported"
_BATCH_ROWS = 65_536
_Answer = TypeVar("_Answer")


class DuckDBReader:
    """A session in one read-only transaction that ends when it is closed."""

    engine = "duckdb"
    dialect = "duckdb"

    def __init__(self, session: DuckDBSession) -> None:
        self.connection_id = session.connection_id
        self.queries = session.queries
        self._session = session
        self._source = DuckDBSource(session)
        self._knows_json = False
        self._source.open_snapshot()

    def expressions(self) -> DuckDBExpressions:
        """DuckDB's SQL for comparing values."""
        if not self._knows_json:
            teach_json(self._session.driver)
            self._knows_json = True
        return DuckDBExpressions()

    def database_identity(self) -> str:
        """What tells whether two sessions see the same tables by the same names."""
        return str(self._session.path.resolve())

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view, None where there is none."""
        names = (table.schema.lower(), table.table.lower())
        if not self._guarded(lambda: self._session.fetch(_EXISTS, names))[0][0]:
            return None
        return self._guarded(lambda: describe(self._session, f"DESCRIBE {qualified(table)}"))

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when DuckDB rejects it."""
        return self._guarded(lambda: self._source.describe(_bare(query)))

    def rows(self, query: str, *, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; with `limit`, give at most so many of its rows."""
        text = _bare(query) if limit is None else f"SELECT * FROM (\n{_bare(query)}\n) AS model LIMIT {int(limit)}"
        self._session.require_one_statement(text)
        return self._guarded(lambda: self._session.fetch(text))

    def stream(self, query: str, *, batch_rows: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query whose answer may be large; give its rows in batches, in bounded memory."""
        text = _bare(query)
        with self.queries.statement(self.connection_id, text, USER) as record:
            record.rows = 0
            try:
                cursor = self._session.driver.cursor().execute(text)
                while batch := cursor.fetchmany(batch_rows):
                    record.rows += len(batch)
                    yield batch
            except duckdb.Error as error:
                raise self._session.error(error) from None

    def export(self, query: str, path: Path) -> int:
        """Write a query's rows as CSV: every value in quotes, NULL bare as a backslash and N; return how many."""
        self._session.require_one_statement(text := _bare(query))
        with self.queries.statement(self.connection_id, text, USER) as record, duckdb.connect() as writer:
            try:
                # Written by another database: this one may be closed to the files around it.
                writer.register(_ROWS, self._session.driver.sql(text).to_arrow_reader(_BATCH_ROWS))
                written = writer.execute(f"COPY {_ROWS} TO {string(str(path))} ({_CSV})").fetchone()
            except duckdb.Error as error:
                raise self._session.error(error) from None
            record.rows = int(written[0]) if written else 0
            return record.rows

    def _guarded(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask, and leave the transaction usable when a statement fails: DuckDB has no savepoints, so it is renewed.

        No other process can have written meanwhile, as the file is held.
        """
        try:
            return ask()
        except WarehouseError:
            self._session.driver.rollback()
            self._session.driver.execute("BEGIN TRANSACTION READ ONLY")
            raise


def _bare(query: str) -> str:
    return query.strip().rstrip(";").rstrip()
