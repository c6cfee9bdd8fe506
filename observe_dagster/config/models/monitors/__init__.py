"""Monitors in Datafold's monitors-as-code dialect: metric, schema, test and diff."""

from typing import Annotated

from pydantic import Field

from observe_dagster.config.models.monitors.common import MonitorCommon, MonitorSchedule
from observe_dagster.config.models.monitors.diff import DiffMonitor
from observe_dagster.config.models.monitors.metric import (
    AbsoluteAlert,
    AutomaticAlert,
    ColumnMetric,
    CustomMetric,
    MetricMonitor,
    PercentageAlert,
    TableMetric,
)
from observe_dagster.config.models.monitors.schema import SchemaMonitor
from observe_dagster.config.models.monitors.tables import table_parts, table_path
from observe_dagster.config.models.monitors.test import CheckedTable, DataTestMonitor, StandardTest, Variable

Monitor = Annotated[MetricMonitor | SchemaMonitor | DataTestMonitor | DiffMonitor, Field(discriminator="type")]
"""A monitor of any kind."""

__all__ = [
    "AbsoluteAlert",
    "AutomaticAlert",
    "CheckedTable",
    "ColumnMetric",
    "CustomMetric",
    "DataTestMonitor",
    "DiffMonitor",
    "MetricMonitor",
    "Monitor",
    "MonitorCommon",
    "MonitorSchedule",
    "PercentageAlert",
    "SchemaMonitor",
    "StandardTest",
    "TableMetric",
    "Variable",
    "table_parts",
    "table_path",
]
