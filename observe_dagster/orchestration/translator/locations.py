"""Where a table is, said without credentials: its URI and its fully qualified name."""

from urllib.parse import quote

from observe_dagster.config.models.connections import Connection
from observe_dagster.records import TableName


def table_uri(connection: Connection, table: TableName) -> str:
    """The URI of a table, such as `postgres://db.example:5432/ops/public/flights`."""
    return "/".join([connection.base_uri, quote(table.schema, safe=""), quote(table.table, safe="")])


def qualified_name(connection: Connection, table: TableName) -> str:
    """The table with its schema and, where there is one, its database."""
    return f"{connection.qualifier}.{table}" if connection.qualifier else str(table)
