"""The tables of executions, their hierarchy, their statements and the schema changes they met."""

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json, Moment, created_at, flag, identity, metadata, no_errors
from observe_dagster.ledger.schema.declared import pipeline

_COUNTS = ("inserts", "updates", "unchanged", "soft_deletes", "rejected", "superseded", "late", "total_rows", "bytes")

pipeline_execution = sa.Table(
    "pipeline_execution",
    metadata,
    identity(),
    sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("observe.pipeline_execution.id"), index=True),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
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
    sa.Index("ix_pipeline_execution_logical_date", "pipeline_pk", "logical_date", "id"),
    sa.Index("ix_pipeline_execution_page", "pipeline_pk", "id"),
    sa.Index("ix_pipeline_execution_open", "pipeline_pk", postgresql_where=sa.text("end_date IS NULL")),
    sa.Index(
        "ix_pipeline_execution_success", "pipeline_pk", "end_date", postgresql_where=sa.text("completed_successfully")
    ),
    sa.Index(
        "ix_pipeline_execution_hour_recorded",
        "pipeline_pk",
        "hour_recorded",
        "end_date",
        postgresql_where=sa.text("completed_successfully"),
    ),
    sa.Index("ix_pipeline_execution_start_date", "start_date"),
    sa.Index("ix_pipeline_execution_baseline", "pipeline_pk", "start_date"),
    sa.Index(
        "ix_pipeline_execution_untimed",
        "pipeline_pk",
        "end_date",
        postgresql_where=sa.text("end_date IS NOT NULL AND timeliness_judged_at IS NULL"),
    ),
    sa.Index(
        "ix_pipeline_execution_unjudged",
        "end_date",
        postgresql_where=sa.text("completed_successfully AND anomaly_judged_at IS NULL"),
    ),
    sa.Index("ix_pipeline_execution_date_recorded", "date_recorded", "pipeline_pk"),
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


query_log = sa.Table(
    "query_log",
    metadata,
    identity(),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), nullable=False),
    sa.Column("connection_id", sa.Text, nullable=False),
    sa.Column("query_id", sa.Text, nullable=False),
    sa.Column("query_text", sa.Text, nullable=False),
    sa.Column("user_name", sa.Text, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment, nullable=False),
    sa.Column("returned_rows", sa.BigInteger),
    created_at(),
    sa.UniqueConstraint("pipeline_execution_id", "connection_id", "query_id"),
    sa.Index(None, "started_at"),
)


schema_change = sa.Table(
    "schema_change",
    metadata,
    identity(),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), nullable=False),
    sa.Column("column_name", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("old_type", sa.Text),
    sa.Column("new_type", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    created_at(),
    sa.UniqueConstraint("pipeline_execution_id", "column_name", "change"),
)
