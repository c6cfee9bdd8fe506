"""Decides which facts become publications for Monte Carlo, and when: no oftener than it likes, no later than needed.

Metadata goes out at most once an hour for each table: a newer state takes the place of one that waits. Lineage goes
out when it changed, and again after a day, for column lineage expires after ten.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.outbox import Publication, enqueue, newest_item, newest_items, supersede
from observe_dagster.publish.facts import (
    COLUMN_LINEAGE,
    KINDS,
    ColumnLineage,
    Fact,
    QueryLogEntry,
    TableLineage,
    TableMetadata,
    as_record,
    lineage_key,
    record_hash,
)
from observe_dagster.publish.montecarlo.resources import Resources
from observe_dagster.publish.montecarlo.sender import PUBLISHER, connections_of

METADATA_EVERY = timedelta(hours=1)
LINEAGE_EVERY = timedelta(days=1)
_PLACES = {kind: place for place, kind in enumerate(KINDS)}


def take_in(
    db: sa.Connection,
    facts: Iterable[tuple[str, Fact]],
    resources: Resources,
    *,
    now: datetime,
    metadata_every: timedelta = METADATA_EVERY,
) -> int:
    """Put facts in the outbox, each with a key that tells it from others; returns how many publications were made.

    Facts about connections that are not at Monte Carlo are passed over. Metadata goes in before the lineage that
    needs it, whatever the order in which facts are given.
    """
    made = 0
    for key, fact in sorted(facts, key=lambda told: _PLACES[told[1].kind]):
        if any(resources.of(connection) is None for connection in connections_of(fact)):
            continue
        if isinstance(fact, TableMetadata):
            made += _metadata(db, key, fact, now=now, every=metadata_every)
        elif isinstance(fact, TableLineage | ColumnLineage):
            made += _lineage(db, fact, now=now)
        elif isinstance(fact, QueryLogEntry):
            made += _put(db, fact, as_record(fact), now=now, dedupe_key=f"{fact.kind}:{key}")
    return made


def refresh_column_lineage(db: sa.Connection, tables: Iterable[str], *, now: datetime) -> int:
    """Send the column lineage of tables (their keys) again where it was sent a day ago or more."""
    wanted, made = {lineage_key(table) for table in tables}, 0
    for item in newest_items(db, publisher=PUBLISHER, kind=COLUMN_LINEAGE):
        if item.ordering_key in wanted and item.state == "sent" and now - item.created_at >= LINEAGE_EVERY:
            made += enqueue(
                db,
                publisher=PUBLISHER,
                kind=COLUMN_LINEAGE,
                ordering_key=item.ordering_key,
                record=item.record,
                now=now,
                dedupe_key=_lineage_key(COLUMN_LINEAGE, item.ordering_key, item.record, item),
            )
    return made


def _metadata(db: sa.Connection, key: str, fact: TableMetadata, *, now: datetime, every: timedelta) -> bool:
    record = as_record(fact)
    due = now
    if every:
        names: Mapping[str, Any] = {"publisher": PUBLISHER, "kind": fact.kind, "ordering_key": fact.ordering_key}
        if supersede(db, **names, record=record, now=now):
            return False
        before = newest_item(db, **names)
        if before is not None:
            due = max(now, (before.sent_at or before.created_at) + every)
    return _put(db, fact, record, now=now, due=due, dedupe_key=f"{fact.kind}:{key}")


def _lineage(db: sa.Connection, fact: TableLineage | ColumnLineage, *, now: datetime) -> bool:
    record = as_record(fact)
    before = newest_item(db, publisher=PUBLISHER, kind=fact.kind, ordering_key=fact.ordering_key)
    if before is not None and before.record == record and now - before.created_at < LINEAGE_EVERY:
        return False
    dedupe_key = _lineage_key(fact.kind, fact.ordering_key, record, before)
    after = [table.key for table in (fact.destination, *fact.sources)]
    return _put(db, fact, record, now=now, dedupe_key=dedupe_key, after=after)


def _lineage_key(kind: str, ordering_key: str, record: Mapping[str, Any], before: Publication | None) -> str:
    """The same in every process that sees the same item before."""
    return f"{kind}:{ordering_key}:{before.id if before else 0}:{record_hash(record)}"


def _put(db: sa.Connection, fact: Fact, record: Mapping[str, Any], *, now: datetime, **more: Any) -> bool:
    names = {"publisher": PUBLISHER, "kind": fact.kind, "ordering_key": fact.ordering_key}
    return enqueue(db, **names, record=record, now=now, **more)
