"""mParticle's Warehouse Sync as an engine: resources from the declaration, runs there, and the record of them here."""

from observe_dagster.integrations.warehouse_sync.apply import apply_changes, planned, secrets_sent
from observe_dagster.integrations.warehouse_sync.client import RemoteRun, WarehouseSync
from observe_dagster.integrations.warehouse_sync.plan import Change, Difference, plan_changes
from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner
from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings

__all__ = [
    "Change",
    "Difference",
    "RemoteRun",
    "RemoteRunner",
    "WarehouseSync",
    "WarehouseSyncSettings",
    "apply_changes",
    "plan_changes",
    "planned",
    "secrets_sent",
]
