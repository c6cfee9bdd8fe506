"""A project whose pipeline runs at Warehouse Sync, declared as a user would."""

from typing import Any

from observe_dagster.config import Project, project_from_attributes

PASSWORD = "snow-pass-9x-is-not-printed"
ENVIRONMENT = {"SNOW_PASSWORD": PASSWORD}
SQL = "SELECT email, updated_at FROM mp.demo.tickets"
CONFIG = {
    "account_identifier": "gd12345",
    "region": "us-central1.gcp",
    "warehouse": "compute_wh",
    "database": "my_database",
    "role": "mparticle_role",
    "user": "mparticle_user",
    "password": "{{ env.SNOW_PASSWORD }}",
    "storage_integration": "mp_us1_123_123_s3",
}


def attributes(**pipeline: Any) -> dict[str, Any]:
    return {
        "connections": [{"id": "snow", "name": "Snow", "service_provider": "Snowflake", "config": CONFIG}],
        "data_models": [{"id": "tickets", "name": "Tickets", "config": {"sql_query": SQL}}],
        "pipelines": [
            {
                "id": "tickets-to-mparticle",
                "name": "Tickets",
                "engine": "mparticle",
                "connection_id": "snow",
                "data_model_id": "tickets",
                "sync_mode": {
                    "type": "incremental",
                    "iterator_field": "updated_at",
                    "iterator_data_type": "datetime_tz",
                    "from": "2020-01-01T00:00:00Z",
                },
                "schedule": {"type": "on_demand"},
                "freshness_number": 1,
                "freshness_datepart": "day",
                **pipeline,
            }
        ],
    }


def remote_project(base_dir: Any, **pipeline: Any) -> Project:
    return project_from_attributes(
        attributes(**pipeline), source="remote.yaml", base_dir=base_dir, environment=ENVIRONMENT
    )
