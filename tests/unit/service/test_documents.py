"""Rows of the ledger as documents of the Warehouse Sync API."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from inline_snapshot import snapshot

from observe_dagster.config import project_from_attributes
from observe_dagster.ledger import ConnectionRow, DataModelRow, ExecutionRow, Page, PipelineRow
from observe_dagster.records import Counts, RunStatus, RunType, TableName
from observe_dagster.service.documents import (
    connection_document,
    data_model_document,
    pipeline_document,
    report_document,
    run_document,
    runs_document,
)

RUN_FIELDS = [
    "id",
    "pipeline_id",
    "type",
    "status",
    "errors",
    "logical_date",
    "started_on",
    "ended_on",
    "range_start",
    "range_end",
    "successful_records",
    "failed_records",
]
NOON = datetime(2023, 10, 25, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path):
    attributes = {
        "connections": [
            {
                "id": "ops",
                "name": "Operations",
                "state": "active",
                "service_provider": "postgres",
                "config": {"host": "db", "database": "ops", "user": "ann", "password": "{{ env.OPS_PASSWORD }}"},
            },
            {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "lake.duckdb"}},
        ],
        "data_models": [
            {"id": "flights", "name": "Flights", "config": {"sql_query": "SELECT id, updated_at FROM public.flights;"}}
        ],
        "pipelines": [
            {
                "id": "flights-hourly",
                "name": "Flights, hourly",
                "connection_id": "ops",
                "data_model_id": "flights",
                "destination": {
                    "connection_id": "lake",
                    "schema": "analytics",
                    "table": "flights",
                    "primary_key": ["id"],
                },
                "sync_mode": {
                    "type": "incremental",
                    "iterator_field": "updated_at",
                    "iterator_data_type": "timestamp",
                    "from": "2022-07-01T16:00:00Z",
                    "lag": "10m",
                },
                "schedule": {
                    "type": "interval",
                    "frequency": "hourly",
                    "delay": "5m",
                    "start": "2022-07-01T16:00:00Z",
                },
            }
        ],
    }
    return project_from_attributes(
        attributes, source="defs.yaml", base_dir=tmp_path, environment={"OPS_PASSWORD": "hunter2"}
    )


@pytest.fixture
def connection():
    return ConnectionRow(
        id="ops",
        name="Operations",
        state="active",
        status="faulted",
        errors=("no such host",),
        service_provider="postgres",
        config={},
        active=True,
        created_at=NOON,
        updated_at=None,
    )


@pytest.fixture
def data_model():
    return DataModelRow(
        id="flights",
        name="Flights",
        state="active",
        status="valid",
        errors=(),
        type="sql",
        config={},
        active=True,
        created_at=NOON,
        updated_at=NOON,
    )


@pytest.fixture
def pipeline():
    return PipelineRow(
        id=7,
        pipeline_id="flights-hourly",
        managed=True,
        name="Flights, hourly",
        pipeline_type_name=None,
        connection_id="ops",
        data_model_id="flights",
        destination_connection_id="lake",
        destination=TableName(schema="analytics", table="flights"),
        state="active",
        paused_by_user=False,
        status="idle",
        errors=(),
        watermark="2023-10-25T12:00:00.000000Z",
        next_watermark=None,
        last_target_insert=None,
        last_target_update=None,
        last_target_soft_delete=None,
        freshness_number=None,
        freshness_datepart=None,
        mute_freshness_check=False,
        timeliness_number=None,
        timeliness_datepart=None,
        mute_timeliness_check=False,
        load_lineage=True,
        active=True,
        pipeline_metadata=None,
        content_hash="0",
        created_at=NOON,
        updated_at=None,
    )


@pytest.fixture
def execution():
    return ExecutionRow(
        id=251,
        parent_id=None,
        pipeline_id="flights-hourly",
        execution_key="run/flights-hourly/0",
        type=RunType.SCHEDULED,
        status=RunStatus.SUCCESS,
        errors=(),
        retry_errors=("connection lost",),
        attempts=2,
        logical_date=datetime(2023, 10, 25, 11, tzinfo=UTC),
        range_start="2023-10-25T11:00:00.000000Z",
        range_end="2023-10-25T12:00:00.000000Z",
        start_date=datetime(2023, 10, 25, 12, 5, 1, 250_000, tzinfo=UTC),
        end_date=datetime(2023, 10, 25, 12, 5, 3, tzinfo=UTC),
        duration_seconds=1.75,
        completed_successfully=True,
        counts=Counts(
            total_rows=100, inserts=60, updates=20, unchanged=10, soft_deletes=5, rejected=5, late=3, bytes=4096
        ),
        throughput=57.1,
        watermark="2023-10-25T11:00:00.000000Z",
        next_watermark="2023-10-25T12:00:00.000000Z",
        reached_watermark="2023-10-25T12:00:00.000000Z",
        moves_watermark=True,
        execution_metadata=None,
        anomaly_flags=None,
        dagster_run_id="0f0e",
    )


def test_a_run_has_the_fields_of_the_document_first_and_then_its_counts(execution):
    document = run_document(execution)
    assert list(document)[: len(RUN_FIELDS)] == RUN_FIELDS
    assert document == snapshot(
        {
            "id": 251,
            "pipeline_id": "flights-hourly",
            "type": "scheduled",
            "status": "success",
            "errors": [],
            "logical_date": "2023-10-25T11:00:00.000Z",
            "started_on": "2023-10-25T12:05:01.250Z",
            "ended_on": "2023-10-25T12:05:03.000Z",
            "range_start": "2023-10-25T11:00:00.000000Z",
            "range_end": "2023-10-25T12:00:00.000000Z",
            "successful_records": 95,
            "failed_records": 5,
            "total_rows": 100,
            "inserts": 60,
            "updates": 20,
            "unchanged": 10,
            "soft_deletes": 5,
            "rejected": 5,
            "superseded": 0,
            "late": 3,
            "bytes": 4096,
            "table_rows": None,
            "watermark": "2023-10-25T12:00:00.000000Z",
            "attempts": 2,
            "retry_errors": [{"message": "connection lost"}],
            "dagster_run_id": "0f0e",
        }
    )


def test_a_run_in_progress_has_no_end_and_counts_nothing(execution):
    running = dataclasses.replace(execution, status=RunStatus.RUNNING, end_date=None, counts=None)
    document = run_document(running)
    assert (document["status"], document["ended_on"]) == ("running", None)
    assert (document["successful_records"], document["failed_records"], document["total_rows"]) == (0, 0, 0)


def test_a_range_over_numbers_is_passed_on_as_it_was_recorded(execution):
    document = run_document(dataclasses.replace(execution, range_start=None, range_end="4711"))
    assert (document["range_start"], document["range_end"]) == (None, "4711")


def test_every_error_of_a_run_is_a_message(execution):
    failed = dataclasses.replace(execution, status=RunStatus.FAILED, errors=("first", "second"))
    assert run_document(failed)["errors"] == [{"message": "first"}, {"message": "second"}]


@pytest.mark.parametrize(
    ("current", "total", "pages", "previous", "following"),
    [(1, 0, 0, False, False), (1, 50, 1, False, False), (1, 51, 2, False, True), (2, 51, 2, True, False)],
)
def test_the_envelope_tells_where_the_page_stands(execution, current, total, pages, previous, following):
    document = runs_document(Page(items=(execution,), current_page=current, page_size=50, total_items=total))
    assert document.pop("items") == [run_document(execution)]
    assert document == {
        "current_page": current,
        "page_size": 50,
        "total_pages": pages,
        "total_items": total,
        "has_previous_page": previous,
        "has_next_page": following,
    }


def test_a_report_tells_how_pipeline_connection_and_data_model_stand(pipeline, connection, data_model, execution):
    document = report_document(pipeline, connection, data_model, latest=execution, latest_successful_id=251)
    assert document.pop("latest_pipeline_run") == run_document(execution)
    assert document == snapshot(
        {
            "pipeline_id": "flights-hourly",
            "status": "idle",
            "errors": [],
            "connection_status": "faulted",
            "connection_errors": [{"message": "no such host"}],
            "data_model_status": "valid",
            "data_model_errors": [],
            "latest_successful_pipeline_run_id": 251,
            "watermark": "2023-10-25T12:00:00.000000Z",
        }
    )


def test_a_report_before_the_first_run_has_none(pipeline, connection, data_model):
    document = report_document(pipeline, connection, data_model, latest=None, latest_successful_id=None)
    assert document["latest_pipeline_run"] is None
    assert document["latest_successful_pipeline_run_id"] is None


def test_a_connection_shows_its_config_with_the_password_masked(project, connection):
    document = connection_document(project.connection("ops"), connection)
    assert "hunter2" not in json.dumps(document)
    assert document == snapshot(
        {
            "id": "ops",
            "name": "Operations",
            "state": "active",
            "status": "faulted",
            "errors": [{"message": "no such host"}],
            "datafold_id": None,
            "monte_carlo_resource_uuid": None,
            "monte_carlo_resource_type": None,
            "service_provider": "Postgres",
            "config": {
                "url": None,
                "host": "db",
                "port": "5432",
                "database": "ops",
                "user": "ann",
                "password": "************",
                "sslmode": None,
            },
            "created_on": "2023-10-25T12:00:00.000Z",
            "last_modified_on": None,
        }
    )


def test_a_data_model_shows_its_sql(project, data_model):
    assert data_model_document(project.data_model("flights"), data_model) == snapshot(
        {
            "id": "flights",
            "name": "Flights",
            "state": "active",
            "status": "valid",
            "errors": [],
            "type": "sql",
            "config": {"sql_query": "SELECT id, updated_at FROM public.flights"},
            "created_on": "2023-10-25T12:00:00.000Z",
            "last_modified_on": "2023-10-25T12:00:00.000Z",
        }
    )


def test_a_pipeline_shows_what_is_declared_and_how_it_stands(project, pipeline):
    assert pipeline_document(project.pipeline("flights-hourly"), pipeline) == snapshot(
        {
            "id": "flights-hourly",
            "name": "Flights, hourly",
            "state": "active",
            "status": "idle",
            "errors": [],
            "freshness_number": None,
            "freshness_datepart": None,
            "mute_freshness_check": False,
            "timeliness_number": None,
            "timeliness_datepart": None,
            "mute_timeliness_check": False,
            "pipeline_type_name": None,
            "connection_id": "ops",
            "data_model_id": "flights",
            "engine": "local",
            "mparticle": None,
            "destination": {
                "connection_id": "lake",
                "schema": "analytics",
                "table": "flights",
                "primary_key": ["id"],
                "write_mode": "upsert",
                "soft_delete_field": None,
                "schema_change": "evolve",
                "max_delete_percent": 20.0,
            },
            "field_transformation": {"rename": {}, "cast": {}, "drop": [], "constant": {}},
            "environment": "production",
            "sync_mode": {
                "type": "incremental",
                "iterator_field": "updated_at",
                "iterator_data_type": "timestamp",
                "iterator_timezone": "UTC",
                "from": "2022-07-01T16:00:00Z",
                "until": None,
                "lag": "10m",
                "null_iterator": "reject",
                "max_rows_per_run": None,
                "max_catchup": None,
            },
            "schedule": {
                "type": "interval",
                "frequency": "hourly",
                "start": "2022-07-01T16:00:00Z",
                "end": None,
                "delay": "5m",
                "timezone": "UTC",
                "partitioned": False,
            },
            "anomaly_detection_rules": [],
            "monitors": {},
            "verify": "none",
            "owners": [],
            "tags": {},
            "group": None,
            "pipeline_metadata": {},
            "created_on": "2023-10-25T12:00:00.000Z",
            "last_modified_on": None,
            "watermark": "2023-10-25T12:00:00.000000Z",
        }
    )


def test_a_pipeline_that_somebody_paused_is_shown_as_paused(project, pipeline):
    paused = dataclasses.replace(pipeline, paused_by_user=True, status="stopped")
    document = pipeline_document(project.pipeline("flights-hourly"), paused)
    assert (document["state"], document["status"]) == ("paused", "stopped")
