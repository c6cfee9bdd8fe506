"""The SQL of `_observe_sync_run` in PostgreSQL: the row that is committed with each run's data."""

from datetime import datetime

from psycopg import sql

from observe_dagster.records import Counts, TableName
from observe_dagster.warehouse.load.run_record import COLUMNS, values_of
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, Load

_NAMES = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))


def create_sync_run(schema: str) -> sql.Composable:
    """The table that records each committed run beside the data it wrote."""
    return sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} (pipeline_id text NOT NULL, table_name text NOT NULL, sequence bigint NOT NULL, "
        "execution_key text NOT NULL UNIQUE, range_start text, range_end text, watermark text, "
        "moves_watermark boolean NOT NULL, total_rows bigint NOT NULL, inserts bigint NOT NULL, "
        "updates bigint NOT NULL, unchanged bigint NOT NULL, soft_deletes bigint NOT NULL, rejected bigint NOT NULL, "
        "superseded bigint NOT NULL, late bigint NOT NULL, bytes bigint NOT NULL, table_rows bigint, "
        "committed_at timestamptz NOT NULL, PRIMARY KEY (pipeline_id, table_name, sequence))"
    ).format(sql.Identifier(schema, SYNC_RUN_TABLE))


def add_run(load: Load, counts: Counts, now: datetime) -> sql.Composable:
    """Record a run; its number follows that of the pipeline's last one."""
    # Literals, not parameters: beside those a % in the schema's name would have to be doubled.
    return sql.SQL(
        "INSERT INTO {table} (sequence, {names}) SELECT coalesce(max(sequence), 0) + 1, {values} FROM {table} "
        "WHERE pipeline_id = {pipeline} AND table_name = {name}"
    ).format(
        table=sql.Identifier(load.table.schema, SYNC_RUN_TABLE),
        names=_NAMES,
        values=sql.SQL(", ").join(map(sql.Literal, values_of(load, counts, now))),
        pipeline=sql.Literal(load.pipeline_id),
        name=sql.Literal(load.table.table),
    )


def newest_run(table: TableName, condition: sql.Composable) -> sql.Composable:
    """The newest recorded run in a table's schema that meets a condition."""
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY sequence DESC LIMIT 1").format(
        _NAMES, sql.Identifier(table.schema, SYNC_RUN_TABLE), condition
    )
