"""The outbox: publications to other systems, kept until they are delivered, shared by any number of workers.

A worker claims an item under a lease. While the lease lasts nobody else gets the item, nor any later one with the
same ordering key; a worker that dies lets its lease run out, and the item is claimed again. So items of one ordering
key are delivered in the order they were put in, each at least once, and once as long as nobody dies in between. An
item may also name other ordering keys that it has to come after: it waits for the earlier items of those as well.
"""

import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.outbox.enqueue import EnqueueStore
from observe_dagster.ledger.outbox.rows import Publication
from observe_dagster.ledger.outbox.unpublished import PublishedStore
from observe_dagster.ledger.schema.outbox import publication

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=15)


FIELDS = [publication.c[name] for name in Publication.__slots__]
"""The columns of the table that make a Publication."""


def _first_pending(publisher: str, key: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """The oldest pending item of an ordering key.

    Selected in the order of the index, for as a join PostgreSQL would compare all items with all while it has no
    statistics of the table, which is when many come at once.
    """
    each = publication.alias()
    waiting = (each.c.publisher == publisher, each.c.ordering_key == key, each.c.state == "pending")
    first = sa.select(each.c.id).where(*waiting).order_by(each.c.ordering_key, each.c.id).limit(1)
    return first.correlate_except(each).scalar_subquery()


def wait_before(attempt: int, *, share: float) -> timedelta:
    """How long to wait after attempt number `attempt` failed: it doubles, and of that a half to all, by `share`."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 30))
    return longest * (0.5 + share / 2)


class Outbox(EnqueueStore, PublishedStore):
    """Publications to other systems, for those who put them in and those who deliver them."""

    def claim(
        self, publisher: str, *, limit: int, lease: timedelta, now: datetime, kind: str | None = None
    ) -> list[Publication]:
        """Lease up to `limit` items that are due, of one kind or any: the oldest, at most one of each ordering key."""
        keys = sa.func.unnest(publication.c.after_keys).table_valued("key", name="keys").render_derived()
        comes_after = sa.select(keys.c.key).where(_first_pending(publisher, keys.c.key) < publication.c.id)
        heads = (
            sa.select(publication.c.id)
            .where(
                publication.c.publisher == publisher,
                publication.c.state == "pending",
                publication.c.next_attempt_at <= now,
                sa.true() if kind is None else publication.c.kind == kind,
                sa.or_(publication.c.leased_until.is_(None), publication.c.leased_until <= now),
                publication.c.id == _first_pending(publisher, publication.c.ordering_key),
                ~comes_after.correlate(publication).exists(),
            )
            .order_by(publication.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("heads")
        )
        claimed = (
            sa.update(publication)
            .where(publication.c.id == heads.c.id)
            .values(lease=uuid.uuid4().hex, leased_until=now + lease, attempts=publication.c.attempts + 1)
            .returning(*FIELDS)
        )
        with self._begin() as db:
            items = [Publication(**row) for row in db.execute(claimed).mappings()]
        return sorted(items, key=lambda item: item.id)

    def sent(self, item: Publication, *, now: datetime, receipt: Mapping[str, Any] | None = None) -> bool:
        """Mark an item as sent; false when its lease ran out and another worker has it."""
        return self.all_sent([item], now=now, receipt=receipt) == 1

    def all_sent(self, items: Sequence[Publication], *, now: datetime, receipt: Mapping[str, Any] | None = None) -> int:
        """Mark items as sent together; returns how many of them were still leased.

        `receipt` is the receiver's answer, its `invocation_id` where there is one.
        """
        return self._settle(
            items,
            state="sent",
            sent_at=now,
            last_error=None,
            receipt=None if receipt is None else dict(receipt),
            invocation_id=(receipt or {}).get("invocation_id"),
        )

    def retry_later(
        self, item: Publication, error: str, *, now: datetime, retry_after: timedelta | None = None
    ) -> datetime:
        """Give an item back after a failure; returns when it is due, no sooner than `retry_after` from now."""
        return self.retry_all_later([item], error, now=now, retry_after=retry_after)

    def retry_all_later(
        self, items: Sequence[Publication], error: str, *, now: datetime, retry_after: timedelta | None = None
    ) -> datetime:
        """Give items back after a failure of all of them; they wait as long as the one that failed most often."""
        attempts = max((item.attempts for item in items), default=1)
        wait = wait_before(attempts, share=random.random())  # noqa: S311 - not for secrets
        due = now + max(wait, retry_after or wait)
        self._settle(items, next_attempt_at=due, last_error=storable(error))
        return due

    def release(self, items: Sequence[Publication], *, due: datetime | None = None, error: str | None = None) -> int:
        """Give items back that were not sent: the claim does not count. They are due as before, or at `due`."""
        values: dict[str, Any] = {"attempts": publication.c.attempts - 1}
        if due is not None:
            values["next_attempt_at"] = due
        if error is not None:
            values["last_error"] = storable(error)
        return self._settle(items, **values)

    def dead_letter(self, item: Publication, reason: str) -> bool:
        """Make an item a dead letter with the reason; later ones of its ordering key are no longer held back."""
        return self._settle([item], state="dead", last_error=storable(reason)) == 1

    def requeue(self, publisher: str, *, now: datetime, ids: Collection[int] | None = None) -> int:
        """Make dead letters, all or those of `ids`, pending and due; returns how many."""
        statement = sa.update(publication).where(publication.c.publisher == publisher, publication.c.state == "dead")
        if ids is not None:
            statement = statement.where(publication.c.id.in_(ids))
        with self._begin() as db:
            return db.execute(statement.values(state="pending", attempts=0, next_attempt_at=now)).rowcount

    def items(
        self, publisher: str, *, states: Collection[str], of: str | None = None, limit: int = 100
    ) -> list[Publication]:
        """The newest items in those states, or those of one ordering key, the newest first."""
        statement = sa.select(*FIELDS).where(publication.c.publisher == publisher, publication.c.state.in_(states))
        if of is not None:
            statement = statement.where(publication.c.ordering_key == of)
        with self._begin() as db:
            rows = db.execute(statement.order_by(publication.c.id.desc()).limit(limit)).mappings()
            return [Publication(**row) for row in rows]

    def publishers(self) -> list[str]:
        """The names of all publishers with items in the outbox, in order."""
        with self._begin() as db:
            return list(
                db.execute(sa.select(publication.c.publisher).distinct().order_by(publication.c.publisher)).scalars()
            )

    def counts(self, publisher: str) -> dict[str, int]:
        """How many items are in each state."""
        statement = sa.select(publication.c.state, sa.func.count()).where(publication.c.publisher == publisher)
        with self._begin() as db:
            return {row[0]: row[1] for row in db.execute(statement.group_by(publication.c.state))}

    def item(self, item_id: int) -> Publication:
        """The item of that id; raises NotFoundError."""
        with self._begin() as db:
            row = db.execute(sa.select(*FIELDS).where(publication.c.id == item_id)).mappings().one_or_none()
        if row is None:
            raise NotFoundError("publication", str(item_id))
        return Publication(**row)

    def latest_sent(self, publisher: str) -> datetime | None:
        """When an item was last sent; None before the first."""
        with self._begin() as db:
            statement = sa.select(sa.func.max(publication.c.sent_at)).where(publication.c.publisher == publisher)
            return db.execute(statement).scalar_one()

    def make_due(self, publisher: str, *, now: datetime) -> int:
        """Make pending items that wait for a later attempt due; returns how many."""
        waiting = (publication.c.publisher == publisher, publication.c.state == "pending")
        statement = sa.update(publication).where(*waiting, publication.c.next_attempt_at > now)
        with self._begin() as db:
            return db.execute(statement.values(next_attempt_at=now)).rowcount

    def defer_all(self, publisher: str, *, until: datetime) -> int:
        """Let no pending item of a publisher that is not leased be due before `until`; returns how many it moved."""
        free = (publication.c.publisher == publisher, publication.c.state == "pending", publication.c.lease.is_(None))
        statement = sa.update(publication).where(*free, publication.c.next_attempt_at < until)
        with self._begin() as db:
            return db.execute(statement.values(next_attempt_at=until)).rowcount

    def delete(self, ordering_keys: Collection[str]) -> None:
        """Delete the items of these ordering keys, whatever their state."""
        with self._begin() as db:
            db.execute(sa.delete(publication).where(publication.c.ordering_key.in_(list(ordering_keys))))

    def _settle(self, items: Sequence[Publication], **values: Any) -> int:
        # As rows to join with: as a list of pairs PostgreSQL would compare each item with every pair.
        ids = sa.cast([item.id for item in items], ARRAY(sa.BigInteger))
        leases = sa.cast([item.lease for item in items], ARRAY(sa.Text))
        claimed = sa.func.unnest(ids, leases).table_valued("id", "lease", name="claimed").render_derived()
        statement = sa.update(publication).where(
            publication.c.id == claimed.c.id, publication.c.lease == claimed.c.lease, publication.c.state == "pending"
        )
        with self._begin() as db:
            return db.execute(statement.values(lease=None, leased_until=None, **values)).rowcount
