"""The ledger's tables for what was observed and what is to be told: lineage, checks, queries, outbox, alerts."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from observe_dagster.ledger.tables import (
    Json,
    Moment,
    created_at,
    flag,
    identity,
    metadata,
    pipeline,
    pipeline_execution,
)

address_type = sa.Table(
    "address_type",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("group_name", sa.Text, nullable=False),
    created_at(),
    sa.Column("updated_at", Moment),
)

address = sa.Table(
    "address",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("address_type_id", sa.BigInteger, sa.ForeignKey(address_type.c.id), nullable=False, index=True),
    sa.Column("database_name", sa.Text),
    sa.Column("schema_name", sa.Text),
    sa.Column("table_name", sa.Text),
    sa.Column("primary_key", sa.Text),
    sa.Column("address_metadata", Json),
    created_at(),
    sa.Column("updated_at", Moment),
)

script = sa.Table(
    "script",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("extra_config", Json, nullable=False),
    created_at(),
    sa.Column("updated_at", Moment),
)

address_lineage = sa.Table(
    "address_lineage",
    metadata,
    identity(),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id)),
    sa.Column("script_id", sa.BigInteger, sa.ForeignKey(script.c.id)),
    sa.Column("source_address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False, index=True),
    sa.Column("target_address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False, index=True),
    created_at(),
    sa.UniqueConstraint("pipeline_id", "source_address_id", "target_address_id", name="ux_address_lineage_edge"),
    sa.UniqueConstraint("script_id", "source_address_id", "target_address_id", name="ux_address_lineage_script_edge"),
    sa.CheckConstraint("num_nonnulls(pipeline_id, script_id) = 1", name="owner"),
)

address_column = sa.Table(
    "address_column",
    metadata,
    identity(),
    sa.Column("address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.UniqueConstraint("address_id", "name"),
)

column_lineage = sa.Table(
    "column_lineage",
    metadata,
    identity(),
    sa.Column(
        "address_lineage_id", sa.BigInteger, sa.ForeignKey(address_lineage.c.id, ondelete="CASCADE"), nullable=False
    ),
    sa.Column("source_column_id", sa.BigInteger, sa.ForeignKey(address_column.c.id), nullable=False, index=True),
    sa.Column("target_column_id", sa.BigInteger, sa.ForeignKey(address_column.c.id), nullable=False, index=True),
    sa.UniqueConstraint("address_lineage_id", "source_column_id", "target_column_id", name="ux_column_lineage_edge"),
)

anomaly_detection_rule = sa.Table(
    "anomaly_detection_rule",
    metadata,
    identity(),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
    sa.Column("metric_field", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("z_threshold", sa.Double, nullable=False),
    sa.Column("lookback_days", sa.BigInteger, nullable=False),
    sa.Column("minimum_executions", sa.BigInteger, nullable=False),
    flag("active", default=True),
    created_at(),
    sa.Column("updated_at", Moment),
    sa.UniqueConstraint("pipeline_id", "metric_field"),
)

anomaly_detection_result = sa.Table(
    "anomaly_detection_result",
    metadata,
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), primary_key=True),
    sa.Column("rule_id", sa.BigInteger, sa.ForeignKey(anomaly_detection_rule.c.id), primary_key=True, index=True),
    sa.Column("violation_value", sa.Double),
    sa.Column("z_score", sa.Double),
    sa.Column("historical_mean", sa.Double),
    sa.Column("std_deviation_value", sa.Double),
    sa.Column("z_threshold", sa.Double, nullable=False),
    sa.Column("threshold_min_value", sa.Double),
    sa.Column("threshold_max_value", sa.Double),
    sa.Column("context", Json),
    sa.Column("detected_at", Moment, nullable=False),
)

freshness_pipeline_log = sa.Table(
    "freshness_pipeline_log",
    metadata,
    identity(),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
    sa.Column("last_dml_timestamp", Moment, nullable=False),
    sa.Column("evaluation_timestamp", Moment, nullable=False),
    sa.Column("freshness_number", sa.BigInteger, nullable=False),
    sa.Column("freshness_datepart", sa.Text, nullable=False),
    flag("used_child_config", default=False),
    sa.Column("recovered_at", Moment),
    created_at(),
    sa.UniqueConstraint("pipeline_id", "last_dml_timestamp"),
)

timeliness_pipeline_execution_log = sa.Table(
    "timeliness_pipeline_execution_log",
    metadata,
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), primary_key=True),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False, index=True),
    sa.Column("duration_seconds", sa.Double, nullable=False),
    sa.Column("seconds_threshold", sa.Double, nullable=False),
    sa.Column("execution_status", sa.Text, nullable=False),
    sa.Column("timely_number", sa.BigInteger, nullable=False),
    sa.Column("timely_datepart", sa.Text, nullable=False),
    flag("used_child_config", default=False),
    created_at(),
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

publication = sa.Table(
    "publication",
    metadata,
    identity(),
    sa.Column("publisher", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("ordering_key", sa.Text, nullable=False),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), index=True),
    sa.Column("record", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", Moment, nullable=False, server_default=sa.func.now()),
    sa.Column("last_error", sa.Text),
    sa.Column("invocation_id", sa.Text),
    sa.Column("dedupe_key", sa.Text),
    sa.Column("lease", sa.Text),
    sa.Column("leased_until", Moment),
    sa.Column("after_keys", ARRAY(sa.Text)),
    sa.Column("receipt", Json),
    created_at(),
    sa.Column("sent_at", Moment),
    sa.UniqueConstraint("publisher", "dedupe_key"),
    sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name="state"),
    sa.Index("ix_publication_due", "next_attempt_at", "id", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("ix_publication_order", "publisher", "ordering_key", "id", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("ix_publication_history", "publisher", "kind", "ordering_key", "id"),
)

request_slot = sa.Table(
    "request_slot",
    metadata,
    identity(),
    sa.Column("scope", sa.Text, nullable=False, index=True),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("completed_at", Moment),
)

alert = sa.Table(
    "alert",
    metadata,
    identity(),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("check_name", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), index=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("details", Json),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("last_seen_at", Moment, nullable=False),
    sa.Column("last_sent_at", Moment),
    sa.Column("resolved_at", Moment),
    sa.CheckConstraint("status IN ('open', 'resolved')", name="status"),
    sa.Index("ix_alert_history", "subject", "check_name", "id"),
    sa.Index("ux_alert_open", "subject", "check_name", unique=True, postgresql_where=sa.text("status = 'open'")),
)
