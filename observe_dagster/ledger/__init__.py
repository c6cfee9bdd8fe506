"""The ledger: what is declared, what ran, what was seen; tables, verbs and migrations on PostgreSQL."""

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
from observe_dagster.ledger.executions.lock import PipelineLock
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.ledger import Ledger
from observe_dagster.ledger.lineage.rows import AddressRef, LineageEdge
from observe_dagster.ledger.schema.migrate import downgrade, migrate, require_current
from observe_dagster.ledger.watched.store import (
    EndedExecution,
    WatchedAsset,
    WatchedAssetStore,
    asset_key_of,
    watched_id,
)

__all__ = [
    "AddressRef",
    "AnomalyCase",
    "CheckResultRow",
    "CheckStatus",
    "CheckStore",
    "ConnectionRow",
    "DataModelRow",
    "EndedExecution",
    "ExecutionRow",
    "ExpectationsRow",
    "LastRequestedRun",
    "Ledger",
    "LineageEdge",
    "Page",
    "PipelineLock",
    "PipelineRow",
    "RuleRow",
    "RunTiming",
    "SynchroniseReport",
    "TimingInputs",
    "WatchedAsset",
    "WatchedAssetStore",
    "asset_key_of",
    "downgrade",
    "migrate",
    "require_current",
    "watched_id",
]
