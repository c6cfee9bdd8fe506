"""Putting into the outbox, in the caller's transaction: what is new, or a newer state of what still waits.

Each verb takes many at once and asks the database once, for thousands become known together: when a receiver is named
first, or when everything was built again.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from observe_dagster.ledger.outbox.outbox import FIELDS, Publication
from observe_dagster.ledger.schema.outbox import publication


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPublication:
    """What is to become an item.

    A publisher has only one item of each `dedupe_key`. An item is sent from `due` on, at once by default, and not
    before the earlier items of the ordering keys `after`.
    """

    publisher: str
    kind: str
    ordering_key: str
    record: Mapping[str, Any] = field(hash=False)
    dedupe_key: str | None = None
    due: datetime | None = None
    after: Collection[str] = ()


def enqueue(db: sa.Connection, draft: NewPublication, *, now: datetime) -> bool:
    """Put an item in; false when the publisher has one of that `dedupe_key` already."""
    return enqueue_all(db, [draft], now=now) == 1


def enqueue_all(db: sa.Connection, drafts: Iterable[NewPublication], *, now: datetime) -> int:
    """Put items in, in this order; returns how many of them the publishers did not have already."""
    values = [
        {
            "publisher": draft.publisher,
            "kind": draft.kind,
            "ordering_key": draft.ordering_key,
            "record": dict(draft.record),
            "dedupe_key": draft.dedupe_key,
            "next_attempt_at": draft.due or now,
            "after_keys": sorted({*draft.after} - {draft.ordering_key}) or None,
            "created_at": now,
        }
        for draft in drafts
    ]
    if not values:
        return 0
    statement = insert(publication).on_conflict_do_nothing(constraint="ux_publication_publisher_dedupe_key")
    return len(db.execute(statement.returning(publication.c.id), values).all())


def supersede(
    db: sa.Connection, *, publisher: str, kind: str, ordering_key: str, record: Mapping[str, Any], now: datetime
) -> bool:
    """Let a newer record take the place of one that waits and nobody holds; false when there is none."""
    return bool(supersede_all(db, publisher=publisher, kind=kind, records={ordering_key: record}, now=now))


def supersede_all(
    db: sa.Connection, *, publisher: str, kind: str, records: Mapping[str, Mapping[str, Any]], now: datetime
) -> set[str]:
    """Let newer records, by ordering key, take the place of those that wait and nobody holds; returns their keys."""
    if not records:
        return set()
    told = sa.values(
        sa.column("ordering_key", sa.Text()), sa.column("record", publication.c.record.type), name="told"
    ).data([(key, dict(record)) for key, record in records.items()])
    newest = _newest(publisher, kind, told.c.ordering_key, "id").correlate(told).lateral("newest")
    heads = sa.select(newest.c.id, told).select_from(told.join(newest, sa.true())).subquery("heads")
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
    return set(db.execute(statement).scalars())


def newest_item(db: sa.Connection, *, publisher: str, kind: str, ordering_key: str) -> Publication | None:
    """The item that was put in last, whatever became of it."""
    return newest_of(db, publisher=publisher, kind=kind, ordering_keys=[ordering_key]).get(ordering_key)


def newest_of(
    db: sa.Connection, *, publisher: str, kind: str, ordering_keys: Collection[str]
) -> dict[str, Publication]:
    """The items that were put in last, by ordering key, whatever became of them."""
    if not ordering_keys:
        return {}
    wanted = sa.func.unnest(sa.bindparam("wanted", sorted(ordering_keys), type_=ARRAY(sa.Text()), unique=True))
    keys = wanted.table_valued("key", name="keys").render_derived()
    newest = _newest(publisher, kind, keys.c.key, *Publication.__slots__).correlate(keys).lateral("newest")
    rows = db.execute(sa.select(newest).select_from(keys.join(newest, sa.true()))).mappings()
    return {row["ordering_key"]: Publication(**row) for row in rows}


def newest_items(
    db: sa.Connection, *, publisher: str, kind: str, until: datetime | None = None
) -> dict[str, Publication]:
    """The items that were put in last, of all ordering keys and by them; `until`: if nothing was put in since then."""
    columns = publication.c
    chosen = (columns.publisher == publisher, columns.kind == kind)
    newest = sa.select(sa.func.max(columns.id)).where(*chosen).group_by(columns.ordering_key)
    statement = sa.select(*FIELDS).where(columns.id.in_(newest)).order_by(columns.id)
    if until is not None:
        statement = statement.where(columns.created_at <= until)
    return {row["ordering_key"]: Publication(**row) for row in db.execute(statement).mappings()}


def _newest(publisher: str, kind: str, key: sa.ColumnElement[str], *names: str) -> sa.Select[Any]:
    """These columns of the item of an ordering key that was put in last, found by the index of each key's history."""
    each = publication.alias()
    chosen = (each.c.publisher == publisher, each.c.kind == kind, each.c.ordering_key == key)
    return sa.select(*(each.c[name] for name in names)).where(*chosen).order_by(each.c.id.desc()).limit(1)
