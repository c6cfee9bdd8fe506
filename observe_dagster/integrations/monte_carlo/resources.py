"""Which resource at Monte Carlo a connection is: its uuid, its type, and the type of its query logs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from observe_dagster.config.models.connections import Connection

LOG_TYPES = (
    "snowflake",
    "bigquery",
    "databricks",
    "redshift",
    "hive-s3",
    "athena",
    "teradata",
    "clickhouse",
    "databricks-metastore-sql-warehouse",
    "s3",
    "presto-s3",
)
"""The query logs that Monte Carlo takes; PostgreSQL's and DuckDB's are not among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource; `log_type` is None where Monte Carlo takes no query logs of its kind."""

    uuid: str
    resource_type: str
    log_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resource of each connection, and the one of tables that belong to no connection."""

    of_connections: Mapping[str, Resource]
    default: Resource | None = None

    def of(self, connection_id: str | None) -> Resource | None:
        """The resource of a connection; None when it is not at Monte Carlo."""
        if connection_id is None:
            return self.default
        return self.of_connections.get(connection_id)


def resources_of(connections: Iterable[Connection], default: Resource | None = None) -> Resources:
    """The resources of the connections with a `monte_carlo_resource_uuid`."""
    of_connections = {
        connection.id: Resource(
            uuid=connection.monte_carlo_resource_uuid,
            resource_type=connection.monte_carlo_resource_type or connection.service_provider,
            log_type=log_type_of(connection.service_provider),
        )
        for connection in connections
        if connection.monte_carlo_resource_uuid is not None
    }
    return Resources(of_connections=of_connections, default=default)


def log_type_of(service_provider: str) -> str | None:
    """The `log_type` of a provider's query logs; None where Monte Carlo has none."""
    return service_provider if service_provider in LOG_TYPES else None
