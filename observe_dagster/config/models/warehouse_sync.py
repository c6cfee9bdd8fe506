"""Pipelines that run on mParticle's Warehouse Sync: what they declare beside the rest, and what they cannot."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, StrictInt, model_validator

from observe_dagster.config.models.base import Declared, Slug
from observe_dagster.config.models.schedule import IntervalSchedule

REMOTE_PROVIDERS = ("snowflake", "bigquery", "redshift", "databricks")
"""The providers that Warehouse Sync reads."""

REMOTE_SCHEMA = "mparticle"
"""The schema in the asset keys of what is loaded into mParticle."""


class MParticle(Declared):
    """What a pipeline is at mParticle, in the field names of its document."""

    pipeline_type: Literal["user_attributes", "events"] = "user_attributes"
    field_transformation_id: Slug | None = None
    partner_feed_id: StrictInt | None = None
    partner_feed_key: SecretStr | None = None
    data_plan_id: Slug | None = None
    data_plan_version: StrictInt | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _fields_fit(self) -> "MParticle":
        events = self.pipeline_type == "events"
        if events and self.field_transformation_id is None:
            raise ValueError("pipeline_type events needs a field_transformation_id")
        if not events and self.field_transformation_id is not None:
            raise ValueError("field_transformation_id is for pipeline_type events only")
        if self.data_plan_version is not None and self.data_plan_id is None:
            raise ValueError("data_plan_version needs a data_plan_id")
        return self


def fill_in_remote(value: Any) -> Any:
    """Fill in the destination and the `mparticle` block of a pipeline that runs at mParticle."""
    if not isinstance(value, Mapping) or value.get("engine") != "mparticle":
        return value
    if value.get("destination") is not None:
        raise ValueError("engine mparticle writes into mParticle; leave destination out")
    mode = value.get("sync_mode")
    full = isinstance(mode, Mapping) and mode.get("type") == "full"
    destination = {
        "connection_id": value.get("connection_id"),
        "schema": REMOTE_SCHEMA,
        "table": str(value.get("id"))[:63],
        "write_mode": "replace" if full else "append",
    }
    return {**value, "destination": destination, "mparticle": value.get("mparticle") or {}}


def remote_faults(pipeline: Any) -> str | None:
    """The fault of a pipeline that declares what its engine does not support; None when all of it fits."""
    if pipeline.is_local:
        return None if pipeline.mparticle is None else "mparticle is for pipelines with engine mparticle"
    if isinstance(pipeline.schedule, IntervalSchedule) and pipeline.schedule.partitioned:
        return "schedule.partitioned is not possible with engine mparticle: its runs follow each other"
    if pipeline.verify != "none":
        return "verify is not possible with engine mparticle: what it loads cannot be read back"
    if pipeline.field_transformation.model_fields_set:
        return "engine mparticle takes mparticle.field_transformation_id; leave field_transformation out"
    ours = ("lag", "null_iterator", "max_rows_per_run", "max_catchup", "iterator_timezone")
    unsupported = [name for name in ours if name in pipeline.sync_mode.model_fields_set]
    return f"sync_mode.{unsupported[0]} is not known to mParticle; leave it out" if unsupported else None
