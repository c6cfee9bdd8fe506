"""Reading from PostgreSQL for checks: one read-only snapshot in which a failed statement spoils nothing."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from observe_dagster.records import Column, TableName
from observe_dagster.warehouse.port.query_log import StatementRecord
from observe_dagster.warehouse.postgres.comparison import PostgresExpressions
from observe_dagster.warehouse.postgres.dialect import DIALECT
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.source import PostgresSource, describe
from observe_dagster.warehouse.selection import bare

_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"
_PLACE = """
SELECT concat_ws(' ', system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),
                 quote_ident(session_user), current_setting('search_path')) FROM pg_control_system()
"""


class PostgresReader:
    """A session in one REPEATABLE READ, READ ONLY transaction that ends when it is closed."""

    dialect = DIALECT

    def __init__(self, session: PostgresSession) -> None:
        self.connection_id = session.connection_id
        self.queries = session.queries
        self._session = session
        self._source = PostgresSource(session)
        self._source.open_snapshot()

    def expressions(self) -> PostgresExpressions:
        """PostgreSQL's SQL for comparing values."""
        return PostgresExpressions()

    def database_identity(self) -> str:
        """What tells whether two sessions see the same tables by the same names."""
        return str(self.rows(_PLACE)[0][0])

    def columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table or view, None where there is none."""
        name = DIALECT.table(table)
        if not self._session.fetch(_EXISTS, (name,))[0][0]:
            return None
        with self._guarded():
            return describe(self._session, f"SELECT * FROM {name} LIMIT 0")

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when PostgreSQL rejects it."""
        with self._guarded():
            return self._source.describe(bare(query))

    def rows(self, query: str, *, limit: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; with `limit`, give at most so many of its rows."""
        text = bare(query) if limit is None else f"SELECT * FROM (\n{bare(query)}\n) AS model LIMIT {int(limit)}"
        with self._guarded():
            return self._session.ask(text)

    def stream(self, query: str, *, batch_rows: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query whose answer may be large; give its rows in batches, in bounded memory."""
        text = bare(query)
        with self._recorded(text) as record, self._session.driver.cursor(name="observe_rows") as cursor:
            cursor.execute(text.encode())
            record.rows = 0
            while batch := cursor.fetchmany(batch_rows):
                record.rows += len(batch)
                yield batch

    def export(self, query: str, path: Path) -> int:
        """Write a query's rows as CSV: every value in quotes, NULL bare as a backslash and N; return how many."""
        text = f"COPY (\n{bare(query)}\n) TO STDOUT (FORMAT CSV, NULL '\\N', FORCE_QUOTE *)"
        with self._recorded(text) as record, path.open("wb") as file, self._session.driver.cursor() as cursor:
            with cursor.copy(text.encode()) as rows:
                for row in rows:
                    file.write(row)
            record.rows = cursor.rowcount
            return cursor.rowcount

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """Keep the snapshot when a statement inside the block fails."""
        try:
            with self._session.driver.transaction():
                yield
        except psycopg.Error as error:
            raise self._session.error(error) from None

    @contextmanager
    def _recorded(self, text: str) -> Generator[StatementRecord]:
        with self._guarded(), self._session.recorded(text) as record:
            yield record
