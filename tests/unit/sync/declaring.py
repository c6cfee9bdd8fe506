"""Pipelines as a user declares them, and the ranges that a sequence of runs plans."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from observe_dagster.config import Pipeline, project_from_attributes
from observe_dagster.errors import NothingToSyncError
from observe_dagster.records import RunType, SyncRange
from observe_dagster.sync.ranges import SyncRequest, plan

SCHEDULED = SyncRequest(run_type=RunType.SCHEDULED)
MANUAL = SyncRequest(run_type=RunType.MANUAL)


def utc(text: str) -> datetime:
    """An instant from ISO text, in UTC where it does not say."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def pipeline(*, destination: dict[str, Any] | None = None, **fields: Any) -> Pipeline:
    """The pipeline `flights`, incremental by `updated_on` and on demand where nothing else is said."""
    declared = {
        "id": "flights",
        "name": "Flights",
        "connection_id": "lake",
        "data_model_id": "model",
        "destination": {
            "connection_id": "lake",
            "schema": "copy",
            "table": "flights",
            "primary_key": ["id"],
            **(destination or {}),
        },
        "sync_mode": incremental(),
        "schedule": {"type": "on_demand"},
        **fields,
    }
    attributes = {
        "connections": [
            {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "lake.duckdb"}}
        ],
        "data_models": [{"id": "model", "name": "Model", "config": {"sql_query": "SELECT * FROM source"}}],
        "pipelines": [declared],
    }
    project = project_from_attributes(attributes, source="pipelines.yaml", base_dir=Path(), environment={})
    return project.pipeline("flights")


def incremental(**fields: Any) -> dict[str, Any]:
    """An incremental sync by `updated_on`, as the Warehouse Sync document writes it."""
    return {"type": "incremental", "iterator_field": "updated_on", "iterator_data_type": "datetime_tz", **fields}


def interval(frequency: str, start: str, **fields: Any) -> dict[str, Any]:
    """An interval schedule."""
    return {"type": "interval", "frequency": frequency, "start": start, **fields}


class Runs:
    """What the runs of one pipeline plan, one after the other, each committed before the next."""

    def __init__(self, declared: Pipeline) -> None:
        self.pipeline = declared
        self.watermark: str | None = None

    def at(self, now: str | datetime, request: SyncRequest = SCHEDULED) -> SyncRange | None:
        """Plan a run at `now` and commit it; None when there is nothing to read."""
        instant = utc(now) if isinstance(now, str) else now
        try:
            planned = plan(self.pipeline, watermark=self.watermark, now=instant, request=request)
        except NothingToSyncError:
            return None
        if planned.moves_watermark:
            self.watermark = planned.end
        return planned

    def read(self, now: str, request: SyncRequest = SCHEDULED) -> tuple[str | None, str | None] | None:
        """The start and end of the range that a run at `now` covers, to the second."""
        planned = self.at(now, request)
        return None if planned is None else (_seconds(planned.start), _seconds(planned.end))


def _seconds(watermark: str | None) -> str | None:
    return None if watermark is None else watermark.replace(".000000Z", "Z")
