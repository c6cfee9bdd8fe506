"""The tables and the output columns of a SELECT; what cannot be read is left out, nothing is raised."""

from typing import TYPE_CHECKING

from observe_dagster.config.sql.reading import reading
from observe_dagster.config.sql.select import SelectFault, stored_name
from observe_dagster.records import TableName

if TYPE_CHECKING:
    from sqlglot import exp


def source_tables(sql: str, dialect: str, default_schema: str) -> tuple[TableName, ...]:
    """The tables that a SELECT reads, each once, in the order in which they are written.

    Names are as the engine stores them; names of CTEs and table functions are left out. SQL that is not one
    read-only SELECT reads nothing.
    """
    query = reading(sql, dialect)
    if isinstance(query, SelectFault):
        return ()
    named = (TableName(schema=schema or default_schema, table=table) for schema, table in query.tables)
    return tuple(dict.fromkeys(named))


def output_columns(sql: str, dialect: str) -> tuple[str, ...] | None:
    """The names of a SELECT's columns; None when a star or an expression without a name hides any of them."""
    query = reading(sql, dialect)
    return None if isinstance(query, SelectFault) else query.column_names


def table_name(table: "exp.Table", default_schema: str) -> TableName:
    """The name of a table in a tree that `read_select` gave."""
    return TableName(schema=stored_name(table.args.get("db")) or default_schema, table=stored_name(table.this))
