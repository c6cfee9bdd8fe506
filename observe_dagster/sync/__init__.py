"""Moving rows: plan the range, extract, stage, merge, commit."""

from observe_dagster.sync.ranges import SyncRequest, plan
from observe_dagster.sync.runner import SyncRunner

__all__ = ["SyncRequest", "SyncRunner", "plan"]
