"""One DuckDB connection: waits its turn for the file, records every statement, turns driver errors into ours."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.sql.quoting import string
from observe_dagster.errors import ConnectionFailedError, OutOfMemoryError, WarehouseError
from observe_dagster.warehouse.port.query_log import StatementRecord
from observe_dagster.warehouse.port.warehouse import OpenOptions

_POLL_SECONDS = 0.1
_IN_USE = ("Could not set lock", "different configuration", "being used by another process")
# What is staged is kept in memory up to the limit, so a low one keeps a run small however many rows it moves; changing
# rows that are there already needs more. Each thread that writes has a part of every column in hand.
MEGABYTES = 256
MEGABYTES_OF_NEW = 128
MEGABYTES_OF_CHANGES = 512
_MEGABYTES_OF_COLUMN = 0.6
MOST_THREADS = 8
_SHORTAGE = ("failed to pin block", "could not allocate block", "failed to allocate data")

_TOO_LITTLE = ". Give the connection's config a larger memory_limit, such as memory_limit: 4GB."
_CLOSED = (
    ". SQL that only reads may read the file of its connection, and no others and nothing from the network, unless the "
    "connection's config says external_access: true."
)

USER = "duckdb"


class DuckDBSession:
    """A connection in autocommit, speaking UTC. Only one process at a time may write a file."""

    def __init__(self, connection: DuckDBConnection, options: OpenOptions, *, writes: bool) -> None:
        self.connection_id = connection.id
        self.queries = options.queries
        self.path = Path(connection.config.path).expanduser()
        self._prepare_path(writes=writes)
        self.driver = self._open(options.lock_wait_seconds, writes=writes)
        self._memory_limit, self._sparing = connection.config.memory_limit, options.limit_memory
        alone = not writes and not connection.config.external_access
        (cores,) = self.driver.execute("SELECT current_setting('threads')").fetchone() or (1,)
        self._threads = min(int(cores), MOST_THREADS)
        for setting in (
            "SET TimeZone = 'UTC'",
            "SET preserve_insertion_order = false",
            f"SET threads = {self._threads}",
            # A table that is not there must not become a variable of this program that has its name.
            "SET python_enable_replacements = false",
            *(("SET enable_external_access = false",) if alone else ()),
        ):
            self.driver.execute(setting)
        self.allow(MEGABYTES)

    def allow(self, megabytes: int, *, columns: int = 0) -> None:
        """Let DuckDB take so much memory, and what it takes to write rows of so many columns.

        The connection's own limit holds instead where there is one, and DuckDB's where the session is not sparing.
        """
        enough = round(megabytes + columns * self._threads * _MEGABYTES_OF_COLUMN)
        if self._memory_limit or self._sparing:
            self.driver.execute(f"SET memory_limit = '{self._memory_limit or f'{enough}MB'}'")

    def close(self) -> None:
        """Let go of the file."""
        self.driver.close()

    def _prepare_path(self, *, writes: bool) -> None:
        if writes:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConnectionFailedError(
                    self.connection_id, f"cannot create the folder of {self.path}: {error.strerror}"
                ) from None
        elif not self.path.exists():
            raise ConnectionFailedError(self.connection_id, f"there is no DuckDB file at {self.path}")

    def _open(self, wait_seconds: float, *, writes: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                return self._connect(writes=writes)
            except duckdb.Error as error:
                text = " ".join(str(error).split())
                if not any(sign in text for sign in _IN_USE):
                    raise ConnectionFailedError(self.connection_id, f"cannot open {self.path}: {text}") from None
                if time.monotonic() > deadline:
                    raise ConnectionFailedError(
                        self.connection_id,
                        f"waited {wait_seconds:g} s for {self.path}, which another process holds: {text}",
                        transient=True,
                    ) from None
            time.sleep(_POLL_SECONDS)

    def _connect(self, *, writes: bool) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(self.path, read_only=not writes)
        except duckdb.ConnectionException:
            if writes:
                raise
            return duckdb.connect(self.path)

    def error(self, error: Exception) -> WarehouseError:
        """Describe a statement's failure."""
        text = " ".join(str(error).split())
        if isinstance(error, duckdb.PermissionException):
            text += _CLOSED
        if isinstance(error, duckdb.OutOfMemoryException) or any(sign in text for sign in _SHORTAGE):
            brief = text.partition(" Possible solutions:")[0] + _TOO_LITTLE
            return OutOfMemoryError(self.connection_id, brief, transient=self._sparing and not self._memory_limit)
        return WarehouseError(self.connection_id, text, transient=isinstance(error, duckdb.TransactionException))

    def require_one_statement(self, text: str) -> None:
        """Refuse a text that DuckDB reads as more than one statement; raises WarehouseError."""
        try:
            statements = self.driver.extract_statements(text)
        except duckdb.Error as error:
            raise self.error(error) from None
        if len(statements) != 1:
            raise WarehouseError(self.connection_id, f"this is not one statement but {len(statements)}.")

    @contextmanager
    def recorded(self, text: str) -> Generator[StatementRecord]:
        """Record the statement that runs inside the block and translate its failure."""
        try:
            with self.queries.statement(self.connection_id, text, USER) as record:
                yield record
        except duckdb.Error as error:
            raise self.error(error) from None
        except RuntimeError as error:
            # The driver's answer to a signal, in place of what the signal's handler raised.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from None
            raise

    def execute(self, text: str, parameters: Sequence[Any] | None = None) -> None:
        """Run a statement."""
        with self.recorded(text):
            self.driver.execute(text, parameters)

    def changed(self, text: str, parameters: Sequence[Any] | None = None) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""
        with self.recorded(text) as record:
            (count,) = self.driver.execute(text, parameters).fetchone() or (0,)
            record.rows = int(count)
            return int(count)

    def fetch(self, text: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; return its rows."""
        with self.recorded(text) as record:
            rows = self.driver.execute(text, parameters).fetchall()
            record.rows = len(rows)
            return rows

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Run a block in one transaction: all of it or nothing."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


def literal(value: object) -> str:
    """A value as SQL, with its type spelt out."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        kind = "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
        return f"{kind} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return string(value)
    return repr(value)
