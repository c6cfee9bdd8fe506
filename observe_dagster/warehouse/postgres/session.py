"""One PostgreSQL connection: opened with care, every statement recorded, driver errors turned into ours."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo

from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.config.secrets import secrets_of
from observe_dagster.errors import ConnectionFailedError, WarehouseError
from observe_dagster.redaction import redact
from observe_dagster.warehouse.port.query_log import StatementRecord
from observe_dagster.warehouse.port.warehouse import OpenOptions

_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "observe_dagster",
}
_NEVER_MENDS_ITSELF = ("28", "3D", "08P01")
_MAY_PASS = ("08", "40", "53", "55", "57P", "58")
_WOULD_WRITE = "25006"
_READ_ONLY = "What is read runs in a read-only transaction: neither it nor a function it calls may change anything."


class PostgresSession:
    """A psycopg connection in autocommit, speaking UTC; without `writes` every transaction of it is read-only."""

    def __init__(self, connection: PostgresConnection, options: OpenOptions, *, writes: bool) -> None:
        self.connection_id = connection.id
        self.queries = options.queries
        self._secrets = secrets_of(connection)
        self.dsn = dsn_of(connection, writes=writes, lock_wait_seconds=options.lock_wait_seconds)
        try:
            self.driver = psycopg.connect(self.dsn, autocommit=True)
        except psycopg.Error as error:
            raise self.connection_error(error) from None
        self.user = self.driver.info.user

    def close(self) -> None:
        """Give the connection back to the server; safe on a broken one."""
        self.driver.close()

    def connection_error(self, error: Exception) -> ConnectionFailedError:
        """Describe why the server could not be reached, without secrets."""
        text = redact(" ".join(str(error).split()), self._secrets)
        state = getattr(error, "sqlstate", None) or ""
        hopeless = state.startswith(_NEVER_MENDS_ITSELF) or any(
            sign in text for sign in ("password authentication failed", "no pg_hba.conf entry", "does not exist")
        )
        return ConnectionFailedError(self.connection_id, f"cannot connect: {text}", transient=not hopeless)

    def error(self, error: Exception) -> WarehouseError:
        """Describe a statement's failure, without secrets."""
        text = redact(" ".join(str(error).split()), self._secrets)
        state = getattr(error, "sqlstate", None)
        lost = state is None and isinstance(error, psycopg.OperationalError)
        if state == _WOULD_WRITE:
            text += f". {_READ_ONLY}"
        return WarehouseError(self.connection_id, text, transient=lost or (state or "").startswith(_MAY_PASS))

    def arrow_error(self, error: Exception) -> WarehouseError:
        """Describe the failure of the Arrow driver, which is transient unless the server gave another reason."""
        text = redact(" ".join(str(error).split()), self._secrets)
        state = getattr(error, "sqlstate", None) or ""
        lost = not state.strip("\0 ") and "connection" in text.lower()
        return WarehouseError(self.connection_id, text, transient=lost or state.startswith(_MAY_PASS))

    @contextmanager
    def recorded(self, text: str) -> Generator[StatementRecord]:
        """Record the statement that runs inside the block and translate its failure."""
        try:
            with self.queries.statement(self.connection_id, text, self.user) as record:
                yield record
        except psycopg.Error as error:
            raise self.error(error) from None

    def execute(self, text: str, parameters: Sequence[Any] | None = None) -> int:
        """Run a statement; return how many rows it touched."""
        with self.recorded(text) as record:
            cursor = self.driver.execute(text.encode(), parameters)
            record.rows = cursor.rowcount
            return cursor.rowcount

    changed = execute

    def fetch(self, text: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small; return its rows."""
        with self.recorded(text) as record:
            rows = self.driver.execute(text.encode(), parameters).fetchall()
            record.rows = len(rows)
            return rows

    def ask(self, text: str) -> list[tuple[Any, ...]]:
        """Run a declared query whose answer is small; raises WarehouseError where it is more than one statement."""
        with self.recorded(text) as record:
            # Streamed, the query travels by the protocol that takes a single statement only.
            rows = list(self.driver.cursor().stream(text.encode()))
            record.rows = len(rows)
            return rows

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Run a block in one transaction: all of it or nothing."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            if not self.driver.closed and not self.driver.broken:
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


def dsn_of(connection: PostgresConnection, *, writes: bool, lock_wait_seconds: float = 300.0) -> str:
    """The libpq connection string, with UTC and patient keepalives; it holds the password.

    A statement waits for a lock for so many seconds, unless the URL says otherwise.
    """
    config = connection.config
    patience = f"-c lock_timeout={max(1, round(lock_wait_seconds * 1000))}"
    options = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1"
    if not writes:
        options += " -c default_transaction_read_only=on"
    if config.url is not None:
        try:
            given = conninfo.conninfo_to_dict(config.url.get_secret_value())
        except psycopg.Error:
            raise ConnectionFailedError(connection.id, "config.url is not a PostgreSQL URL.") from None
        merged: dict[str, Any] = {**_DEFAULTS, **given, "options": f"{patience} {given.get('options') or ''} {options}"}
        return conninfo.make_conninfo(**merged)
    return conninfo.make_conninfo(
        **_DEFAULTS,
        host=config.host,
        port=config.port,
        dbname=config.database,
        user=config.user,
        password=None if config.password is None else config.password.get_secret_value(),
        sslmode=config.sslmode,
        options=f"{patience} {options}",
    )
