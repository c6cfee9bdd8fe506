"""Rows of declared things."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observe_dagster.records import TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A connection as the ledger knows it; `status` is healthy or faulted, `config` has its secrets masked."""

    id: str
    name: str
    state: str
    status: str
    errors: tuple[str, ...]
    service_provider: str
    config: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataModelRow:
    """A data model as the ledger knows it; `status` is valid or invalid."""

    id: str
    name: str
    state: str
    status: str
    errors: tuple[str, ...]
    type: str
    config: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """A pipeline as the ledger knows it.

    `id` is the ledger's primary key and `pipeline_id` the declared id. `state` is the declared one; `paused` is true
    by that or because somebody paused it. `status` is idle, running, faulted or stopped. One that is not `managed` is
    a watched asset, defined elsewhere: it has no connection, no data model and no destination, and its `pipeline_id`
    is the asset's key.
    """

    id: int
    pipeline_id: str
    name: str
    managed: bool
    pipeline_type_name: str | None
    connection_id: str | None
    data_model_id: str | None
    destination_connection_id: str | None
    destination: TableName | None
    state: str
    paused_by_user: bool
    status: str
    errors: tuple[str, ...]
    watermark: str | None
    next_watermark: str | None
    last_target_insert: datetime | None
    last_target_update: datetime | None
    last_target_soft_delete: datetime | None
    freshness_number: int | None
    freshness_datepart: str | None
    mute_freshness_check: bool
    timeliness_number: int | None
    timeliness_datepart: str | None
    mute_timeliness_check: bool
    load_lineage: bool
    active: bool
    pipeline_metadata: dict[str, Any] | None
    content_hash: str
    created_at: datetime
    updated_at: datetime | None

    @property
    def paused(self) -> bool:
        """Whether its schedule is paused."""
        return self.paused_by_user or self.state == "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class SynchroniseReport:
    """The changes of one synchronise, each entry as `kind:id`, such as `pipeline:flights-hourly`."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deactivated: tuple[str, ...] = ()
