"""Find what is due by its time alone.

While PostgreSQL has no statistics of the table it takes any index that begins with a publisher for as good as the one
that begins with a publisher and an ordering key, and then reads all that waits for each item that waits.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Go to this revision."""
    _replace(["next_attempt_at", "id"])


def downgrade() -> None:
    """Go back to the revision before."""
    _replace(["publisher", "next_attempt_at", "id"])


def _replace(columns: list[str]) -> None:
    op.drop_index("ix_publication_due", table_name="publication", schema="observe")
    op.create_index(
        "ix_publication_due", "publication", columns, schema="observe", postgresql_where=sa.text("state = 'pending'")
    )
