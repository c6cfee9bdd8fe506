"""Metric monitors: one number of a table, a column or a query, judged by bounds, by its change, or by its history."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from observe_dagster.config.models.base import Declared, Identifier
from observe_dagster.config.models.diff import ConnectionId
from observe_dagster.config.models.monitors.common import MonitorCommon, refused
from observe_dagster.config.models.monitors.tables import TablePath

_ONE_EACH = "declare one monitor for each table; YAML anchors spare the repetition"
Pattern = Annotated[Any, refused("a pattern of tables", _ONE_EACH)]

TableMetricName = Literal[
    "total", "distinct", "column_count", "freshness_seconds", "freshness_minutes", "row_count", "freshness"
]
ColumnMetricName = Literal[
    "total",
    "distinct",
    "uniqueness",
    "nulls",
    "fill_rate",
    "sum",
    "min",
    "max",
    "qmin",
    "qmax",
    "median",
    "average",
    "stddev",
    "col_freshness_minutes",
    "minimum",
    "maximum",
    "std_dev",
    "cardinality",
]
_ALIASES = {
    "row_count": "total",
    "freshness": "freshness_minutes",
    "minimum": "min",
    "maximum": "max",
    "std_dev": "stddev",
    "cardinality": "distinct",
}


class TableMetric(Declared):
    """A number of a whole table; `table` left out means the table that the pipeline writes."""

    type: Literal["table"]
    table: TablePath | None = None
    metric: TableMetricName
    filter: str | None = Field(default=None, min_length=1)
    include_tables: Pattern | None = None
    exclude_tables: Pattern | None = None

    @model_validator(mode="after")
    def _filter_fits(self) -> "TableMetric":
        if self.filter is not None and self.measure not in ("total", "distinct"):
            raise ValueError(f"a filter chooses rows, and {self.metric} does not look at rows")
        return self

    @property
    def measure(self) -> str:
        """The metric's name, whichever of its names was written."""
        return _ALIASES.get(self.metric, self.metric)


class ColumnMetric(Declared):
    """A number of one column."""

    type: Literal["column"]
    table: TablePath | None = None
    column: Identifier
    metric: ColumnMetricName
    filter: str | None = Field(default=None, min_length=1)

    @property
    def measure(self) -> str:
        """The metric's name, whichever of its names was written."""
        return _ALIASES.get(self.metric, self.metric)


class CustomMetric(Declared):
    """A number that a SELECT gives, alone or with a time: then the newest row is judged, and the others came before."""

    type: Literal["custom"]
    query: str = Field(min_length=1)
    alert_on_missing_data: bool = False


class AutomaticAlert(Declared):
    """Outside of what earlier values lead one to expect; the higher the sensitivity, the narrower the band."""

    type: Literal["automatic"]
    sensitivity: int = Field(ge=0, le=100)


class AbsoluteAlert(Declared):
    """Below `min` or above `max`."""

    type: Literal["absolute"]
    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounds(self) -> "AbsoluteAlert":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class PercentageAlert(Declared):
    """Risen or fallen by more than so many percent since the value before."""

    type: Literal["percentage"]
    increase: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    decrease: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_or_both(self) -> "PercentageAlert":
        if self.increase is None and self.decrease is None:
            raise ValueError("give increase, decrease or both")
        return self


Metric = Annotated[TableMetric | ColumnMetric | CustomMetric, Field(discriminator="type")]
MetricAlert = Annotated[AutomaticAlert | AbsoluteAlert | PercentageAlert, Field(discriminator="type")]


class MetricMonitor(MonitorCommon):
    """Watches one number; without an `alert` it only records it."""

    type: Literal["metric"]
    connection_id: ConnectionId | None = None
    metric: Metric
    alert: MetricAlert | None = None
