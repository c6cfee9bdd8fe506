"""Decides which facts become publications for Monte Carlo, and when.

Metadata is sent at most once an hour for each table: a newer state replaces one that is pending. Lineage is sent when
it changed, and again after a day, for column lineage expires after ten.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from observe_dagster.integrations.facts import (
    COLUMN_LINEAGE,
    KINDS,
    QUERY_LOG,
    TABLE_LINEAGE,
    TABLE_METADATA,
    ColumnLineage,
    Fact,
    QueryLogEntry,
    TableLineage,
    as_record,
    lineage_key,
    record_hash,
)
from observe_dagster.integrations.monte_carlo.resources import Resources
from observe_dagster.integrations.monte_carlo.sender import PUBLISHER, connections_of
from observe_dagster.ledger import Ledger, NewPublication, Publication

METADATA_INTERVAL = timedelta(hours=1)
LINEAGE_INTERVAL = timedelta(days=1)
QUERIES_SINCE = timedelta(days=7)
_MOST_QUERIES = 2_000


def enqueue(
    tx: Ledger,
    facts: Iterable[tuple[str, Fact]],
    resources: Resources,
    *,
    now: datetime,
    metadata_interval: timedelta = METADATA_INTERVAL,
) -> int:
    """Enqueue facts, each with a key that tells it from others; returns the number of publications.

    Facts about connections that are not at Monte Carlo are left out. Metadata is enqueued before the lineage that
    needs it, whatever the order of the facts.
    """
    by_kind: dict[str, list[tuple[str, Fact]]] = {kind: [] for kind in KINDS}
    for key, fact in facts:
        if all(resources.of(connection) is not None for connection in connections_of(fact)):
            by_kind[fact.kind].append((key, fact))
    enqueued = 0
    for kind, of_kind in by_kind.items():
        for turn in _turns(of_kind):
            publications = _publications(tx, kind, turn, now=now, metadata_interval=metadata_interval)
            enqueued += tx.outbox.enqueue_all(publications, now=now)
    return enqueued


def enqueue_queries(tx: Ledger, resources: Resources, *, now: datetime) -> int:
    """Enqueue the oldest statements of the query log that were not published yet; returns how many."""
    queries = tx.outbox.unpublished_queries(
        publisher=PUBLISHER,
        prefix=f"{QUERY_LOG}:",
        connections=[name for name, each in resources.of_connections.items() if each.log_type is not None],
        since=now - QUERIES_SINCE,
        limit=_MOST_QUERIES,
    )
    facts = (
        QueryLogEntry(
            connection_id=query.connection_id,
            start_time=query.started_at,
            end_time=query.ended_at,
            query_text=query.query_text,
            query_id=query.query_id,
            user=query.user_name,
            returned_rows=query.returned_rows,
        )
        for query in queries
    )
    return enqueue(tx, [(str(query.id), fact) for query, fact in zip(queries, facts, strict=True)], resources, now=now)


def refresh_column_lineage(tx: Ledger, tables: Iterable[str], *, now: datetime) -> int:
    """Enqueue the column lineage of tables (their keys) again where it was sent a day ago or more."""
    keys = {lineage_key(table) for table in tables}
    newest = tx.outbox.newest_items(publisher=PUBLISHER, kind=COLUMN_LINEAGE, until=now - LINEAGE_INTERVAL)
    publications = (
        _publication(COLUMN_LINEAGE, key, item.record, _lineage_key(COLUMN_LINEAGE, key, item.record, item))
        for key, item in newest.items()
        if key in keys and item.state == "sent"
    )
    return tx.outbox.enqueue_all(publications, now=now)


def _turns(facts: Iterable[tuple[str, Fact]]) -> list[list[tuple[str, Fact]]]:
    """The facts in turns without two of one ordering key: what becomes of one depends on those before it."""
    turns: list[list[tuple[str, Fact]]] = []
    seen: Counter[str] = Counter()
    for key, fact in facts:
        if seen[fact.ordering_key] == len(turns):
            turns.append([])
        turns[seen[fact.ordering_key]].append((key, fact))
        seen[fact.ordering_key] += 1
    return turns


def _publications(
    tx: Ledger, kind: str, turn: Sequence[tuple[str, Fact]], *, now: datetime, metadata_interval: timedelta
) -> Iterable[NewPublication]:
    records = {fact.ordering_key: as_record(fact) for _, fact in turn}
    keys = {fact.ordering_key: f"{kind}:{key}" for key, fact in turn}
    if kind == TABLE_METADATA and metadata_interval:
        return _metadata(tx, records, keys, now=now, interval=metadata_interval)
    if kind in (TABLE_LINEAGE, COLUMN_LINEAGE):
        tables = {fact.ordering_key: fact for _, fact in turn if isinstance(fact, TableLineage | ColumnLineage)}
        return _lineage(tx, kind, records, tables, now=now)
    return [_publication(kind, key, record, keys[key]) for key, record in records.items()]


def _metadata(
    tx: Ledger,
    records: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, str],
    *,
    now: datetime,
    interval: timedelta,
) -> Iterator[NewPublication]:
    newest = tx.outbox.newest_of(publisher=PUBLISHER, kind=TABLE_METADATA, ordering_keys=records)
    pending = {key: records[key] for key, before in newest.items() if before.state == "pending"}
    replaced = tx.outbox.supersede_all(publisher=PUBLISHER, kind=TABLE_METADATA, records=pending, now=now)
    for key, record in records.items():
        if key not in replaced:
            before = newest.get(key)
            due = now if before is None else max(now, (before.sent_at or before.created_at) + interval)
            yield _publication(TABLE_METADATA, key, record, keys[key], due=due)


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
        if before is None or before.record != record or now - before.created_at >= LINEAGE_INTERVAL:
            after = [table.key for table in (facts[key].destination, *facts[key].sources)]
            yield _publication(kind, key, record, _lineage_key(kind, key, record, before), after=after)


def _lineage_key(kind: str, ordering_key: str, record: Mapping[str, Any], before: Publication | None) -> str:
    """The same in every process that sees the same item before."""
    return f"{kind}:{ordering_key}:{before.id if before else 0}:{record_hash(record)}"


def _publication(
    kind: str, ordering_key: str, record: Mapping[str, Any], dedupe_key: str, **more: Any
) -> NewPublication:
    return NewPublication(
        publisher=PUBLISHER, kind=kind, ordering_key=ordering_key, record=record, dedupe_key=dedupe_key, **more
    )
