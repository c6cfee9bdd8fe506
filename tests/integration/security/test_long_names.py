"""A name that PostgreSQL would cut is refused, for what is left of it may be another's."""

import pytest
from observe_dagster.warehouse.postgres.names import qualified

from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse import OpenOptions, open_warehouse

LONG = "ü" * 32


@pytest.fixture
def warehouse(database):
    config = {"id": "warehouse", "name": "W", "service_provider": "postgres", "config": {"url": database}}
    return open_warehouse(PostgresConnection.model_validate(config))


@pytest.mark.parametrize("table", [TableName(schema=LONG, table="t"), TableName(schema="s", table=LONG)])
def test_a_schema_or_table_with_a_longer_name_is_refused(warehouse, table) -> None:
    with warehouse.destination(OpenOptions()) as destination, pytest.raises(WarehouseError, match="63 bytes"):
        destination.table_columns(table)


def test_a_column_with_a_longer_name_is_refused(warehouse) -> None:
    column = Column(name=LONG, native="integer", data_type=None)
    with warehouse.destination(OpenOptions()) as destination, pytest.raises(WarehouseError, match="63 bytes"):
        destination.native_type(column, source_engine="duckdb")


def test_the_quarantine_of_a_long_name_is_another_table_with_a_name_that_fits() -> None:
    names = {
        qualified(TableName(schema="s", table=("x" * length)), "__rejected").as_string() for length in range(40, 64)
    }
    assert len(names) == 24
    assert all(len(name.encode()) <= len('"s".""') + 63 and name.endswith('__rejected"') for name in names)
    short = qualified(TableName(schema="s", table="orders"), "__rejected")
    assert short.as_string() == '"s"."orders__rejected"'
