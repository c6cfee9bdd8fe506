"""From a declared connection to its engine's adapter."""

from observe_dagster.config.models.connections import PROVIDER_NAMES, Connection
from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.errors import AdapterMissingError
from observe_dagster.warehouse.port.warehouse import Warehouse


def open_warehouse(connection: Connection) -> Warehouse:
    """The adapter for a connection; nothing is connected yet. Raises AdapterMissingError for a provider without one."""
    if isinstance(connection, PostgresConnection):
        from observe_dagster.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(connection)
    if isinstance(connection, DuckDBConnection):
        from observe_dagster.warehouse.duckdb import DuckDBWarehouse

        return DuckDBWarehouse(connection)
    provider = PROVIDER_NAMES[connection.service_provider]
    raise AdapterMissingError(
        connection.id,
        f"the adapter for {provider} is not installed; syncs run on Postgres and DuckDB connections in this version.",
    )
