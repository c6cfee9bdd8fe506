"""The table of alerts."""

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json, Moment, identity, metadata
from observe_dagster.ledger.schema.declared import pipeline

alert = sa.Table(
    "alert",
    metadata,
    identity(),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("check_name", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id), index=True),
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
