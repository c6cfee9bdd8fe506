"""Frozen facts that travel between the folders: what was planned, moved, observed and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from observe_dagster.datatypes import DataType


class RunType(StrEnum):
    """Why a run exists: `scheduled` and `manual` as in the Warehouse Sync document, and a backfill of an old range."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"


class RunStatus(StrEnum):
    """The life of one run, spelled as in the Warehouse Sync document."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    STOPPED = "stopped"
    RETRYING = "retrying"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table in one connection, each part exactly as the engine stores it."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column as an engine describes it.

    `native` is the engine's own spelling of the type; `data_type` is None where no other engine can hold it.
    """

    name: str
    native: str
    data_type: DataType | None
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRange:
    """What one run covers: `[start, end)`, and which rows it reads to do so: iterator in `[read_from, read_until)`.

    Values are kept as text in the iterator's own terms: ISO 8601 in UTC for times, a decimal number for integers.
    `start` None covers everything from the beginning; `read_from` is `start` less the pipeline's `lag`; for an integer
    iterator `end` is None until the source has been queried. A full sync covers up to its `end` but filters only by
    what it declares, so its `read_from` and `read_until` may be None.
    """

    start: str | None
    end: str | None
    read_from: str | None
    read_until: str | None
    logical_date: datetime
    run_type: RunType
    moves_watermark: bool
    full_refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one run did, in rows; `total_rows` is what was read.

    In every write mode `total_rows = inserts + updates + unchanged + soft_deletes + rejected`, except that `mirror`
    counts as `soft_deletes` the rows that are gone at the source and so were not read. `superseded` (older rows of a
    key that came twice) is part of `unchanged`; `late` (rows behind the watermark that led to a change) is part of
    `inserts`, `updates` and `soft_deletes`.
    """

    total_rows: int = 0
    inserts: int = 0
    updates: int = 0
    unchanged: int = 0
    soft_deletes: int = 0
    rejected: int = 0
    superseded: int = 0
    late: int = 0
    bytes: int = 0
    table_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLog:
    """One statement that was sent to a warehouse."""

    connection_id: str
    started_at: datetime
    ended_at: datetime
    text: str
    user: str
    query_id: str
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One difference between the source's columns and the destination's, and what was done about it.

    `change` is added, removed or type_changed; `action` is altered, kept, discarded or refused.
    """

    column: str
    change: str
    old_type: str | None
    new_type: str | None
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFlow:
    """A destination column and the source columns it is made from."""

    column: str
    sources: tuple[tuple[TableName, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRun:
    """A row of the destination's `_observe_sync_run`: a run whose rows are in the table."""

    execution_key: str
    range_start: str | None
    range_end: str | None
    watermark: str | None
    committed_at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """Everything known about a run that ended well."""

    pipeline_id: str
    execution_id: int
    execution_key: str
    range: SyncRange
    counts: Counts
    watermark: str | None
    started_at: datetime
    ended_at: datetime
    columns: tuple[Column, ...]
    schema_changes: tuple[SchemaChange, ...] = ()
    notes: tuple[str, ...] = ()
    lineage: tuple[ColumnFlow, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def duration_seconds(self) -> float:
        """Wall time of the run, seconds."""
        return (self.ended_at - self.started_at).total_seconds()


class Status(StrEnum):
    """The status of an outcome: `learning` and `skipped` were not judged, `error` could not be."""

    PASS = "pass"  # noqa: S105 (a status, no password)
    WARN = "warn"
    FAIL = "fail"
    LEARNING = "learning"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check concluded, and by what.

    `reason` is one full sentence for people. `value`, `expected` and the bounds are in the unit of what was judged:
    seconds for freshness and timeliness, the metric's own for an anomaly; a bound that does not exist is None.
    `evidence` holds only what JSON can.
    """

    status: Status
    reason: str
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @property
    def judged(self) -> bool:
        """Whether there was enough to judge by."""
        return self.status in (Status.PASS, Status.WARN, Status.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One outcome of one check of one asset.

    `asset` is the parts of the asset's key in Dagster and `check_name` the check's name there; `kind` is freshness,
    timeliness, anomaly, metric, schema, test or diff. `judged_at` is the moment that was judged: an anomaly's run's
    own start, else now. `execution_id` is the ledger's number of the run that was judged, where it was a run.
    """

    asset: tuple[str, ...]
    check_name: str
    kind: str
    outcome: Outcome
    judged_at: datetime
    evaluated_at: datetime
    pipeline_id: str | None = None
    execution_id: int | None = None
