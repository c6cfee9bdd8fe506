"""DuckDB as a warehouse."""

from collections.abc import Generator
from contextlib import contextmanager

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.warehouse.duckdb.destination import DuckDBDestination
from observe_dagster.warehouse.duckdb.reader import DuckDBReader
from observe_dagster.warehouse.duckdb.session import DuckDBSession
from observe_dagster.warehouse.duckdb.source import DuckDBSource
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Source
from observe_dagster.warehouse.port.warehouse import OpenOptions

__all__ = ["DuckDBWarehouse"]


class DuckDBWarehouse:
    """A DuckDB file."""

    engine = "duckdb"
    dialect = "duckdb"
    default_schema = "main"

    def __init__(self, connection: DuckDBConnection) -> None:
        self.connection_id = connection.id
        self._connection = connection

    def test(self) -> str:
        """Open the file and return the engine's version; raises ConnectionFailedError."""
        with self._session(OpenOptions(lock_wait_seconds=5), writes=False) as session:
            return f"DuckDB {session.fetch('SELECT version()')[0][0]}"

    @contextmanager
    def source(self, options: OpenOptions) -> Generator[Source]:
        """Open a read-only session."""
        with self._session(options, writes=False) as session:
            yield DuckDBSource(session)

    @contextmanager
    def reader(self, options: OpenOptions) -> Generator[Reader]:
        """Open a session that only asks."""
        with self._session(options, writes=False) as session:
            yield DuckDBReader(session)

    @contextmanager
    def destination(self, options: OpenOptions) -> Generator[Destination]:
        """Open a session that writes; the file is created where there is none."""
        with self._session(options, writes=True) as session:
            yield DuckDBDestination(session)

    @contextmanager
    def _session(self, options: OpenOptions, *, writes: bool) -> Generator[DuckDBSession]:
        session = DuckDBSession(self._connection, options, writes=writes)
        try:
            yield session
        finally:
            session.close()
