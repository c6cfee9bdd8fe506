"""A project with a chain of pipelines: orders and customers from PostgreSQL to a lake, and a report on top."""

from pathlib import Path
from typing import Any

from observe_dagster.config import Project, project_from_attributes

_HOURLY = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z", "delay": "15m"}
_BY_TIME = {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"}


def pipeline(name: str, model: str, source: str = "ops", **fields: Any) -> dict[str, Any]:
    """A pipeline to the lake, with fields replaced."""
    return {
        "id": name,
        "name": name.replace("-", " ").capitalize(),
        "connection_id": source,
        "data_model_id": model,
        "destination": {
            "connection_id": "lake",
            "schema": "analytics",
            "table": name.replace("-", "_"),
            "primary_key": ["id"],
        },
        "sync_mode": _BY_TIME,
        "schedule": _HOURLY,
        **fields,
    }


ATTRIBUTES: dict[str, Any] = {
    "connections": [
        {
            "id": "ops",
            "name": "Operations",
            "service_provider": "postgres",
            "config": {"host": "db.example", "database": "ops", "user": "u", "password": "{{ env.OPS_PASSWORD }}"},
        },
        {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "/data/lake.duckdb"}},
    ],
    "data_models": [
        {"id": "orders", "name": "Orders", "config": {"sql_query": "SELECT id, total, updated_at FROM sales.orders"}},
        {"id": "customers", "name": "Customers", "config": {"sql_query": "SELECT * FROM customers"}},
        {
            "id": "report",
            "name": "Report",
            "config": {"sql_query": "SELECT id, name, total FROM Analytics.Orders JOIN analytics.customers USING (id)"},
        },
    ],
    "pipelines": [
        pipeline("orders", "orders", owners=["team:sales", "ann@example.com"], tags={"tier": "gold"}),
        pipeline("customers", "customers", group="crm", state="paused"),
        pipeline(
            "daily-report",
            "report",
            source="lake",
            sync_mode={"type": "full"},
            schedule={"type": "on_demand"},
            destination={
                "connection_id": "ops",
                "schema": "reports",
                "table": "daily",
                "primary_key": ["id"],
                "write_mode": "mirror",
            },
        ),
    ],
}


def declare(attributes: dict[str, Any]) -> Project:
    """The project that attributes declare."""
    return project_from_attributes(
        attributes, source="pipelines.yaml", base_dir=Path(), environment={"OPS_PASSWORD": "open-sesame"}
    )
