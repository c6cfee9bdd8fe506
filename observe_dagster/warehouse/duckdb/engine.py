"""DuckDB as a warehouse."""

from functools import partial

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.warehouse.duckdb.destination import DuckDBDestination
from observe_dagster.warehouse.duckdb.dialect import DIALECT
from observe_dagster.warehouse.duckdb.reader import DuckDBReader
from observe_dagster.warehouse.duckdb.session import DuckDBSession
from observe_dagster.warehouse.duckdb.source import DuckDBSource
from observe_dagster.warehouse.port.sessions import SessionWarehouse
from observe_dagster.warehouse.port.warehouse import Warehouse


def warehouse(connection: DuckDBConnection) -> Warehouse:
    """A DuckDB file, which is created when first written to."""
    return SessionWarehouse(
        connection_id=connection.id,
        default_schema=connection.default_schema,
        dialect=DIALECT,
        version="SELECT 'DuckDB ' || version()",
        open_session=partial(DuckDBSession, connection),
        make_source=DuckDBSource,
        make_reader=DuckDBReader,
        make_destination=DuckDBDestination,
    )
