"""A small declared project, any part of which a test may change."""

from datetime import UTC, datetime
from typing import Any

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline, PipelineType
from observe_dagster.config.project import Project

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SECRET = "hunter2-and-more"


def connection(**changes: Any) -> PostgresConnection:
    config = {"host": "db.example", "database": "ops", "user": "observe", "password": SECRET}
    declared = {"id": "ops", "name": "Operations", "service_provider": "postgres", "config": config}
    return PostgresConnection.model_validate({**declared, **changes})


def data_model(**changes: Any) -> DataModel:
    declared = {"id": "flights", "name": "Flights", "config": {"sql_query": "SELECT id, changed FROM flights"}}
    return DataModel.model_validate({**declared, **changes})


def pipeline(**changes: Any) -> Pipeline:
    declared = {
        "id": "flights-hourly",
        "name": "Flights, hourly",
        "pipeline_type_name": "extraction",
        "connection_id": "ops",
        "data_model_id": "flights",
        "destination": {"connection_id": "lake", "schema": "analytics", "table": "flights", "primary_key": ["id"]},
        "sync_mode": {"type": "incremental", "iterator_field": "changed", "iterator_data_type": "timestamp"},
        "schedule": {"type": "on_demand"},
    }
    return Pipeline.model_validate({**declared, **changes})


def project(**changes: Any) -> Project:
    lake = DuckDBConnection.model_validate(
        {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "lake.duckdb"}}
    )
    parts: dict[str, Any] = {
        "connections": (connection(), lake),
        "data_models": (data_model(),),
        "pipeline_types": (PipelineType(name="extraction", freshness_number=24, freshness_datepart="hour"),),
        "pipelines": (pipeline(), pipeline(id="flights-daily", name="Flights, daily")),
    }
    return Project(**{**parts, **changes})
