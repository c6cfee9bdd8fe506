"""Put items into the outbox, or newer states of items that are still pending, and look up the newest ones.

Each verb takes many items in one statement, for thousands may come at once: when a receiver is configured first, or
when everything was materialized again.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from observe_dagster.ledger.outbox.rows import NewPublication, Publication
from observe_dagster.ledger.schema.outbox import publication
from observe_dagster.ledger.session import LedgerSession


class EnqueueStore(LedgerSession):
    """What publishers do with the outbox."""

    def enqueue(self, item: NewPublication, *, now: datetime) -> bool:
        """Put an item in; false when the publisher has one of that `dedupe_key` already."""
        return self.enqueue_all([item], now=now) == 1

    def enqueue_all(self, items: Iterable[NewPublication], *, now: datetime) -> int:
        """Put items in, in this order; returns how many of them the publishers did not have already."""
        values = [
            {
                "publisher": item.publisher,
                "kind": item.kind,
                "ordering_key": item.ordering_key,
                "record": dict(item.record),
                "dedupe_key": item.dedupe_key,
                "next_attempt_at": item.due or now,
                "after_keys": sorted({*item.after} - {item.ordering_key}) or None,
                "created_at": now,
            }
            for item in items
        ]
        if not values:
            return 0
        statement = insert(publication).on_conflict_do_nothing(constraint="ux_publication_publisher_dedupe_key")
        with self._begin() as db:
            return len(db.execute(statement.returning(publication.c.id), values).all())

    def supersede_all(
        self, *, publisher: str, kind: str, records: Mapping[str, Mapping[str, Any]], now: datetime
    ) -> set[str]:
        """Replace the records, by ordering key, of pending items that are not leased; returns their keys."""
        if not records:
            return set()
        newer = sa.values(
            sa.column("ordering_key", sa.Text()), sa.column("record", publication.c.record.type), name="newer"
        ).data([(key, dict(record)) for key, record in records.items()])
        newest = _newest(publisher, kind, newer.c.ordering_key, "id").correlate(newer).lateral("newest")
        heads = sa.select(newest.c.id, newer).select_from(newer.join(newest, sa.true())).subquery("heads")
        statement = (
            sa.update(publication)
            .where(
                publication.c.id == heads.c.id,
                publication.c.state == "pending",
                sa.or_(publication.c.leased_until.is_(None), publication.c.leased_until <= now),
            )
            .values(record=heads.c.record, lease=None, leased_until=None)
            .returning(heads.c.ordering_key)
        )
        with self._begin() as db:
            return set(db.execute(statement).scalars())

    def newest_item(self, *, publisher: str, kind: str, ordering_key: str) -> Publication | None:
        """The item that was put in last, whatever its state."""
        return self.newest_of(publisher=publisher, kind=kind, ordering_keys=[ordering_key]).get(ordering_key)

    def newest_of(self, *, publisher: str, kind: str, ordering_keys: Collection[str]) -> dict[str, Publication]:
        """The items that were put in last, by ordering key, whatever their state."""
        if not ordering_keys:
            return {}
        requested = sa.bindparam("requested", sorted(ordering_keys), type_=ARRAY(sa.Text()), unique=True)
        keys = sa.func.unnest(requested).table_valued("key", name="keys").render_derived()
        newest = _newest(publisher, kind, keys.c.key, *Publication.__slots__).correlate(keys).lateral("newest")
        return self._by_key(sa.select(newest).select_from(keys.join(newest, sa.true())))

    def newest_items(self, *, publisher: str, kind: str, until: datetime | None = None) -> dict[str, Publication]:
        """The items that were put in last, of all ordering keys; with `until` only those put in by then."""
        columns = publication.c
        of_kind = (columns.publisher == publisher, columns.kind == kind)
        newest = sa.select(sa.func.max(columns.id)).where(*of_kind).group_by(columns.ordering_key)
        statement = sa.select(*(columns[name] for name in Publication.__slots__)).where(columns.id.in_(newest))
        if until is not None:
            statement = statement.where(columns.created_at <= until)
        return self._by_key(statement.order_by(columns.id))

    def _by_key(self, statement: sa.Select[Any]) -> dict[str, Publication]:
        with self._begin() as db:
            return {row["ordering_key"]: Publication(**row) for row in db.execute(statement).mappings()}


def _newest(publisher: str, kind: str, key: sa.ColumnElement[str], *names: str) -> sa.Select[Any]:
    """These columns of the item of an ordering key that was put in last, found by the index of each key's history."""
    each = publication.alias()
    chosen = (each.c.publisher == publisher, each.c.kind == kind, each.c.ordering_key == key)
    return sa.select(*(each.c[name] for name in names)).where(*chosen).order_by(each.c.id.desc()).limit(1)
