"""Datafold: monitors and data diffs that run there, its lineage, and uploads of a branch's tables to its CI.

What assets of one's own use is here; the rest is in the modules.
"""

from observe_dagster.integrations.datafold.requests import ChangedTable, DataDiff, DatafoldColumnTolerance, PullRequest

__all__ = ["ChangedTable", "DataDiff", "DatafoldColumnTolerance", "PullRequest"]
