"""Decides which facts become publications for Monte Carlo, and when: no oftener than it likes, no later than needed.

Metadata goes out at most once an hour for each table: a newer state takes the place of one that waits. Lineage goes
out when it changed, and again after a day, for column lineage expires after ten.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from observe_dagster.integrations.facts import (
    COLUMN_LINEAGE,
    KINDS,
    TABLE_LINEAGE,
    TABLE_METADATA,
    ColumnLineage,
    Fact,
    TableLineage,
    as_record,
    lineage_key,
    record_hash,
)
from observe_dagster.integrations.monte_carlo.resources import Resources
from observe_dagster.integrations.monte_carlo.sender import PUBLISHER, connections_of
from observe_dagster.ledger import Ledger, NewPublication, Publication

METADATA_EVERY = timedelta(hours=1)
LINEAGE_EVERY = timedelta(days=1)


def enqueue(
    tx: Ledger,
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
    ours: dict[str, list[tuple[str, Fact]]] = {kind: [] for kind in KINDS}
    for key, fact in facts:
        if all(resources.of(connection) is not None for connection in connections_of(fact)):
            ours[fact.kind].append((key, fact))
    made = 0
    for kind, told in ours.items():
        for turn in _turns(told):
            made += tx.outbox.enqueue_all(_drafts(tx, kind, turn, now=now, metadata_every=metadata_every), now=now)
    return made


def refresh_column_lineage(tx: Ledger, tables: Iterable[str], *, now: datetime) -> int:
    """Send the column lineage of tables (their keys) again where it was sent a day ago or more."""
    wanted = {lineage_key(table) for table in tables}
    old = tx.outbox.newest_items(publisher=PUBLISHER, kind=COLUMN_LINEAGE, until=now - LINEAGE_EVERY)
    drafts = (
        _draft(COLUMN_LINEAGE, key, item.record, _lineage_key(COLUMN_LINEAGE, key, item.record, item))
        for key, item in old.items()
        if key in wanted and item.state == "sent"
    )
    return tx.outbox.enqueue_all(drafts, now=now)


def _turns(facts: Iterable[tuple[str, Fact]]) -> list[list[tuple[str, Fact]]]:
    """The facts in turns that have none of them twice: what becomes of one depends on those that went in before."""
    turns: list[list[tuple[str, Fact]]] = []
    seen: Counter[str] = Counter()
    for key, fact in facts:
        if seen[fact.ordering_key] == len(turns):
            turns.append([])
        turns[seen[fact.ordering_key]].append((key, fact))
        seen[fact.ordering_key] += 1
    return turns


def _drafts(
    tx: Ledger, kind: str, turn: Sequence[tuple[str, Fact]], *, now: datetime, metadata_every: timedelta
) -> Iterable[NewPublication]:
    records = {fact.ordering_key: as_record(fact) for _, fact in turn}
    keys = {fact.ordering_key: f"{kind}:{key}" for key, fact in turn}
    if kind == TABLE_METADATA and metadata_every:
        return _metadata(tx, records, keys, now=now, every=metadata_every)
    if kind in (TABLE_LINEAGE, COLUMN_LINEAGE):
        tables = {fact.ordering_key: fact for _, fact in turn if isinstance(fact, TableLineage | ColumnLineage)}
        return _lineage(tx, kind, records, tables, now=now)
    return [_draft(kind, key, record, keys[key]) for key, record in records.items()]


def _metadata(
    tx: Ledger,
    records: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, str],
    *,
    now: datetime,
    every: timedelta,
) -> Iterator[NewPublication]:
    newest = tx.outbox.newest_of(publisher=PUBLISHER, kind=TABLE_METADATA, ordering_keys=records)
    waiting = {key: records[key] for key, before in newest.items() if before.state == "pending"}
    replaced = tx.outbox.supersede_all(publisher=PUBLISHER, kind=TABLE_METADATA, records=waiting, now=now)
    for key, record in records.items():
        if key not in replaced:
            before = newest.get(key)
            due = now if before is None else max(now, (before.sent_at or before.created_at) + every)
            yield _draft(TABLE_METADATA, key, record, keys[key], due=due)


def _lineage(
    tx: Ledger,
    kind: str,
    records: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, TableLineage | ColumnLineage],
    *,
    now: datetime,
) -> Iterator[NewPublication]:
    newest = tx.outbox.newest_of(publisher=PUBLISHER, kind=kind, ordering_keys=records)
    for key, record in records.items():
        before = newest.get(key)
        if before is None or before.record != record or now - before.created_at >= LINEAGE_EVERY:
            after = [table.key for table in (facts[key].destination, *facts[key].sources)]
            yield _draft(kind, key, record, _lineage_key(kind, key, record, before), after=after)


def _lineage_key(kind: str, ordering_key: str, record: Mapping[str, Any], before: Publication | None) -> str:
    """The same in every process that sees the same item before."""
    return f"{kind}:{ordering_key}:{before.id if before else 0}:{record_hash(record)}"


def _draft(kind: str, ordering_key: str, record: Mapping[str, Any], dedupe_key: str, **more: Any) -> NewPublication:
    return NewPublication(
        publisher=PUBLISHER, kind=kind, ordering_key=ordering_key, record=record, dedupe_key=dedupe_key, **more
    )
