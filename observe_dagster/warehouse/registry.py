"""From a declared connection to its engine: one row an engine, imported when it is used."""

from importlib import import_module

from observe_dagster.config.models.connections import Connection
from observe_dagster.errors import AdapterMissingError
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.warehouse import Warehouse

_ENGINES = {
    "postgres": "observe_dagster.warehouse.postgres",
    "duckdb": "observe_dagster.warehouse.duckdb",
}
"""By `service_provider`, the package whose `dialect` has DIALECT and whose `engine` has `warehouse(connection)`."""


def dialect_of(connection: Connection) -> Dialect | None:
    """How a connection's engine is spoken to and what it can do; None for a provider without an adapter."""
    engine = _ENGINES.get(connection.service_provider)
    return None if engine is None else import_module(f"{engine}.dialect").DIALECT


def open_warehouse(connection: Connection) -> Warehouse:
    """The adapter for a connection; nothing is connected yet. Raises AdapterMissingError for a provider without one."""
    engine = _ENGINES.get(connection.service_provider)
    if engine is None:
        raise AdapterMissingError(
            connection.id,
            f"the adapter for {connection.provider_name} is not installed; syncs run on Postgres and DuckDB "
            "connections in this version.",
        )
    return import_module(f"{engine}.engine").warehouse(connection)
