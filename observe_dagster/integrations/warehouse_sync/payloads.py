"""What is declared, as the Warehouse Sync API takes it: the bodies of connections, data models and pipelines. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, SecretStr

from observe_dagster.config.models.base import format_duration
from observe_dagster.config.models.connections import PROVIDER_NAMES, Connection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.integrations.http import without_none

Body = dict[str, Any]

SECRETS = frozenset({"password", "service_account_key", "partner_feed_key"})
"""The fields whose values are sent and never read back, compared or shown."""


def connection_body(declared: Connection) -> Body:
    """A connection with its secrets, for the request only."""
    return {
        "id": declared.id,
        "name": declared.name,
        "state": declared.state,
        "service_provider": PROVIDER_NAMES[declared.service_provider],
        "config": _revealed(declared.config),
    }


def data_model_body(declared: DataModel) -> Body:
    """A data model; its SQL without a trailing semicolon, for it becomes a subquery there."""
    return {
        "id": declared.id,
        "name": declared.name,
        "state": declared.state,
        "type": declared.type,
        "config": {"sql_query": declared.sql},
    }


def pipeline_body(declared: Pipeline) -> Body:
    """A pipeline that runs when it is triggered: its schedule is kept by Dagster, or it would run twice."""
    assert declared.mparticle is not None
    return {
        "id": declared.id,
        "name": declared.name,
        "connection_id": declared.connection_id,
        "data_model_id": declared.data_model_id,
        **_revealed(declared.mparticle),
        "state": declared.state,
        "sync_mode": _sync_mode(declared),
        "schedule": {"type": "on_demand", "delay": format_duration(declared.schedule.delay)},
        "environment": declared.environment,
    }


def _sync_mode(declared: Pipeline) -> Body:
    mode = declared.sync_mode
    body: Body = {
        "type": mode.type,
        "iterator_field": mode.iterator_field,
        "iterator_data_type": mode.iterator_data_type,
        "from": _instant(mode.from_),
        "until": _instant(mode.until),
    }
    return without_none(body)


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _revealed(declared: BaseModel) -> Body:
    values: Mapping[str, Any] = declared.model_dump(by_alias=True, exclude_none=True)
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}
