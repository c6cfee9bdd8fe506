"""PostgreSQL as a warehouse."""

from collections.abc import Generator
from contextlib import contextmanager

from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Source
from observe_dagster.warehouse.port.warehouse import OpenOptions
from observe_dagster.warehouse.postgres.destination import PostgresDestination
from observe_dagster.warehouse.postgres.reader import PostgresReader
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.source import PostgresSource

__all__ = ["PostgresWarehouse"]


class PostgresWarehouse:
    """A PostgreSQL database."""

    engine = "postgres"
    dialect = "postgres"
    default_schema = "public"

    def __init__(self, connection: PostgresConnection) -> None:
        self.connection_id = connection.id
        self._connection = connection

    def test(self) -> str:
        """Connect and return the server's version; raises ConnectionFailedError."""
        with self._session(OpenOptions(), writes=False) as session:
            return f"PostgreSQL {session.fetch('SHOW server_version')[0][0]}"

    @contextmanager
    def source(self, options: OpenOptions) -> Generator[Source]:
        """Open a read-only session."""
        with self._session(options, writes=False) as session:
            yield PostgresSource(session)

    @contextmanager
    def reader(self, options: OpenOptions) -> Generator[Reader]:
        """Open a session that only asks."""
        with self._session(options, writes=False) as session:
            yield PostgresReader(session)

    @contextmanager
    def destination(self, options: OpenOptions) -> Generator[Destination]:
        """Open a session that writes."""
        with self._session(options, writes=True) as session:
            yield PostgresDestination(session)

    @contextmanager
    def _session(self, options: OpenOptions, *, writes: bool) -> Generator[PostgresSession]:
        session = PostgresSession(self._connection, options, writes=writes)
        try:
            yield session
        finally:
            session.close()
