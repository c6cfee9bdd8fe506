"""Sends facts to Monte Carlo: which request each kind is, in batches of one resource."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observe_dagster.errors import PublishError
from observe_dagster.integrations.facts import (
    COLUMN_LINEAGE,
    QUERY_LOG,
    TABLE_LINEAGE,
    TABLE_METADATA,
    ColumnLineage,
    Fact,
    QueryLogEntry,
    TableLineage,
    TableMetadata,
    from_record,
)
from observe_dagster.integrations.http import Client, encoded
from observe_dagster.integrations.monte_carlo.payloads import (
    Json,
    lineage_body,
    lineage_events,
    metadata_body,
    metadata_events,
    query_log_body,
    query_log_events,
)
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources
from observe_dagster.integrations.monte_carlo.settings import WireFormat
from observe_dagster.ledger import Dispatcher, Publication, batches

PUBLISHER = "monte_carlo"
SYSTEM = "Monte Carlo"
MOST_BYTES = 900_000
"""The gateway takes 1 MB compressed; bodies are sent as they are, with some room."""

MOST_EVENTS = {TABLE_METADATA: 500, TABLE_LINEAGE: 500, COLUMN_LINEAGE: 500, QUERY_LOG: 100}
PATHS = {
    TABLE_METADATA: "/ingest/v1/metadata",
    TABLE_LINEAGE: "/ingest/v1/lineage",
    COLUMN_LINEAGE: "/ingest/v1/lineage",
    QUERY_LOG: "/ingest/v1/querylogs",
}
_ENVELOPE_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """An item's events; `resource` is None where every reference names its own."""

    resource: Resource | None
    events: list[Json]
    bytes: int


class MonteCarlo:
    """Sends facts of all kinds but SQL."""

    publisher = PUBLISHER
    kinds = (TABLE_METADATA, TABLE_LINEAGE, COLUMN_LINEAGE, QUERY_LOG)

    def __init__(self, client: Client, resources: Resources, *, wire_format: WireFormat) -> None:
        self._client, self._resources = client, resources
        self._wire_format: WireFormat = wire_format

    def batch_size(self, kind: str) -> int:
        """As many as one request may hold."""
        return MOST_EVENTS[kind]

    def deliver(self, kind: str, items: Sequence[Publication], dispatcher: Dispatcher) -> None:
        """Send items of one kind, those of each resource on their own."""
        prepared: dict[int, _Prepared] = {}
        of_resource: dict[Resource | None, list[Publication]] = {}
        for item in items:
            try:
                prepared[item.id] = ready = self._prepare(item)
            except ValueError as error:
                dispatcher.dead_letter(item, str(error))
                continue
            of_resource.setdefault(ready.resource, []).append(item)

        def size(item: Publication) -> int:
            return prepared[item.id].bytes

        def post(batch: Sequence[Publication], seconds: float) -> Mapping[str, Any]:
            return self._post(kind, [prepared[item.id] for item in batch], seconds)

        divided: list[list[Publication]] = []
        for own in of_resource.values():
            divided += batches(own, size, most_bytes=MOST_BYTES - _ENVELOPE_BYTES, most=MOST_EVENTS[kind])
        dispatcher.send(divided, post)

    def _prepare(self, item: Publication) -> _Prepared:
        fact = from_record(item.kind, item.record)
        resource = self._resource(fact)
        events = list(self._events(fact, None if resource is not None else self._resources))
        return _Prepared(resource=resource, events=events, bytes=sum(len(encoded(event)) + 1 for event in events))

    def _resource(self, fact: Fact) -> Resource | None:
        """The one resource of a fact; None for lineage that goes from one to another."""
        by_connection = {connection: self._resources.of(connection) for connection in connections_of(fact)}
        for connection, resource in by_connection.items():
            if resource is None:
                raise ValueError(f"Connection {connection!r} has no monte_carlo_resource_uuid (any more).")
        resources = {resource for resource in by_connection.values() if resource is not None}
        if len(resources) == 1:
            return resources.pop()
        if self._wire_format == "http_doc":
            raise ValueError("Lineage between two resources needs wire_format sdk: http_doc cannot express it.")
        return None

    def _events(self, fact: Fact, across: Resources | None) -> Iterator[Json]:
        if isinstance(fact, TableMetadata):
            yield from metadata_events(fact, self._wire_format)
        elif isinstance(fact, TableLineage | ColumnLineage):
            yield from lineage_events(fact, self._wire_format, across=across)
        elif isinstance(fact, QueryLogEntry):
            yield from query_log_events(fact)

    def _post(self, kind: str, ready: Sequence[_Prepared], seconds: float) -> Mapping[str, Any]:
        content = encoded(self._body(kind, ready[0].resource, [event for each in ready for event in each.events]))
        if len(content) > MOST_BYTES:
            reason = f"was not asked: the body has {len(content)} bytes and at most {MOST_BYTES} are taken."
            raise PublishError(SYSTEM, reason, permanent=True)
        timeout = min(self._client.timeout, seconds)
        answer = self._client.request("POST", PATHS[kind], content=content, timeout=timeout)
        body = answer.json()
        invocation_id = body.get("invocation_id") if isinstance(body, dict) else None
        if not isinstance(invocation_id, str) or not invocation_id:
            raise PublishError(SYSTEM, f"answered {answer.status} without an invocation_id.", status=answer.status)
        return {
            "invocation_id": invocation_id,
            "status": answer.status,
            "bytes": answer.bytes_sent,
            "duration_seconds": round(answer.seconds, 3),
        }

    def _body(self, kind: str, resource: Resource | None, events: Sequence[Json]) -> Json:
        if kind in (TABLE_LINEAGE, COLUMN_LINEAGE):
            return lineage_body(resource, events, columns=kind == COLUMN_LINEAGE)
        assert resource is not None
        if kind == QUERY_LOG:
            return query_log_body(resource, events)
        return metadata_body(resource, events, self._wire_format)


def connections_of(fact: Fact) -> list[str | None]:
    """The connections that a fact is about, each once; None stands for tables that belong to none."""
    if isinstance(fact, TableMetadata):
        return [fact.table.connection_id]
    if isinstance(fact, TableLineage | ColumnLineage):
        return list(dict.fromkeys(table.connection_id for table in (fact.destination, *fact.sources)))
    return [fact.connection_id] if isinstance(fact, QueryLogEntry) else []
