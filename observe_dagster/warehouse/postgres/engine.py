"""PostgreSQL as a warehouse."""

from functools import partial

from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.warehouse.port.sessions import SessionWarehouse
from observe_dagster.warehouse.port.warehouse import Warehouse
from observe_dagster.warehouse.postgres.destination import PostgresDestination
from observe_dagster.warehouse.postgres.dialect import DIALECT
from observe_dagster.warehouse.postgres.reader import PostgresReader
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.source import PostgresSource


def warehouse(connection: PostgresConnection) -> Warehouse:
    """A PostgreSQL database."""
    return SessionWarehouse(
        connection_id=connection.id,
        default_schema=connection.default_schema,
        dialect=DIALECT,
        version="SELECT 'PostgreSQL ' || current_setting('server_version')",
        open_session=partial(PostgresSession, connection),
        make_source=PostgresSource,
        make_reader=PostgresReader,
        make_destination=PostgresDestination,
    )
