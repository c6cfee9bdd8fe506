"""Let several workers share the outbox, and find the last episode of a subject."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("publication", sa.Column("dedupe_key", sa.Text(), nullable=True), schema="observe")
    op.add_column("publication", sa.Column("lease", sa.Text(), nullable=True), schema="observe")
    op.add_column(
        "publication", sa.Column("leased_until", sa.TIMESTAMP(timezone=True), nullable=True), schema="observe"
    )
    op.create_unique_constraint(
        op.f("ux_publication_publisher_dedupe_key"), "publication", ["publisher", "dedupe_key"], schema="observe"
    )
    op.create_index("ix_alert_history", "alert", ["subject", "check_name", "id"], unique=False, schema="observe")


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_alert_history", table_name="alert", schema="observe")
    op.drop_constraint(op.f("ux_publication_publisher_dedupe_key"), "publication", schema="observe", type_="unique")
    op.drop_column("publication", "leased_until", schema="observe")
    op.drop_column("publication", "lease", schema="observe")
    op.drop_column("publication", "dedupe_key", schema="observe")
