"""The tables of the outbox and of its rate limits."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from observe_dagster.ledger.schema.columns import Json, Moment, created_at, identity, metadata
from observe_dagster.ledger.schema.executions import pipeline_execution

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
