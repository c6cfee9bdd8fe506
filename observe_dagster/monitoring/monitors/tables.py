"""Find the tables and columns that monitors name."""

from observe_dagster.config.models.monitors import table_parts
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse import Reader


def find_table(reader: Reader, path: str) -> tuple[Column, ...] | None:
    """The columns of a table, None where there is none; raises WarehouseError when another database is meant."""
    *database, schema, table = table_parts(path)
    if database:
        name = str(reader.rows(reader.dialect.current_database)[0][0])
        if reader.dialect.fold(name) != reader.dialect.fold(database[0]):
            raise WarehouseError(
                reader.connection_id, f"{path!r} is in the database {database[0]!r}; the connection's is {name!r}."
            )
    return reader.columns(TableName(schema=schema, table=table))


def columns_of(reader: Reader, path: str) -> tuple[Column, ...]:
    """The columns of a table; raises WarehouseError where there is none."""
    columns = find_table(reader, path)
    if columns is None:
        raise WarehouseError(reader.connection_id, f"there is no table {path}.")
    return columns


def find_column(reader: Reader, path: str, name: str) -> Column:
    """One column of a table; raises WarehouseError where there is none."""
    columns = columns_of(reader, path)
    for column in columns:
        if reader.dialect.fold(column.name) == reader.dialect.fold(name):
            return column
    known = [column.name for column in columns]
    raise WarehouseError(
        reader.connection_id,
        f"{path} has no column {name!r}{did_you_mean(name, known)}; it has {', '.join(known[:20])}.",
    )
