"""mParticle's Warehouse Sync as an engine: resources from the declaration, runs there, and the record of them here."""

from observe_dagster.integrations.warehouse_sync.apply import carried_out, planned, secrets_sent
from observe_dagster.integrations.warehouse_sync.client import Access, RemoteRun, WarehouseSync
from observe_dagster.integrations.warehouse_sync.plan import Change, Difference, plan_changes
from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner

__all__ = [
    "Access",
    "Change",
    "Difference",
    "RemoteRun",
    "RemoteRunner",
    "WarehouseSync",
    "carried_out",
    "plan_changes",
    "planned",
    "secrets_sent",
]
