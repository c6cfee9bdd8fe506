"""Datafold: monitors and data diffs that run there, its lineage, and uploads of a branch's tables to its CI."""

from observe_dagster.integrations.datafold.ci import (
    PUBLISHER,
    Branch,
    branch_of,
    changed_table,
    enqueue_upload,
)
from observe_dagster.integrations.datafold.client import Datafold
from observe_dagster.integrations.datafold.lineage import Node, Walk, quoted_path, walk
from observe_dagster.integrations.datafold.monitors import NotAtDatafoldError, monitor_body
from observe_dagster.integrations.datafold.polling import (
    LIMIT,
    await_data_source_test,
    no_verdict,
    run_data_diff,
    run_monitor,
    start_monitor,
)
from observe_dagster.integrations.datafold.requests import ChangedTable, ColumnTolerance, DataDiff, PullRequest
from observe_dagster.integrations.datafold.results import Phase, diff_outcome, monitor_outcome, phase
from observe_dagster.integrations.datafold.settings import DatafoldSettings

__all__ = [
    "LIMIT",
    "PUBLISHER",
    "Branch",
    "ChangedTable",
    "ColumnTolerance",
    "DataDiff",
    "Datafold",
    "DatafoldSettings",
    "Node",
    "NotAtDatafoldError",
    "Phase",
    "PullRequest",
    "Walk",
    "await_data_source_test",
    "branch_of",
    "changed_table",
    "diff_outcome",
    "enqueue_upload",
    "monitor_body",
    "monitor_outcome",
    "no_verdict",
    "phase",
    "quoted_path",
    "run_data_diff",
    "run_monitor",
    "start_monitor",
    "walk",
]
