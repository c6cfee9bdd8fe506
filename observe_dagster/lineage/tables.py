"""The tables and the output columns of a SELECT; what cannot be told is left out, nothing is raised."""

from typing import TYPE_CHECKING

from observe_dagster.records import TableName
from observe_dagster.spec.select import SelectFault, read_select, stored_name, tables
from observe_dagster.spec.select import output_columns as columns_of_select

if TYPE_CHECKING:
    from sqlglot import exp


def source_tables(sql: str, dialect: str, default_schema: str) -> tuple[TableName, ...]:
    """The tables that a SELECT reads, each once, in the order in which they are written.

    Names are as the engine stores them; names of CTEs and table functions are left out. SQL that is not one
    read-only SELECT reads nothing.
    """
    select = read_select(sql, dialect)
    if isinstance(select, SelectFault):
        return ()
    return tuple(dict.fromkeys(table_name(table, default_schema) for table in tables(select)))


def output_columns(sql: str, dialect: str) -> tuple[str, ...] | None:
    """The names of a SELECT's columns; None when a star or an expression without a name hides any of them."""
    select = read_select(sql, dialect)
    columns = None if isinstance(select, SelectFault) else columns_of_select(select)
    if columns is None:
        return None
    known = tuple(column.name for column in columns if column.name is not None)
    return known if len(known) == len(columns) else None


def table_name(table: "exp.Table", default_schema: str) -> TableName:
    """The name of a table in a tree that `read_select` gave."""
    return TableName(schema=stored_name(table.args.get("db")) or default_schema, table=stored_name(table.this))
