"""Connections: the four providers of the Warehouse Sync document, plus PostgreSQL and DuckDB, and their configs."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from observe_dagster.config.models.connections.base import PROVIDER_NAMES as PROVIDER_NAMES
from observe_dagster.config.models.connections.bigquery import BigQueryConnection
from observe_dagster.config.models.connections.databricks import DatabricksConnection
from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.config.models.connections.redshift import RedshiftConnection
from observe_dagster.config.models.connections.snowflake import SnowflakeConnection


def _provider_in_lower_case(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(provider := value.get("service_provider"), str):
        return {**value, "service_provider": provider.strip().lower()}
    return value


Connection = Annotated[
    PostgresConnection
    | DuckDBConnection
    | SnowflakeConnection
    | BigQueryConnection
    | RedshiftConnection
    | DatabricksConnection,
    Field(discriminator="service_provider"),
    BeforeValidator(_provider_in_lower_case),
]
"""A connection; `service_provider` is read without regard to case."""
