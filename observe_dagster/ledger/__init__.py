"""The ledger: what is declared, what ran, what was seen; tables, verbs and migrations on PostgreSQL."""

from observe_dagster.ledger.front import Ledger
from observe_dagster.ledger.locks import PipelineLock
from observe_dagster.ledger.migration import downgrade, migrate, require_current
from observe_dagster.ledger.observed import EndedExecution, ObservedAsset, asset_key_of, observed_id
from observe_dagster.ledger.observed_book import ObservedBook
from observe_dagster.ledger.rows import (
    AddressRef,
    ConnectionRow,
    DataModelRow,
    ExecutionRow,
    LineageEdge,
    Page,
    PipelineRow,
    SynchroniseReport,
)
from observe_dagster.ledger.rows_checks import (
    AnomalyCase,
    CheckStanding,
    ExpectationsRow,
    LatestStart,
    RuleRow,
    RunSeen,
    Standing,
    Verdict,
)
from observe_dagster.ledger.verdict_book import VerdictBook

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
