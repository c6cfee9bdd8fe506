"""The ledger: what is declared, what ran, what was found and published; stores and migrations on PostgreSQL."""

from observe_dagster.ledger.alerts.store import Alert, FaultedResource
from observe_dagster.ledger.checks.rows import (
    AnomalyCase,
    CheckResultRow,
    CheckStatus,
    LastRequestedRun,
    RunTiming,
    TimingInputs,
)
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow, SynchroniseReport
from observe_dagster.ledger.executions.lock import PipelineLock
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.executions.store import ExecutionStore
from observe_dagster.ledger.ledger import Ledger
from observe_dagster.ledger.lineage.rows import (
    AddressRef,
    Asset,
    Direction,
    IngestReport,
    LineageEdge,
    LineageGraph,
    LineageNode,
    Script,
)
from observe_dagster.ledger.outbox.dispatcher import DeliveryReport, Dispatcher, Sender, batches, deliver
from observe_dagster.ledger.outbox.outbox import Outbox
from observe_dagster.ledger.outbox.rate_limit import LedgerRateLimiter
from observe_dagster.ledger.outbox.rows import NewPublication, Publication
from observe_dagster.ledger.schema.migrate import downgrade, migrate, require_current
from observe_dagster.ledger.watched.rows import EndedExecution, WatchedAsset, asset_key_of, watched_id

__all__ = [
    "AddressRef",
    "Alert",
    "AnomalyCase",
    "Asset",
    "CheckResultRow",
    "CheckStatus",
    "ConnectionRow",
    "DataModelRow",
    "DeliveryReport",
    "Direction",
    "Dispatcher",
    "EndedExecution",
    "ExecutionRow",
    "ExecutionStore",
    "FaultedResource",
    "IngestReport",
    "LastRequestedRun",
    "Ledger",
    "LedgerRateLimiter",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "NewPublication",
    "Outbox",
    "Page",
    "PipelineLock",
    "PipelineRow",
    "Publication",
    "RunTiming",
    "Script",
    "Sender",
    "SynchroniseReport",
    "TimingInputs",
    "WatchedAsset",
    "asset_key_of",
    "batches",
    "deliver",
    "downgrade",
    "migrate",
    "require_current",
    "watched_id",
]
