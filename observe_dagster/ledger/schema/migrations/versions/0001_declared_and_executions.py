"""Create what is declared and what ran."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None


_MOMENT = sa.TIMESTAMP(timezone=True)
_JSON: Any = postgresql.JSONB()


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "connection",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="healthy", nullable=False),
        sa.Column("errors", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("service_provider", sa.Text(), nullable=False),
        sa.Column("config", _JSON, nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('healthy', 'faulted')", name=op.f("ck_connection_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        schema="observe",
    )
    op.create_table(
        "data_model",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="valid", nullable=False),
        sa.Column("errors", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("config", _JSON, nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('valid', 'invalid')", name=op.f("ck_data_model_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_model")),
        schema="observe",
    )
    op.create_table(
        "pipeline_type",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("freshness_number", sa.BigInteger(), nullable=True),
        sa.Column("freshness_datepart", sa.Text(), nullable=True),
        sa.Column("mute_freshness_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("timeliness_number", sa.BigInteger(), nullable=True),
        sa.Column("timeliness_datepart", sa.Text(), nullable=True),
        sa.Column("mute_timeliness_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_type")),
        sa.UniqueConstraint("name", name=op.f("ux_pipeline_type_name")),
        schema="observe",
    )
    op.create_table(
        "pipeline",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pipeline_type_id", sa.BigInteger(), nullable=True),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("data_model_id", sa.Text(), nullable=False),
        sa.Column("destination_connection_id", sa.Text(), nullable=False),
        sa.Column("destination_schema", sa.Text(), nullable=False),
        sa.Column("destination_table", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("paused_by_user", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), server_default="idle", nullable=False),
        sa.Column("errors", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("watermark", sa.Text(), nullable=True),
        sa.Column("next_watermark", sa.Text(), nullable=True),
        sa.Column("last_target_insert", _MOMENT, nullable=True),
        sa.Column("last_target_update", _MOMENT, nullable=True),
        sa.Column("last_target_soft_delete", _MOMENT, nullable=True),
        sa.Column("freshness_number", sa.BigInteger(), nullable=True),
        sa.Column("freshness_datepart", sa.Text(), nullable=True),
        sa.Column("mute_freshness_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("timeliness_number", sa.BigInteger(), nullable=True),
        sa.Column("timeliness_datepart", sa.Text(), nullable=True),
        sa.Column("mute_timeliness_check", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("load_lineage", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("config", _JSON, nullable=False),
        sa.Column("pipeline_metadata", _JSON, nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('new', 'active', 'paused')", name=op.f("ck_pipeline_state")),
        sa.CheckConstraint("status IN ('idle', 'running', 'faulted', 'stopped')", name=op.f("ck_pipeline_status")),
        sa.ForeignKeyConstraint(["connection_id"], ["observe.connection.id"], name=op.f("fk_pipeline_connection_id")),
        sa.ForeignKeyConstraint(["data_model_id"], ["observe.data_model.id"], name=op.f("fk_pipeline_data_model_id")),
        sa.ForeignKeyConstraint(
            ["destination_connection_id"], ["observe.connection.id"], name=op.f("fk_pipeline_destination_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_type_id"], ["observe.pipeline_type.id"], name=op.f("fk_pipeline_pipeline_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
        sa.UniqueConstraint("slug", name=op.f("ux_pipeline_slug")),
        schema="observe",
    )
    op.create_index(op.f("ix_pipeline_connection_id"), "pipeline", ["connection_id"], unique=False, schema="observe")
    op.create_index(op.f("ix_pipeline_data_model_id"), "pipeline", ["data_model_id"], unique=False, schema="observe")
    op.create_index(
        "ix_pipeline_destination",
        "pipeline",
        ["destination_connection_id", "destination_schema", "destination_table"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        op.f("ix_pipeline_pipeline_type_id"), "pipeline", ["pipeline_type_id"], unique=False, schema="observe"
    )
    op.create_table(
        "pipeline_execution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("execution_key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("errors", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("retry_errors", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("logical_date", _MOMENT, nullable=False),
        sa.Column("range_start", sa.Text(), nullable=True),
        sa.Column("range_end", sa.Text(), nullable=True),
        sa.Column("start_date", _MOMENT, nullable=False),
        sa.Column("date_recorded", sa.Date(), nullable=False),
        sa.Column("hour_recorded", sa.SmallInteger(), nullable=False),
        sa.Column("end_date", _MOMENT, nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("completed_successfully", sa.Boolean(), nullable=True),
        sa.Column("inserts", sa.BigInteger(), nullable=True),
        sa.Column("updates", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("soft_deletes", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.BigInteger(), nullable=True),
        sa.Column("superseded", sa.BigInteger(), nullable=True),
        sa.Column("late", sa.BigInteger(), nullable=True),
        sa.Column("total_rows", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("table_rows", sa.BigInteger(), nullable=True),
        sa.Column("throughput", sa.Double(), nullable=True),
        sa.Column("watermark", sa.Text(), nullable=True),
        sa.Column("next_watermark", sa.Text(), nullable=True),
        sa.Column("reached_watermark", sa.Text(), nullable=True),
        sa.Column("moves_watermark", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("execution_metadata", _JSON, nullable=True),
        sa.Column("anomaly_flags", _JSON, nullable=True),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'success', 'failed', 'stopped', 'retrying')",
            name=op.f("ck_pipeline_execution_status"),
        ),
        sa.CheckConstraint("type IN ('scheduled', 'manual', 'backfill')", name=op.f("ck_pipeline_execution_type")),
        sa.CheckConstraint(
            "(end_date IS NULL) = (completed_successfully IS NULL)",
            name=op.f("ck_pipeline_execution_ended_has_outcome"),
        ),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_pipeline_execution_bytes")),
        sa.CheckConstraint(
            "end_date IS NULL OR end_date > start_date", name=op.f("ck_pipeline_execution_end_after_start")
        ),
        sa.CheckConstraint("inserts >= 0", name=op.f("ck_pipeline_execution_inserts")),
        sa.CheckConstraint("late >= 0", name=op.f("ck_pipeline_execution_late")),
        sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name=op.f("ck_pipeline_execution_parent_not_self")),
        sa.CheckConstraint("rejected >= 0", name=op.f("ck_pipeline_execution_rejected")),
        sa.CheckConstraint("soft_deletes >= 0", name=op.f("ck_pipeline_execution_soft_deletes")),
        sa.CheckConstraint("superseded >= 0", name=op.f("ck_pipeline_execution_superseded")),
        sa.CheckConstraint("table_rows >= 0", name=op.f("ck_pipeline_execution_table_rows")),
        sa.CheckConstraint("total_rows >= 0", name=op.f("ck_pipeline_execution_total_rows")),
        sa.CheckConstraint("unchanged >= 0", name=op.f("ck_pipeline_execution_unchanged")),
        sa.CheckConstraint("updates >= 0", name=op.f("ck_pipeline_execution_updates")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["observe.pipeline_execution.id"], name=op.f("fk_pipeline_execution_parent_id")
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_pipeline_execution_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_execution")),
        sa.UniqueConstraint("execution_key", name=op.f("ux_pipeline_execution_execution_key")),
        schema="observe",
    )
    op.create_index(
        op.f("ix_pipeline_execution_dagster_run_id"),
        "pipeline_execution",
        ["dagster_run_id"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        "ix_pipeline_execution_date_recorded",
        "pipeline_execution",
        ["date_recorded", "pipeline_id"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        "ix_pipeline_execution_hour_recorded",
        "pipeline_execution",
        ["pipeline_id", "hour_recorded", "end_date"],
        unique=False,
        schema="observe",
        postgresql_where=sa.text("completed_successfully"),
    )
    op.create_index(
        "ix_pipeline_execution_logical_date",
        "pipeline_execution",
        ["pipeline_id", "logical_date", "id"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        "ix_pipeline_execution_open",
        "pipeline_execution",
        ["pipeline_id"],
        unique=False,
        schema="observe",
        postgresql_where=sa.text("end_date IS NULL"),
    )
    op.create_index(
        "ix_pipeline_execution_page", "pipeline_execution", ["pipeline_id", "id"], unique=False, schema="observe"
    )
    op.create_index(
        op.f("ix_pipeline_execution_parent_id"), "pipeline_execution", ["parent_id"], unique=False, schema="observe"
    )
    op.create_index(
        "ix_pipeline_execution_start_date", "pipeline_execution", ["start_date"], unique=False, schema="observe"
    )
    op.create_index(
        "ix_pipeline_execution_success",
        "pipeline_execution",
        ["pipeline_id", "end_date"],
        unique=False,
        schema="observe",
        postgresql_where=sa.text("completed_successfully"),
    )
    op.create_table(
        "pipeline_execution_closure",
        sa.Column("parent_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("child_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("depth", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_pipeline_execution_closure_child_execution_id"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_pipeline_execution_closure_parent_execution_id"),
        ),
        sa.PrimaryKeyConstraint(
            "parent_execution_id", "child_execution_id", name=op.f("pk_pipeline_execution_closure")
        ),
        schema="observe",
    )
    op.create_index(
        op.f("ix_pipeline_execution_closure_child_execution_id_depth"),
        "pipeline_execution_closure",
        ["child_execution_id", "depth"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        op.f("ix_pipeline_execution_closure_parent_execution_id_depth"),
        "pipeline_execution_closure",
        ["parent_execution_id", "depth"],
        unique=False,
        schema="observe",
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("pipeline_execution_closure", schema="observe")
    op.drop_table("pipeline_execution", schema="observe")
    op.drop_table("pipeline", schema="observe")
    op.drop_table("pipeline_type", schema="observe")
    op.drop_table("data_model", schema="observe")
    op.drop_table("connection", schema="observe")
