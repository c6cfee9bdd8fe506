"""Facts as Monte Carlo's bodies, in the two forms that the vendor describes.

`http_doc` is the form of the page on direct HTTP: flat metadata events, one event for each source table. `sdk` is what
the vendor's SDK sends: metadata under `relational_asset`, several sources in one event, and references that may name a
resource of their own, so that lineage can go from one warehouse to another.
"""

from collections.abc import Sequence
from typing import Any

from observe_dagster.integrations.facts import (
    ColumnLineage,
    ColumnMapping,
    QueryLogEntry,
    Table,
    TableLineage,
    TableMetadata,
)
from observe_dagster.integrations.http import without_none
from observe_dagster.integrations.monte_carlo.fields import field_type, query_text
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources
from observe_dagster.integrations.monte_carlo.settings import WireFormat
from observe_dagster.spans import iso

Json = dict[str, Any]


def metadata_events(fact: TableMetadata, wire_format: WireFormat) -> list[Json]:
    """A table as the one event it is."""
    asset = _asset(fact, tags=wire_format == "sdk")
    return [{"relational_asset": asset}] if wire_format == "sdk" else [asset]


def lineage_events(
    fact: TableLineage | ColumnLineage, wire_format: WireFormat, *, across: Resources | None = None
) -> list[Json]:
    """Lineage as one event, or one for each source; `across` gives every reference its own resource."""
    if wire_format == "sdk":
        return [_sdk_lineage(fact, across)]
    if isinstance(fact, TableLineage):
        return [{"source": _name(source), "destination": _name(fact.destination)} for source in fact.sources]
    events = [
        {
            "source": _name(source),
            "destination": _name(fact.destination),
            "col_mappings": _col_mappings(fact.columns, number),
        }
        for number, source in enumerate(fact.sources)
    ]
    return [event for event in events if event["col_mappings"]]


def query_log_events(fact: QueryLogEntry) -> list[Json]:
    """A statement as the one event it is; both forms are the same."""
    return [
        without_none(
            {
                "start_time": iso(fact.start_time),
                "end_time": iso(fact.end_time),
                "query_text": query_text(fact.query_text),
                "query_id": fact.query_id,
                "user": fact.user,
                "returned_rows": fact.returned_rows,
            }
        )
    ]


def metadata_body(resource: Resource, events: Sequence[Json], wire_format: WireFormat) -> Json:
    """The body of `POST /ingest/v1/metadata`."""
    event_type = "METADATA" if wire_format == "sdk" else "RELATIONAL_ASSET"
    return {"event_type": event_type, "resource": _resource(resource), "events": list(events)}


def lineage_body(resource: Resource | None, events: Sequence[Json], *, columns: bool) -> Json:
    """The body of `POST /ingest/v1/lineage`; without a resource every reference has its own."""
    body: Json = {"event_type": "COLUMN_LINEAGE" if columns else "LINEAGE"}
    if resource is not None:
        body["resource"] = _resource(resource)
    return {**body, "events": list(events)}


def query_log_body(resource: Resource, events: Sequence[Json]) -> Json:
    """The body of `POST /ingest/v1/querylogs`: the one whose resource has a `log_type`."""
    return {
        "event_type": "QUERY_LOG",
        "resource": {"uuid": resource.uuid, "log_type": resource.log_type},
        "events": list(events),
    }


def _resource(resource: Resource) -> Json:
    return {"uuid": resource.uuid, "resource_type": resource.resource_type}


def _asset(fact: TableMetadata, *, tags: bool) -> Json:
    described = {**_name(fact.table), "description": fact.description}
    asset: Json = {"type": fact.table.type, "metadata": without_none(described)}
    if tags and fact.tags:
        asset["tags"] = [_tag(key, value) for key, value in sorted(fact.tags.items())]
    if fact.fields:
        asset["fields"] = [
            without_none(
                {"name": each.name, "type": field_type(each.type), "description": each.description if tags else None}
            )
            for each in fact.fields
        ]
    volume = without_none({"row_count": fact.row_count, "byte_count": fact.byte_count})
    if volume:
        asset["volume"] = volume
    if fact.last_update_time is not None:
        asset["freshness"] = {"last_update_time": iso(fact.last_update_time)}
    return asset


def _tag(key: str, value: str) -> Json:
    return {"key": key, "value": value} if value else {"key": key}


def _name(table: Table) -> Json:
    return {"name": table.name, "database": table.database, "schema": table.schema}


def _sdk_lineage(fact: TableLineage | ColumnLineage, across: Resources | None) -> Json:
    by_column = isinstance(fact, ColumnLineage)
    event: Json = {
        "destination": _reference(fact.destination, across),
        "sources": [
            _reference(source, across, asset_id=f"s{number}" if by_column else None)
            for number, source in enumerate(fact.sources)
        ],
    }
    if by_column:
        event["fields"] = [
            {
                "name": mapping.column,
                "source_fields": [
                    {"asset_id": f"s{source.source}", "field_name": source.column} for source in mapping.sources
                ],
            }
            for mapping in fact.columns
        ]
    return event


def _reference(table: Table, across: Resources | None, *, asset_id: str | None = None) -> Json:
    resource = None if across is None else across.of(table.connection_id)
    return without_none(
        {
            "type": table.type,
            **_name(table),
            "asset_id": asset_id,
            "resource_uuid": None if resource is None else resource.uuid,
            "resource_type": None if resource is None else resource.resource_type,
        }
    )


def _col_mappings(columns: Sequence[ColumnMapping], number: int) -> list[Json]:
    mappings = [
        {
            "destination_col": mapping.column,
            "source_cols": [source.column for source in mapping.sources if source.source == number],
        }
        for mapping in columns
    ]
    return [mapping for mapping in mappings if mapping["source_cols"]]
