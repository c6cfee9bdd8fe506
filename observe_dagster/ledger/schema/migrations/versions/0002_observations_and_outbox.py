"""Create what was observed and what is to be told."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"


_MOMENT = sa.TIMESTAMP(timezone=True)
_JSON: Any = postgresql.JSONB()


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "address_type",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_type")),
        sa.UniqueConstraint("name", name=op.f("ux_address_type_name")),
        schema="observe",
    )
    op.create_table(
        "address",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address_type_id", sa.BigInteger(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=True),
        sa.Column("schema_name", sa.Text(), nullable=True),
        sa.Column("table_name", sa.Text(), nullable=True),
        sa.Column("primary_key", sa.Text(), nullable=True),
        sa.Column("address_metadata", _JSON, nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["address_type_id"], ["observe.address_type.id"], name=op.f("fk_address_address_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
        sa.UniqueConstraint("name", name=op.f("ux_address_name")),
        schema="observe",
    )
    op.create_index(op.f("ix_address_address_type_id"), "address", ["address_type_id"], unique=False, schema="observe")
    op.create_table(
        "address_lineage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("source_address_id", sa.BigInteger(), nullable=False),
        sa.Column("target_address_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_address_lineage_pipeline_id")),
        sa.ForeignKeyConstraint(
            ["source_address_id"], ["observe.address.id"], name=op.f("fk_address_lineage_source_address_id")
        ),
        sa.ForeignKeyConstraint(
            ["target_address_id"], ["observe.address.id"], name=op.f("fk_address_lineage_target_address_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_lineage")),
        sa.UniqueConstraint(
            "pipeline_id",
            "source_address_id",
            "target_address_id",
            name="ux_address_lineage_edge",
        ),
        schema="observe",
    )
    op.create_index(
        op.f("ix_address_lineage_source_address_id"),
        "address_lineage",
        ["source_address_id"],
        unique=False,
        schema="observe",
    )
    op.create_index(
        op.f("ix_address_lineage_target_address_id"),
        "address_lineage",
        ["target_address_id"],
        unique=False,
        schema="observe",
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("details", _JSON, nullable=True),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=False),
        sa.Column("last_sent_at", _MOMENT, nullable=True),
        sa.Column("resolved_at", _MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('open', 'resolved')", name=op.f("ck_alert_status")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_alert_pipeline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        schema="observe",
    )
    op.create_index(op.f("ix_alert_pipeline_id"), "alert", ["pipeline_id"], unique=False, schema="observe")
    op.create_index(
        "ux_alert_open",
        "alert",
        ["subject", "check_name"],
        unique=True,
        schema="observe",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "anomaly_detection_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("metric_field", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("z_threshold", sa.Double(), nullable=False),
        sa.Column("lookback_days", sa.BigInteger(), nullable=False),
        sa.Column("minimum_executions", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_anomaly_detection_rule_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly_detection_rule")),
        sa.UniqueConstraint(
            "pipeline_id", "metric_field", name=op.f("ux_anomaly_detection_rule_pipeline_id_metric_field")
        ),
        schema="observe",
    )
    op.create_table(
        "freshness_pipeline_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("last_dml_timestamp", _MOMENT, nullable=False),
        sa.Column("evaluation_timestamp", _MOMENT, nullable=False),
        sa.Column("freshness_number", sa.BigInteger(), nullable=False),
        sa.Column("freshness_datepart", sa.Text(), nullable=False),
        sa.Column("used_child_config", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("recovered_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_freshness_pipeline_log_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freshness_pipeline_log")),
        sa.UniqueConstraint(
            "pipeline_id", "last_dml_timestamp", name=op.f("ux_freshness_pipeline_log_pipeline_id_last_dml_timestamp")
        ),
        schema="observe",
    )
    op.create_table(
        "anomaly_detection_result",
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("violation_value", sa.Double(), nullable=True),
        sa.Column("z_score", sa.Double(), nullable=True),
        sa.Column("historical_mean", sa.Double(), nullable=True),
        sa.Column("std_deviation_value", sa.Double(), nullable=True),
        sa.Column("z_threshold", sa.Double(), nullable=False),
        sa.Column("threshold_min_value", sa.Double(), nullable=True),
        sa.Column("threshold_max_value", sa.Double(), nullable=True),
        sa.Column("context", _JSON, nullable=True),
        sa.Column("detected_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_anomaly_detection_result_pipeline_execution_id"),
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["observe.anomaly_detection_rule.id"], name=op.f("fk_anomaly_detection_result_rule_id")
        ),
        sa.PrimaryKeyConstraint("pipeline_execution_id", "rule_id", name=op.f("pk_anomaly_detection_result")),
        schema="observe",
    )
    op.create_index(
        op.f("ix_anomaly_detection_result_rule_id"),
        "anomaly_detection_result",
        ["rule_id"],
        unique=False,
        schema="observe",
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ordering_key", sa.Text(), nullable=False),
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=True),
        sa.Column("record", _JSON, nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("invocation_id", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", _MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name=op.f("ck_publication_state")),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_publication_pipeline_execution_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        schema="observe",
    )
    op.create_index(
        "ix_publication_due",
        "publication",
        ["publisher", "next_attempt_at", "id"],
        unique=False,
        schema="observe",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_publication_order",
        "publication",
        ["publisher", "ordering_key", "id"],
        unique=False,
        schema="observe",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        op.f("ix_publication_pipeline_execution_id"),
        "publication",
        ["pipeline_execution_id"],
        unique=False,
        schema="observe",
    )
    op.create_table(
        "query_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("query_id", sa.Text(), nullable=False),
        sa.Column("query_text", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=False),
        sa.Column("returned_rows", sa.BigInteger(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_query_log_pipeline_execution_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_log")),
        sa.UniqueConstraint(
            "pipeline_execution_id",
            "connection_id",
            "query_id",
            name=op.f("ux_query_log_pipeline_execution_id_connection_id_query_id"),
        ),
        schema="observe",
    )
    op.create_index(op.f("ix_query_log_started_at"), "query_log", ["started_at"], unique=False, schema="observe")
    op.create_table(
        "schema_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("old_type", sa.Text(), nullable=True),
        sa.Column("new_type", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_schema_change_pipeline_execution_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_change")),
        sa.UniqueConstraint(
            "pipeline_execution_id",
            "column_name",
            "change",
            name=op.f("ux_schema_change_pipeline_execution_id_column_name_change"),
        ),
        schema="observe",
    )
    op.create_table(
        "timeliness_pipeline_execution_log",
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("seconds_threshold", sa.Double(), nullable=False),
        sa.Column("execution_status", sa.Text(), nullable=False),
        sa.Column("timely_number", sa.BigInteger(), nullable=False),
        sa.Column("timely_datepart", sa.Text(), nullable=False),
        sa.Column("used_child_config", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_timeliness_pipeline_execution_log_pipeline_execution_id"),
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_timeliness_pipeline_execution_log_pipeline_id")
        ),
        sa.PrimaryKeyConstraint("pipeline_execution_id", name=op.f("pk_timeliness_pipeline_execution_log")),
        schema="observe",
    )
    op.create_index(
        op.f("ix_timeliness_pipeline_execution_log_pipeline_id"),
        "timeliness_pipeline_execution_log",
        ["pipeline_id"],
        unique=False,
        schema="observe",
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("timeliness_pipeline_execution_log", schema="observe")
    op.drop_table("schema_change", schema="observe")
    op.drop_table("query_log", schema="observe")
    op.drop_table("publication", schema="observe")
    op.drop_table("anomaly_detection_result", schema="observe")
    op.drop_table("freshness_pipeline_log", schema="observe")
    op.drop_table("anomaly_detection_rule", schema="observe")
    op.drop_table("alert", schema="observe")
    op.drop_table("address_lineage", schema="observe")
    op.drop_table("address", schema="observe")
    op.drop_table("address_type", schema="observe")
