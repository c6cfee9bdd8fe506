"""Let an item of the outbox wait for others, keep what its receiver answered, and count requests to a limited API."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("publication", sa.Column("after_keys", postgresql.ARRAY(sa.Text()), nullable=True), schema="observe")
    op.add_column(
        "publication",
        sa.Column("receipt", postgresql.JSONB(none_as_null=True), nullable=True),
        schema="observe",
    )
    op.create_index(
        "ix_publication_history", "publication", ["publisher", "kind", "ordering_key", "id"], schema="observe"
    )
    op.create_table(
        "request_slot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_slot")),
        schema="observe",
    )
    op.create_index(op.f("ix_request_slot_scope"), "request_slot", ["scope"], schema="observe")


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("request_slot", schema="observe")
    op.drop_index("ix_publication_history", table_name="publication", schema="observe")
    op.drop_column("publication", "receipt", schema="observe")
    op.drop_column("publication", "after_keys", schema="observe")
