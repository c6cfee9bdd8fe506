"""What of the executions nobody was told yet, the rules they are judged by, and what receivers answered."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json
from observe_dagster.ledger.schema.outbox import publication

_SHOWN_AT = "shown_at"


def receipt_of(db: sa.Connection, *, publisher: str, dedupe_key: str) -> Mapping[str, Any] | None:
    """What the receiver answered to the publication of that key; None when it did not arrive."""
    statement = sa.select(publication.c.receipt).where(
        publication.c.publisher == publisher, publication.c.dedupe_key == dedupe_key, publication.c.state == "sent"
    )
    return db.execute(statement).scalar_one_or_none()


def receipts_shown_since(
    db: sa.Connection, *, publisher: str, ordering_keys: Collection[str], since: datetime
) -> set[str]:
    """The ordering keys of which a receipt was shown to people since a time."""
    columns, shown_at = publication.c, publication.c.receipt[_SHOWN_AT].astext
    wanted = sa.bindparam(None, list(ordering_keys), type_=sa.ARRAY(sa.Text))
    chosen = (columns.publisher == publisher, columns.ordering_key == sa.any_(wanted), columns.sent_at >= since)
    return set(db.execute(sa.select(columns.ordering_key).where(*chosen, shown_at >= _text(since))).scalars())


def mark_receipts_shown(db: sa.Connection, numbers: Collection[int], *, now: datetime) -> None:
    """Note on receipts that people were shown them."""
    noted = publication.c.receipt.concat(sa.cast({_SHOWN_AT: _text(now)}, Json))
    db.execute(sa.update(publication).where(publication.c.id.in_(list(numbers))).values(receipt=noted))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
