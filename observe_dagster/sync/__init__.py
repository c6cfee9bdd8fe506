"""Moving rows: plan the range, extract, stage, merge, commit.

`runner.SyncRunner` is imported where it is used, for it brings the drivers.
"""

from observe_dagster.sync.ranges import SyncRequest, plan

__all__ = ["SyncRequest", "plan"]
