"""Monte Carlo's bodies: the document's examples field for field, and what the vendor's own SDK builds."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pycarlo.features.ingestion.models import (
    LineageEvent,
    RelationalAsset,
    build_lineage_payload,
    build_metadata_payload,
    build_query_log_payload,
)
from pycarlo.features.ingestion.models import (
    QueryLogEntry as SdkQuery,
)

from observe_dagster.integrations.facts import (
    ColumnLineage,
    ColumnMapping,
    FieldFact,
    QueryLogEntry,
    SourceColumn,
    Table,
    TableLineage,
    TableMetadata,
    as_record,
    from_record,
)
from observe_dagster.integrations.monte_carlo.fields import CUT_MARK, field_type
from observe_dagster.integrations.monte_carlo.payloads import (
    lineage_body,
    lineage_events,
    metadata_body,
    metadata_events,
    query_log_body,
    query_log_events,
)
from observe_dagster.integrations.monte_carlo.resources import LOG_TYPES, Resource, Resources, log_type_of

SNOWFLAKE = Resource(uuid="<warehouse-uuid>", resource_type="snowflake", log_type="snowflake")
LAKE = Resource(uuid="lake-uuid", resource_type="bigquery", log_type="bigquery")
RESOURCES = Resources(of_connections={"wh": SNOWFLAKE, "lake": LAKE})


def table(name: str, connection_id: str = "wh") -> Table:
    return Table(connection_id=connection_id, database="analytics", schema="public", name=name)


ORDERS = TableMetadata(
    table=table("orders"),
    fields=(FieldFact(name="id", type="integer"), FieldFact(name="amount", type="numeric(10, 2)")),
    description="Orders table",
    row_count=1_000_000,
    byte_count=111_111_111,
    last_update_time=datetime(2026, 3, 12, 14, 30, tzinfo=UTC),
)
CURATED = TableLineage(destination=table("orders_curated"), sources=(table("orders_raw"),))
CUSTOMER_ORDERS = ColumnLineage(
    destination=table("customer_orders"),
    sources=(table("customers"),),
    columns=(
        ColumnMapping(column="customer_id", sources=(SourceColumn(source=0, column="customer_id"),)),
        ColumnMapping(
            column="full_name",
            sources=(SourceColumn(source=0, column="first_name"), SourceColumn(source=0, column="last_name")),
        ),
    ),
)
QUERY = QueryLogEntry(
    connection_id="wh",
    start_time=datetime(2026, 3, 2, 12, tzinfo=UTC),
    end_time=datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC),
    query_text="SELECT * FROM analytics.public.orders",
    query_id="query-123",
    user="analyst@company.com",
    returned_rows=10,
)
RICH = dataclasses.replace(
    ORDERS,
    tags={"env": "prod", "pii": ""},
    fields=(*ORDERS.fields, FieldFact(name="note", type="text", description="free text")),
    row_count=0,
    byte_count=None,
)
TWO_SOURCES = dataclasses.replace(
    CUSTOMER_ORDERS,
    sources=(table("customers"), table("orders", "lake")),
    columns=(
        ColumnMapping(
            column="label", sources=(SourceColumn(source=0, column="name"), SourceColumn(source=1, column="number"))
        ),
        ColumnMapping(column="customer_id", sources=(SourceColumn(source=1, column="customer_id"),)),
    ),
)


def test_metadata_in_http_doc_is_the_documents_example():
    assert metadata_body(SNOWFLAKE, metadata_events(ORDERS, "http_doc"), "http_doc") == {
        "event_type": "RELATIONAL_ASSET",
        "resource": {"uuid": "<warehouse-uuid>", "resource_type": "snowflake"},
        "events": [
            {
                "type": "TABLE",
                "metadata": {
                    "name": "orders",
                    "database": "analytics",
                    "schema": "public",
                    "description": "Orders table",
                },
                "fields": [{"name": "id", "type": "INTEGER"}, {"name": "amount", "type": "DECIMAL(10,2)"}],
                "volume": {"row_count": 1000000, "byte_count": 111111111},
                "freshness": {"last_update_time": "2026-03-12T14:30:00Z"},
            }
        ],
    }


def test_table_lineage_in_http_doc_is_the_documents_example():
    assert lineage_body(SNOWFLAKE, lineage_events(CURATED, "http_doc"), columns=False) == {
        "event_type": "LINEAGE",
        "resource": {"uuid": "<warehouse-uuid>", "resource_type": "snowflake"},
        "events": [
            {
                "source": {"name": "orders_raw", "database": "analytics", "schema": "public"},
                "destination": {"name": "orders_curated", "database": "analytics", "schema": "public"},
            }
        ],
    }


def test_column_lineage_in_http_doc_is_the_documents_example():
    assert lineage_body(SNOWFLAKE, lineage_events(CUSTOMER_ORDERS, "http_doc"), columns=True) == {
        "event_type": "COLUMN_LINEAGE",
        "resource": {"uuid": "<warehouse-uuid>", "resource_type": "snowflake"},
        "events": [
            {
                "source": {"name": "customers", "database": "analytics", "schema": "public"},
                "destination": {"name": "customer_orders", "database": "analytics", "schema": "public"},
                "col_mappings": [
                    {"destination_col": "customer_id", "source_cols": ["customer_id"]},
                    {"destination_col": "full_name", "source_cols": ["first_name", "last_name"]},
                ],
            }
        ],
    }


def test_query_logs_are_the_documents_example():
    assert query_log_body(SNOWFLAKE, query_log_events(QUERY)) == {
        "event_type": "QUERY_LOG",
        "resource": {"uuid": "<warehouse-uuid>", "log_type": "snowflake"},
        "events": [
            {
                "start_time": "2026-03-02T12:00:00Z",
                "end_time": "2026-03-02T12:00:05Z",
                "query_text": "SELECT * FROM analytics.public.orders",
                "query_id": "query-123",
                "user": "analyst@company.com",
                "returned_rows": 10,
            }
        ],
    }


@pytest.mark.parametrize("fact", [ORDERS, RICH, TableMetadata(table=table("bare"))])
def test_metadata_in_sdk_is_what_the_sdk_builds(fact):
    ours = metadata_body(SNOWFLAKE, metadata_events(fact, "sdk"), "sdk")
    events = [RelationalAsset.from_dict(event["relational_asset"]) for event in ours["events"]]

    assert ours == build_metadata_payload(SNOWFLAKE.uuid, "snowflake", events)


@pytest.mark.parametrize("fact", [CURATED, CUSTOMER_ORDERS])
def test_lineage_in_sdk_is_what_the_sdk_builds(fact):
    ours = lineage_body(SNOWFLAKE, lineage_events(fact, "sdk"), columns=fact is CUSTOMER_ORDERS)

    assert ours == build_lineage_payload(
        SNOWFLAKE.uuid, "snowflake", [LineageEvent.from_dict(event) for event in ours["events"]]
    )


@pytest.mark.parametrize("fact", [TWO_SOURCES, dataclasses.replace(CURATED, sources=TWO_SOURCES.sources)])
def test_lineage_across_resources_is_what_the_sdk_builds(fact):
    ours = lineage_body(None, lineage_events(fact, "sdk", across=RESOURCES), columns=fact is TWO_SOURCES)

    assert ours == build_lineage_payload(events=[LineageEvent.from_dict(event) for event in ours["events"]])
    assert [source["resource_uuid"] for source in ours["events"][0]["sources"]] == ["<warehouse-uuid>", "lake-uuid"]


def test_query_logs_are_what_the_sdk_builds():
    zone = timezone(timedelta(hours=5, minutes=30))
    odd = dataclasses.replace(QUERY, start_time=QUERY.start_time.astimezone(zone), returned_rows=0, user=None)
    ours = query_log_body(SNOWFLAKE, [event for fact in (QUERY, odd) for event in query_log_events(fact)])
    entries = [
        SdkQuery(
            start_time=fact.start_time,
            end_time=fact.end_time,
            query_text=fact.query_text,
            query_id=fact.query_id,
            user=fact.user,
            returned_rows=fact.returned_rows,
        )
        for fact in (QUERY, odd)
    ]

    assert ours == build_query_log_payload(SNOWFLAKE.uuid, "snowflake", entries)


def test_http_doc_has_one_column_lineage_event_for_each_source():
    events = lineage_events(TWO_SOURCES, "http_doc")

    assert [(event["source"]["name"], event["col_mappings"]) for event in events] == [
        ("customers", [{"destination_col": "label", "source_cols": ["name"]}]),
        (
            "orders",
            [
                {"destination_col": "label", "source_cols": ["number"]},
                {"destination_col": "customer_id", "source_cols": ["customer_id"]},
            ],
        ),
    ]


@pytest.mark.parametrize("fact", [ORDERS, RICH, CURATED, CUSTOMER_ORDERS, TWO_SOURCES, QUERY])
def test_a_fact_survives_the_outbox(fact):
    assert from_record(fact.kind, as_record(fact)) == fact


def test_a_long_statement_is_cut_and_says_so():
    cut = query_log_events(dataclasses.replace(QUERY, query_text="x" * 10_001))[0]["query_text"]

    assert len(cut) == 10_000
    assert cut.endswith(CUT_MARK)
    assert query_log_events(dataclasses.replace(QUERY, query_text="x" * 10_000))[0]["query_text"] == "x" * 10_000


@pytest.mark.parametrize(
    ("native", "spelt"),
    [
        ("character varying(20)", "VARCHAR(20)"),
        ("timestamp(6) with time zone", "TIMESTAMP_TZ(6)"),
        ("timestamp without time zone", "TIMESTAMP"),
        ("numeric(10,2)", "DECIMAL(10,2)"),
        ("int8", "BIGINT"),
        ("text[]", "ARRAY"),
        ("string", "VARCHAR"),
        ("float", "FLOAT"),
        ("bool", "BOOLEAN"),
        ("jsonb", "JSON"),
        ("STRUCT(a INTEGER, b DECIMAL(3,1))", "STRUCT(A INTEGER, B DECIMAL(3,1))"),
        ("hugeint", "HUGEINT"),
    ],
)
def test_types_have_one_name_for_all_engines(native, spelt):
    assert field_type(native) == spelt


def test_postgres_and_duckdb_have_no_log_type():
    providers = ("postgres", "duckdb", "snowflake", "bigquery", "redshift", "databricks")

    assert [log_type_of(provider) for provider in providers] == [None, None, *providers[2:]]
    assert len(LOG_TYPES) == 11
