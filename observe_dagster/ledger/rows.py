"""What the ledger answers with: frozen rows, every time aware and in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from observe_dagster.records import Counts, RunStatus, RunType, TableName


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

    `id` is the ledger's number and `pipeline_id` the declared id. `state` is what was declared; `paused` tells
    whether it rests by that or because somebody paused it. `status` is idle, running, faulted or stopped.
    One that is not `managed` is an asset that others make and the ledger observes: it has no connection, no data
    model and no destination, and its `pipeline_id` is the asset's key.
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
        """Whether its schedule rests."""
        return self.paused_by_user or self.state == "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One run of one pipeline; `counts` is None until it ends well.

    `watermark` is where it started from, `next_watermark` what it planned to reach, `reached_watermark` what it
    committed. `retry_errors` are the errors of earlier attempts of the same run.
    """

    id: int
    parent_id: int | None
    pipeline_id: str
    execution_key: str
    type: RunType
    status: RunStatus
    errors: tuple[str, ...]
    retry_errors: tuple[str, ...]
    attempts: int
    logical_date: datetime
    range_start: str | None
    range_end: str | None
    start_date: datetime
    end_date: datetime | None
    duration_seconds: float | None
    completed_successfully: bool | None
    counts: Counts | None
    throughput: float | None
    watermark: str | None
    next_watermark: str | None
    reached_watermark: str | None
    moves_watermark: bool
    execution_metadata: dict[str, Any] | None
    anomaly_flags: dict[str, bool] | None
    dagster_run_id: str | None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.end_date is None


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list, counted from 1, with the envelope of the Warehouse Sync document."""

    items: tuple[Item, ...]
    current_page: int
    page_size: int
    total_items: int

    @property
    def total_pages(self) -> int:
        """How many pages there are; 0 when there is nothing."""
        return -(-self.total_items // self.page_size)

    @property
    def has_previous_page(self) -> bool:
        """Whether a page comes before this one."""
        return self.current_page > 1

    @property
    def has_next_page(self) -> bool:
        """Whether a page comes after this one."""
        return self.current_page < self.total_pages


@dataclass(frozen=True, slots=True, kw_only=True)
class SynchroniseReport:
    """What a synchronise did, each entry as `kind:id`, such as `pipeline:flights-hourly`."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deactivated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRef:
    """A place data comes from or goes to; `name` is unique among all addresses."""

    name: str
    type_name: str
    type_group_name: str = "database"
    database_name: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    primary_key: str | None = None
    address_metadata: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge:
    """Data flows from `source` to `target`; `columns` are pairs of a source column and a target column."""

    source: AddressRef
    target: AddressRef
    columns: tuple[tuple[str, str], ...] = ()
