"""Where a table is, said without credentials: its URI and its fully qualified name."""

from pathlib import PurePath
from urllib.parse import quote, unquote, urlsplit

from observe_dagster.records import TableName
from observe_dagster.spec.connection import (
    BigQueryConnection,
    Connection,
    DatabricksConnection,
    DuckDBConnection,
    PostgresConfig,
    PostgresConnection,
    RedshiftConnection,
    SnowflakeConnection,
)


def table_uri(connection: Connection, table: TableName) -> str:
    """The URI of a table, such as `postgres://db.example:5432/ops/public/flights`."""
    return "/".join([_base_uri(connection), quote(table.schema, safe=""), quote(table.table, safe="")])


def qualified_name(connection: Connection, table: TableName) -> str:
    """The table with its schema and, where there is one, its database."""
    database = _database(connection)
    return f"{database}.{table}" if database else str(table)


def database_name(connection: Connection) -> str:
    """The database, catalog or project that the connection's schemas are in; a DuckDB file's is named as the file."""
    if isinstance(connection, DuckDBConnection):
        return PurePath(connection.config.path).stem or "memory"
    if isinstance(connection, DatabricksConnection):
        return connection.config.provider
    return _database(connection)


def _base_uri(connection: Connection) -> str:
    if isinstance(connection, PostgresConnection):
        host, database = _postgres_place(connection.config)
        return f"postgres://{host}/{quote(database, safe='')}"
    if isinstance(connection, RedshiftConnection):
        config = connection.config
        return f"redshift://{config.host}:{config.port}/{quote(config.database, safe='')}"
    if isinstance(connection, SnowflakeConnection):
        return f"snowflake://{connection.config.account_identifier}/{quote(connection.config.database, safe='')}"
    if isinstance(connection, BigQueryConnection):
        return f"bigquery://{connection.config.project_id}"
    if isinstance(connection, DuckDBConnection):
        return f"duckdb://{quote(connection.config.path)}"
    return f"databricks://{quote(connection.config.provider, safe='')}"


def _database(connection: Connection) -> str:
    if isinstance(connection, PostgresConnection):
        return _postgres_place(connection.config)[1]
    if isinstance(connection, SnowflakeConnection | RedshiftConnection):
        return connection.config.database
    return connection.config.project_id if isinstance(connection, BigQueryConnection) else ""


def _postgres_place(config: PostgresConfig) -> tuple[str, str]:
    """Host with port, and database. A URL that cannot be told apart from its password gives neither."""
    if config.url is None:
        return f"{config.host}:{config.port}", config.database or ""
    try:
        parts = urlsplit(config.url.get_secret_value())
    except ValueError:
        return "", ""
    beyond_host = parts.path + parts.query + parts.fragment
    if not parts.netloc or "@" in beyond_host:
        return "", ""
    return parts.netloc.rpartition("@")[2], unquote(parts.path.lstrip("/"))
