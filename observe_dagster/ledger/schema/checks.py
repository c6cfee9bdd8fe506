"""The tables of check results, anomaly rules, and findings of checks."""

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json, Moment, created_at, flag, identity, metadata
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution

_STATUS = "status IN ('pass', 'warn', 'fail', 'learning', 'skipped', 'error')"

OF_ONE_RUN = sa.text("kind IN ('anomaly', 'timeliness') AND pipeline_execution_id IS NOT NULL")
"""Results of which a run has one per check; judging it again replaces it."""

check_result = sa.Table(
    "check_result",
    metadata,
    identity(),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("check_name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("expected", sa.Double),
    sa.Column("lower_bound", sa.Double),
    sa.Column("upper_bound", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", Json),
    sa.Column("judged_at", Moment, nullable=False),
    sa.Column("evaluated_at", Moment, nullable=False, index=True),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id)),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), index=True),
    flag("flagged", default=False),
    sa.CheckConstraint(_STATUS, name="status"),
    sa.Index("ix_check_result_history", "asset", "check_name", "judged_at", "id"),
    sa.Index(
        "ux_check_result_execution",
        "pipeline_execution_id",
        "check_name",
        unique=True,
        postgresql_where=OF_ONE_RUN,
    ),
)

check_status = sa.Table(
    "check_status",
    metadata,
    sa.Column("asset", sa.Text, primary_key=True),
    sa.Column("check_name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("judged_at", Moment, nullable=False),
    sa.Column("last_evaluated_at", Moment, nullable=False),
    sa.Column("last_reported_at", Moment, nullable=False),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), index=True),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), index=True),
    sa.CheckConstraint(_STATUS, name="status"),
)


anomaly_detection_rule = sa.Table(
    "anomaly_detection_rule",
    metadata,
    identity(),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
    sa.Column("metric_field", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("z_threshold", sa.Double, nullable=False),
    sa.Column("lookback_days", sa.BigInteger, nullable=False),
    sa.Column("minimum_executions", sa.BigInteger, nullable=False),
    flag("active", default=True),
    created_at(),
    sa.Column("updated_at", Moment),
    sa.UniqueConstraint("pipeline_pk", "metric_field"),
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
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False),
    sa.Column("last_dml_timestamp", Moment, nullable=False),
    sa.Column("evaluation_timestamp", Moment, nullable=False),
    sa.Column("freshness_number", sa.BigInteger, nullable=False),
    sa.Column("freshness_datepart", sa.Text, nullable=False),
    flag("used_child_config", default=False),
    sa.Column("recovered_at", Moment),
    created_at(),
    sa.UniqueConstraint("pipeline_pk", "last_dml_timestamp"),
)


timeliness_pipeline_execution_log = sa.Table(
    "timeliness_pipeline_execution_log",
    metadata,
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), primary_key=True),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), nullable=False, index=True),
    sa.Column("duration_seconds", sa.Double, nullable=False),
    sa.Column("seconds_threshold", sa.Double, nullable=False),
    sa.Column("execution_status", sa.Text, nullable=False),
    sa.Column("timely_number", sa.BigInteger, nullable=False),
    sa.Column("timely_datepart", sa.Text, nullable=False),
    flag("used_child_config", default=False),
    created_at(),
)
