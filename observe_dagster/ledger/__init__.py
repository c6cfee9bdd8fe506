"""The ledger: what is declared, what ran, what was found and published; stores and migrations on PostgreSQL."""

from observe_dagster.ledger.alerts.store import Alert, AlertStore, FaultedResource
from observe_dagster.ledger.checks.rows import (
    AnomalyCase,
    CheckResultRow,
    CheckStatus,
    ExpectationsRow,
    LastRequestedRun,
    RuleRow,
    RunTiming,
    TimingInputs,
)
from observe_dagster.ledger.checks.store import CheckStore
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow, SynchroniseReport
from observe_dagster.ledger.declared.store import DeclaredStore
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
from observe_dagster.ledger.lineage.store import LineageStore
from observe_dagster.ledger.outbox.dispatcher import DeliveryReport, Dispatcher, Sender, batches, deliver
from observe_dagster.ledger.outbox.outbox import Outbox
from observe_dagster.ledger.outbox.rate_limit import LedgerRateLimiter
from observe_dagster.ledger.outbox.rows import LoggedQuery, NewPublication, Publication
from observe_dagster.ledger.schema.migrate import downgrade, migrate, require_current
from observe_dagster.ledger.watched.rows import EndedExecution, WatchedAsset, asset_key_of, watched_id
from observe_dagster.ledger.watched.store import WatchedAssetStore

__all__ = [
    "AddressRef",
    "Alert",
    "AlertStore",
    "AnomalyCase",
    "Asset",
    "CheckResultRow",
    "CheckStatus",
    "CheckStore",
    "ConnectionRow",
    "DataModelRow",
    "DeclaredStore",
    "DeliveryReport",
    "Direction",
    "Dispatcher",
    "EndedExecution",
    "ExecutionRow",
    "ExecutionStore",
    "ExpectationsRow",
    "FaultedResource",
    "IngestReport",
    "LastRequestedRun",
    "Ledger",
    "LedgerRateLimiter",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "LineageStore",
    "LoggedQuery",
    "NewPublication",
    "Outbox",
    "Page",
    "PipelineLock",
    "PipelineRow",
    "Publication",
    "RuleRow",
    "RunTiming",
    "Script",
    "Sender",
    "SynchroniseReport",
    "TimingInputs",
    "WatchedAsset",
    "WatchedAssetStore",
    "asset_key_of",
    "batches",
    "deliver",
    "downgrade",
    "migrate",
    "require_current",
    "watched_id",
]
