"""Monte Carlo's gateway as its documents describe it: both wire formats, every rule, and what it took.

Stand-alone: `python -m tests.fakes.monte_carlo PORT`.
"""

import gzip
import json
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.fakes.gateway import Answer, Asked, Gateway

KEY = {"x-mcd-id": "key-id-1", "x-mcd-token": "key-secret-9"}
MOST_BYTES = 1_000_000
LOG_TYPES = {
    *("snowflake", "bigquery", "databricks", "redshift", "hive-s3", "athena", "teradata", "clickhouse"),
    *("databricks-metastore-sql-warehouse", "s3", "presto-s3"),
}
PATHS = {
    "/ingest/v1/metadata": ("METADATA", "RELATIONAL_ASSET"),
    "/ingest/v1/lineage": ("LINEAGE", "COLUMN_LINEAGE"),
    "/ingest/v1/querylogs": ("QUERY_LOG",),
}


class FakeMonteCarlo(Gateway):
    """Keeps each event that it took, in the order in which they came; `problems` has what was wrong with others.

    `unanswered` has those that it took although the answer was lost.
    `poison` is a text: a request that holds it is refused. `most_bytes` can be lowered.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.unanswered: list[dict[str, Any]] = []
        self.bodies: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.poison: str | None = None
        self.poison_status = 400
        self.most_bytes = MOST_BYTES
        self.uuids: set[str] | None = None

    def events(self, *event_types: str) -> list[dict[str, Any]]:
        """The events that were taken under some event types."""
        return [event for event_type, event in self.taken if event_type in event_types]

    def answer(self, asked: Asked) -> Answer:
        """202 with an invocation id, or what is wrong."""
        status, problem = self._judge(asked)
        if problem:
            self.problems.append(problem)
            return status, {}, json.dumps({"message": problem}).encode()
        body = json.loads(asked.body)
        self.bodies.append(body)
        if self.treatment is not None:
            self.unanswered.extend(body["events"])
        self.taken.extend((body["event_type"], event) for event in body["events"])
        return 202, {}, json.dumps({"invocation_id": str(uuid.uuid4())}).encode()

    def _judge(self, asked: Asked) -> tuple[int, str]:
        if any(asked.headers.get(name) != value for name, value in KEY.items()):
            return 401, "Unauthorized"
        if asked.method != "POST" or asked.path not in PATHS:
            return 404, "Not Found"
        if len(gzip.compress(asked.body)) > self.most_bytes or len(asked.body) > self.most_bytes:
            return 413, "Request Entity Too Large"
        if self.poison is not None and self.poison.encode() in asked.body:
            return self.poison_status, "This event cannot be read."
        try:
            body = json.loads(asked.body)
        except ValueError:
            return 400, "not JSON"
        if self.uuids is not None and body.get("resource", {}).get("uuid") not in self.uuids:
            return 403, "The key is not authorised for this resource."
        return 400, "; ".join(_problems(asked.path, body))


def _problems(path: str, body: Any) -> Iterator[str]:
    if not isinstance(body, dict) or body.get("event_type") not in PATHS[path]:
        yield f"event_type must be one of {PATHS[path]}"
        return
    events = body.get("events")
    if not isinstance(events, list) or not events:
        yield "events must not be empty"
        return
    extra = body.keys() - {"event_type", "resource", "events"}
    if extra:
        yield f"unknown fields {sorted(extra)}"
    yield from _resource(body, path)
    for event in events:
        yield from _EVENTS[body["event_type"]](event, body)


def _resource(body: dict[str, Any], path: str) -> Iterator[str]:
    resource, kind = body.get("resource"), "log_type" if path.endswith("querylogs") else "resource_type"
    if resource is None and path.endswith("lineage"):
        return
    if not isinstance(resource, dict) or set(resource) != {"uuid", kind} or not all(resource.values()):
        yield f"resource must have uuid and {kind}"
    elif kind == "log_type" and resource["log_type"] not in LOG_TYPES:
        yield f"Unsupported ingest query-log log_type: {resource['log_type']}"


def _wrapped(event: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    if set(event) != {"relational_asset"}:
        yield "an event must be a relational_asset"
        return
    yield from _asset(event["relational_asset"], body)


def _asset(event: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    if event.get("type") not in ("TABLE", "VIEW"):
        yield f"type {event.get('type')!r} is not accepted"
    yield from _texts(event.get("metadata", {}), "name", "database", "schema")
    for field in event.get("fields", []):
        yield from _texts(field, "name", "type")
    for name, value in event.get("volume", {}).items():
        if name not in ("row_count", "byte_count") or not isinstance(value, int) or value < 0:
            yield f"volume.{name} is wrong"
    if "freshness" in event:
        yield from _time(event["freshness"], "last_update_time")


def _lineage(event: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    if "source" in event:
        yield from _texts(event["source"], "name", "database", "schema")
        yield from _texts(event.get("destination", {}), "name", "database", "schema")
        if body["event_type"] == "COLUMN_LINEAGE":
            for mapping in event.get("col_mappings") or [{}]:
                yield from _texts(mapping, "destination_col")
                if not mapping.get("source_cols"):
                    yield "source_cols must not be empty"
        return
    if not event.get("sources"):
        yield "sources must not be empty"
    references = [event.get("destination", {}), *event.get("sources", [])]
    for reference in references:
        yield from _texts(reference, "type", "name", "database", "schema")
        if "resource" not in body and not (reference.get("resource_uuid") and reference.get("resource_type")):
            yield "without a resource every reference needs resource_uuid and resource_type"
    known = {source.get("asset_id") for source in event.get("sources", [])}
    if body["event_type"] == "COLUMN_LINEAGE":
        for field in event.get("fields") or [{}]:
            yield from _texts(field, "name")
            for source in field.get("source_fields") or [{}]:
                yield from _texts(source, "asset_id", "field_name")
                if source.get("asset_id") not in known:
                    yield f"asset_id {source.get('asset_id')!r} is not among the sources"


def _query(event: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    yield from _texts(event, "query_text")
    yield from _time(event, "start_time")
    yield from _time(event, "end_time")
    if len(event.get("query_text", "")) > 10_000:
        yield "query_text is longer than 10000 characters"


def _texts(thing: Any, *names: str) -> Iterator[str]:
    for name in names:
        if not isinstance(thing, dict) or not isinstance(thing.get(name), str) or not thing[name]:
            yield f"{name} is missing"


def _time(thing: dict[str, Any], name: str) -> Iterator[str]:
    try:
        aware = datetime.fromisoformat(thing[name]).tzinfo is not None
    except (KeyError, TypeError, ValueError):
        aware = False
    if not aware:
        yield f"{name} must be a time with a zone"


_EVENTS = {
    "METADATA": _wrapped,
    "RELATIONAL_ASSET": _asset,
    "LINEAGE": _lineage,
    "COLUMN_LINEAGE": _lineage,
    "QUERY_LOG": _query,
}


if __name__ == "__main__":
    with FakeMonteCarlo(int(sys.argv[1])) as running:
        print(running.url, flush=True)
        threading.Event().wait()
