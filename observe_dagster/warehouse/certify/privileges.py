"""What the connection's user must be allowed to do."""

from observe_dagster.datatypes import Kind
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE


@case
def the_connection_names_its_engine(trial: Trial) -> str:
    """And its version."""
    version = trial.warehouse.test()
    require(bool(version.strip()), expected=True, what="whether there is a version")
    return version


@case
def the_user_may_create_change_and_drop_tables_in_a_schema(trial: Trial) -> str:
    """Its own."""
    table, column = trial.dialect.table(trial.table), trial.dialect.quote("more")
    trial.sandbox.execute(
        f"CREATE TABLE {table} (id {trial.dialect.text_type})",
        f"ALTER TABLE {table} ADD COLUMN {column} {trial.dialect.text_type}",
        f"INSERT INTO {table} VALUES ('1', NULL)",
        f"UPDATE {table} SET {column} = 'x'",
        f"DELETE FROM {table}",
        f"DROP TABLE {table}",
    )
    return "CREATE, ALTER, INSERT, UPDATE, DELETE, DROP"


@case
def a_schema_that_is_missing_is_created(trial: Trial) -> str:
    """With the record of runs; one that is there is used."""
    schema = f"{trial.table.schema}_new"
    trial.sandbox.register(schema)
    fields, table = [ID, field("name", Kind.TEXT)], TableName(schema=schema, table="certify")
    for expected in ({"inserts": 1}, {"unchanged": 1}):
        trial.require_counts(trial.load(fields, [(1, "a")], table=table), total_rows=1, **expected)
    require(trial.table_names(schema), {"certify", SYNC_RUN_TABLE}, "tables of the schema")
    return schema
