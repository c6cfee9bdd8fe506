"""The DDL of a load, for any engine: additive and repeatable, so that it may come before the commit."""

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.load import DELETED_AT, REJECTED_SUFFIX, LoadPlan


def create_table(plan: LoadPlan, dialect: Dialect) -> str:
    """The table with its columns and, where keys are enforced, its key."""
    columns = [f"{dialect.quote(column.name)} {column.native}" for column in plan.schema.columns]
    if plan.rules.primary_key and dialect.capabilities.enforced_keys:
        columns.append(primary_key(plan, dialect))
    return f"CREATE TABLE IF NOT EXISTS {dialect.table(plan.target.table)} ({', '.join(columns)})"


def primary_key(plan: LoadPlan, dialect: Dialect) -> str:
    """The table's key."""
    return f"PRIMARY KEY ({', '.join(map(dialect.quote, plan.rules.primary_key))})"


def alter(plan: LoadPlan, dialect: Dialect) -> list[str]:
    """Add new columns and widen those whose type grew."""
    table = f"ALTER TABLE {dialect.table(plan.target.table)}"
    return [
        *(f"{table} ADD COLUMN {dialect.quote(column.name)} {column.native}" for column in plan.schema.added),
        *(f"{table} ALTER COLUMN {dialect.quote(column.name)} TYPE {column.native}" for column in plan.schema.widened),
    ]


def add_deleted_at(plan: LoadPlan, dialect: Dialect) -> str:
    """The column in which a mirror notes when a row was first gone at the source."""
    return (
        f"ALTER TABLE {dialect.table(plan.target.table)} "
        f"ADD COLUMN IF NOT EXISTS {dialect.quote(DELETED_AT)} {dialect.timestamp_type}"
    )


def create_quarantine(plan: LoadPlan, dialect: Dialect) -> str:
    """The table that keeps rejected rows with their reasons."""
    text, moment = f"{dialect.text_type} NOT NULL", f"{dialect.timestamp_type} NOT NULL"
    key = ", PRIMARY KEY (pipeline_id, row_hash, reason)" if dialect.capabilities.enforced_keys else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {dialect.table(plan.target.table, REJECTED_SUFFIX)} (pipeline_id {text}, "
        f"execution_key {text}, reason {text}, row_values {dialect.json_type} NOT NULL, row_hash {text}, "
        f"occurrences bigint NOT NULL, first_rejected_at {moment}, last_rejected_at {moment}{key})"
    )
