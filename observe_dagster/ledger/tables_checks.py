"""The ledger's tables for verdicts: what each check said, and how each stands now."""

import sqlalchemy as sa

from observe_dagster.ledger.tables import Json, Moment, flag, identity, metadata, pipeline, pipeline_execution

_STATUS = "status IN ('pass', 'warn', 'fail', 'learning', 'skipped', 'error')"

OF_ONE_RUN = sa.text("kind IN ('anomaly', 'timeliness') AND pipeline_execution_id IS NOT NULL")
"""The verdicts of which a run has one, which judging it again replaces."""

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
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id)),
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

check_standing = sa.Table(
    "check_standing",
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
    sa.Column("pipeline_id", sa.BigInteger, sa.ForeignKey(pipeline.c.id), index=True),
    sa.Column("pipeline_execution_id", sa.BigInteger, sa.ForeignKey(pipeline_execution.c.id), index=True),
    sa.CheckConstraint(_STATUS, name="status"),
)
