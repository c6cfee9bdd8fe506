"""The ledger: what is declared, what ran, what was seen; tables, verbs and migrations on PostgreSQL."""

from observe_dagster.ledger.front import Ledger
from observe_dagster.ledger.locks import PipelineLock
from observe_dagster.ledger.migration import downgrade, migrate, require_current
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

__all__ = [
    "AddressRef",
    "ConnectionRow",
    "DataModelRow",
    "ExecutionRow",
    "Ledger",
    "LineageEdge",
    "Page",
    "PipelineLock",
    "PipelineRow",
    "SynchroniseReport",
    "downgrade",
    "migrate",
    "require_current",
]
