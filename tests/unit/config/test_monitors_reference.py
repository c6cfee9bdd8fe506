"""The page on monitors names every key that may be written, with its default, and no other."""

import re
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from observe_dagster.config.models.monitors import (
    AbsoluteAlert,
    AutomaticAlert,
    CheckedTable,
    ColumnMetric,
    CustomMetric,
    DataTestMonitor,
    DiffMonitor,
    MetricMonitor,
    MonitorCommon,
    MonitorSchedule,
    PercentageAlert,
    SchemaMonitor,
    StandardTest,
    TableMetric,
    Variable,
)
from observe_dagster.config.models.monitors.common import DayInterval, HourInterval
from observe_dagster.config.models.monitors.metric import ColumnMetricName, TableMetricName
from tests.paths import REFERENCE
from tests.unit.config.test_yaml_reference import keys_and_defaults

PAGE = (REFERENCE / "monitors.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "Every monitor": MonitorCommon,
    "Monitor schedule": MonitorSchedule,
    "Interval: hour": HourInterval,
    "Interval: day": DayInterval,
    "Metric monitor": MetricMonitor,
    "Metric: table": TableMetric,
    "Metric: column": ColumnMetric,
    "Metric: custom": CustomMetric,
    "Alert: automatic": AutomaticAlert,
    "Alert: absolute": AbsoluteAlert,
    "Alert: percentage": PercentageAlert,
    "Schema monitor": SchemaMonitor,
    "Test monitor": DataTestMonitor,
    "Standard test": StandardTest,
    "Tested table": CheckedTable,
    "Variable": Variable,
    "Diff monitor": DiffMonitor,
}
PARTS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}


def own_keys(model: type[BaseModel]) -> dict[str, str]:
    keys = keys_and_defaults(model)
    shared = MonitorCommon.model_fields if issubclass(model, MonitorCommon) and model is not MonitorCommon else ()
    return {key: default for key, default in keys.items() if key not in shared}


def told(title: str) -> dict[str, str]:
    table = PARTS[title].split("| key | type | default | meaning |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*?\| ([^|]*?) ?\| [^|]*\|$", table, flags=re.MULTILINE)
    return {key: default.strip("` ") for key, default in rows}


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_names_every_key_with_its_default(title):
    assert told(title) == own_keys(SECTIONS[title])


@pytest.mark.parametrize(("title", "names"), [("Metric: table", TableMetricName), ("Metric: column", ColumnMetricName)])
def test_every_metric_is_explained_under_each_of_its_names(title, names: Any):
    assert {name for name in get_args(names) if f"`{name}`" not in PARTS[title]} == set()
