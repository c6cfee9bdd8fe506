"""The ledger: what is declared, what ran, what was seen; tables, verbs and migrations on PostgreSQL."""

from observe_dagster.ledger.checks.rows import (
    AnomalyCase,
    CheckStanding,
    ExpectationsRow,
    LatestStart,
    RuleRow,
    RunSeen,
    Standing,
    Verdict,
)
from observe_dagster.ledger.checks.store import VerdictBook
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow, SynchroniseReport
from observe_dagster.ledger.executions.lock import PipelineLock
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.ledger import Ledger
from observe_dagster.ledger.lineage.rows import AddressRef, LineageEdge
from observe_dagster.ledger.schema.migrate import downgrade, migrate, require_current
from observe_dagster.ledger.watched.store import EndedExecution, ObservedAsset, ObservedBook, asset_key_of, observed_id

__all__ = [
    "AddressRef",
    "AnomalyCase",
    "CheckStanding",
    "ConnectionRow",
    "DataModelRow",
    "EndedExecution",
    "ExecutionRow",
    "ExpectationsRow",
    "LatestStart",
    "Ledger",
    "LineageEdge",
    "ObservedAsset",
    "ObservedBook",
    "Page",
    "PipelineLock",
    "PipelineRow",
    "RuleRow",
    "RunSeen",
    "Standing",
    "SynchroniseReport",
    "Verdict",
    "VerdictBook",
    "asset_key_of",
    "downgrade",
    "migrate",
    "observed_id",
    "require_current",
]
