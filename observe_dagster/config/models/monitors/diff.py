"""Diff monitors: two tables or queries compared row by row."""

from typing import Literal

from observe_dagster.config.models.diff import DataDiffConfig, DiffAlertCondition
from observe_dagster.config.models.monitors.common import MonitorCommon


class DiffMonitor(MonitorCommon):
    """Fails when two datasets differ by more than `alert` allows; without an `alert`, when they differ at all."""

    type: Literal["diff"]
    datadiff: DataDiffConfig
    alert: DiffAlertCondition | None = None
