"""The ledger's tables, in the schema `observe`, with the field names of the Watcher document.

Ids and counts are BIGINT, times are timestamptz. What the checks, the outbox and the alerts keep is in
`tables_observed.py`.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

SCHEMA = "observe"

metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "ux_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


Json = JSONB(none_as_null=True)
"""JSON where a Python None is stored as NULL, not as the JSON value null."""


class Moment(sa.TypeDecorator[datetime]):
    """A timestamptz that goes in aware and comes out in UTC."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert from the session's zone."""
        del dialect
        return None if value is None else value.astimezone(UTC)


def identity() -> sa.Column[int]:
    """A BIGINT id that the database counts up."""
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def created_at() -> sa.Column[datetime]:
    """When the row was written."""
    return sa.Column("created_at", Moment, nullable=False, server_default=sa.func.now())


def no_errors(name: str = "errors") -> sa.Column[Any]:
    """A JSON list of messages, empty when nothing is wrong."""
    return sa.Column(name, Json, nullable=False, server_default=sa.text("'[]'::jsonb"))


def flag(name: str, *, default: bool) -> sa.Column[bool]:
    """A boolean that is never null."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true() if default else sa.false())


def _expectations() -> list[sa.Column[Any]]:
    return [
        sa.Column("freshness_number", sa.BigInteger),
        sa.Column("freshness_datepart", sa.Text),
        flag("mute_freshness_check", default=False),
        sa.Column("timeliness_number", sa.BigInteger),
        sa.Column("timeliness_datepart", sa.Text),
        flag("mute_timeliness_check", default=False),
    ]


def _declared() -> list[sa.Column[Any]]:
    return [
        flag("active", default=True),
        sa.Column("content_hash", sa.Text, nullable=False),
        created_at(),
        sa.Column("updated_at", Moment),
    ]


connection = sa.Table(
    "connection",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="healthy"),
    no_errors(),
    sa.Column("service_provider", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    *_declared(),
    sa.CheckConstraint("status IN ('healthy', 'faulted')", name="status"),
)

data_model = sa.Table(
    "data_model",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="valid"),
    no_errors(),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    *_declared(),
    sa.CheckConstraint("status IN ('valid', 'invalid')", name="status"),
)

pipeline_type = sa.Table(
    "pipeline_type",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    *_expectations(),
    *_declared(),
)

pipeline = sa.Table(
    "pipeline",
    metadata,
    identity(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    flag("managed", default=True),
    sa.Column("pipeline_type_id", sa.BigInteger, sa.ForeignKey(pipeline_type.c.id), index=True),
    sa.Column("connection_id", sa.Text, sa.ForeignKey(connection.c.id), index=True),
    sa.Column("data_model_id", sa.Text, sa.ForeignKey(data_model.c.id), index=True),
    sa.Column("destination_connection_id", sa.Text, sa.ForeignKey(connection.c.id)),
    sa.Column("destination_schema", sa.Text),
    sa.Column("destination_table", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    flag("paused_by_user", default=False),
    sa.Column("status", sa.Text, nullable=False, server_default="idle"),
    no_errors(),
    sa.Column("watermark", sa.Text),
    sa.Column("next_watermark", sa.Text),
    sa.Column("last_target_insert", Moment),
    sa.Column("last_target_update", Moment),
    sa.Column("last_target_soft_delete", Moment),
    *_expectations(),
    flag("load_lineage", default=True),
    sa.Column("config", Json, nullable=False),
    sa.Column("pipeline_metadata", Json),
    *_declared(),
    sa.CheckConstraint("state IN ('new', 'active', 'paused')", name="state"),
    sa.CheckConstraint(
        "NOT managed OR num_nulls(connection_id, data_model_id, destination_connection_id,"
        " destination_schema, destination_table) = 0",
        name="managed",
    ),
    sa.CheckConstraint("status IN ('idle', 'running', 'faulted', 'stopped')", name="status"),
    sa.Index("ix_pipeline_destination", "destination_connection_id", "destination_schema", "destination_table"),
)

_COUNTS = ("inserts", "updates", "unchanged", "soft_deletes", "rejected", "superseded", "late", "total_rows", "bytes")

pipeline_execution = sa.Table(
    "pipeline_execution",
    metadata,
    identity(),
    sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("observe.pipeline_execution.id"), index=True),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
    sa.Column("execution_key", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    no_errors(),
    no_errors("retry_errors"),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("logical_date", Moment, nullable=False),
    sa.Column("range_start", sa.Text),
    sa.Column("range_end", sa.Text),
    sa.Column("start_date", Moment, nullable=False),
    sa.Column("date_recorded", sa.Date, nullable=False),
    sa.Column("hour_recorded", sa.SmallInteger, nullable=False),
    sa.Column("end_date", Moment),
    sa.Column("duration_seconds", sa.Double),
    sa.Column("completed_successfully", sa.Boolean),
    *(sa.Column(name, sa.BigInteger) for name in _COUNTS),
    sa.Column("table_rows", sa.BigInteger),
    sa.Column("throughput", sa.Double),
    sa.Column("watermark", sa.Text),
    sa.Column("next_watermark", sa.Text),
    sa.Column("reached_watermark", sa.Text),
    flag("moves_watermark", default=False),
    sa.Column("execution_metadata", Json),
    sa.Column("anomaly_flags", Json),
    sa.Column("timeliness_judged_at", Moment),
    sa.Column("anomaly_judged_at", Moment),
    sa.Column("dagster_run_id", sa.Text, index=True),
    created_at(),
    sa.CheckConstraint("end_date IS NULL OR end_date > start_date", name="end_after_start"),
    sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name="parent_not_self"),
    sa.CheckConstraint("type IN ('scheduled', 'manual', 'backfill')", name="type"),
    sa.CheckConstraint("status IN ('queued', 'running', 'success', 'failed', 'stopped', 'retrying')", name="status"),
    sa.CheckConstraint("(end_date IS NULL) = (completed_successfully IS NULL)", name="ended_has_outcome"),
    *(sa.CheckConstraint(f"{name} >= 0", name=name) for name in (*_COUNTS, "table_rows")),
    sa.Index("ix_pipeline_execution_logical_date", "pipeline_id", "logical_date", "id"),
    sa.Index("ix_pipeline_execution_page", "pipeline_id", "id"),
    sa.Index("ix_pipeline_execution_open", "pipeline_id", postgresql_where=sa.text("end_date IS NULL")),
    sa.Index(
        "ix_pipeline_execution_success", "pipeline_id", "end_date", postgresql_where=sa.text("completed_successfully")
    ),
    sa.Index(
        "ix_pipeline_execution_hour_recorded",
        "pipeline_id",
        "hour_recorded",
        "end_date",
        postgresql_where=sa.text("completed_successfully"),
    ),
    sa.Index("ix_pipeline_execution_start_date", "start_date"),
    sa.Index("ix_pipeline_execution_baseline", "pipeline_id", "start_date"),
    sa.Index(
        "ix_pipeline_execution_untimed",
        "pipeline_id",
        "end_date",
        postgresql_where=sa.text("end_date IS NOT NULL AND timeliness_judged_at IS NULL"),
    ),
    sa.Index(
        "ix_pipeline_execution_unjudged",
        "end_date",
        postgresql_where=sa.text("completed_successfully AND anomaly_judged_at IS NULL"),
    ),
    sa.Index("ix_pipeline_execution_date_recorded", "date_recorded", "pipeline_id"),
)

pipeline_execution_closure = sa.Table(
    "pipeline_execution_closure",
    metadata,
    sa.Column("parent_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), primary_key=True),
    sa.Column("child_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), primary_key=True),
    sa.Column("depth", sa.BigInteger, nullable=False),
    sa.Index(None, "parent_execution_id", "depth"),
    sa.Index(None, "child_execution_id", "depth"),
)
