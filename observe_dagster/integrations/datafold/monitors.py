"""Our monitors as Datafold's API takes them; the numbers it knows connections by come from `datafold_id`. Pure."""

from typing import Any

from observe_dagster.config.models.diff import DataDiffConfig, DiffDataset
from observe_dagster.config.models.monitors import (
    CustomMetric,
    DataTestMonitor,
    DiffMonitor,
    MetricMonitor,
    SchemaMonitor,
)
from observe_dagster.config.models.monitors.common import DayInterval, MonitorCommon
from observe_dagster.config.project import DeclaredMonitor, Project
from observe_dagster.errors import ObserveError
from observe_dagster.integrations.http import without_none

Document = dict[str, Any]

_METRICS = {
    "table": {"total": "row_count", "freshness_minutes": "freshness"},
    "column": {
        "min": "minimum",
        "max": "maximum",
        "stddev": "std_dev",
        "distinct": "cardinality",
        "uniqueness": "uniqueness",
        "median": "median",
        "average": "average",
        "sum": "sum",
        "fill_rate": "fill_rate",
    },
}
"""The metrics that the API can create, by our names for them. Its YAML knows more."""


class NotAtDatafoldError(ObserveError):
    """A monitor that Datafold cannot have as it is declared."""

    def __init__(self, slug: str, reason: str) -> None:
        self.slug = slug
        super().__init__(f"Monitor {slug!r} cannot be at Datafold: {reason}")


def monitor_body(declared: DeclaredMonitor, project: Project) -> Document:
    """The body that creates a monitor; raises NotAtDatafoldError."""
    monitor = declared.monitor
    builder = _BodyBuilder(declared.slug, project)
    if isinstance(monitor, DiffMonitor):
        own: Document = {"datadiff": builder.diff(monitor.datadiff), "alert": _given(monitor.alert)}
    else:
        own = {"connection_id": builder.number(monitor.connection_id or "")}
        if isinstance(monitor, MetricMonitor):
            own |= {"metric": builder.metric(monitor), "alert": _given(monitor.alert)}
        elif isinstance(monitor, SchemaMonitor):
            own["table"] = monitor.table
        else:
            own |= builder.test(monitor)
    return without_none({**_common(declared.slug, monitor), **own})


class _BodyBuilder:
    def __init__(self, slug: str, project: Project) -> None:
        self._slug, self._project = slug, project

    def number(self, connection_id: str) -> int:
        number = self._project.connection(connection_id).datafold_id
        if number is None:
            raise NotAtDatafoldError(self._slug, f"connection {connection_id!r} has no datafold_id.")
        return number

    def metric(self, monitor: MetricMonitor) -> Document:
        metric = monitor.metric
        if isinstance(metric, CustomMetric):
            return _given(metric) or {}
        name = _METRICS[metric.type].get(metric.measure)
        if name is None:
            known = ", ".join(sorted(_METRICS[metric.type].values()))
            reason = f"its API does not create the {metric.type} metric {metric.metric}; it knows {known}."
            raise NotAtDatafoldError(self._slug, reason)
        return {**(_given(metric) or {}), "metric": name}

    def test(self, monitor: DataTestMonitor) -> Document:
        if monitor.test is not None and monitor.test.type == "custom_template":
            raise NotAtDatafoldError(self._slug, "a custom_template is kept there; write the query out.")
        return {"query": monitor.query, "test": _given(monitor.test)}

    def diff(self, config: DataDiffConfig) -> Document:
        body = _given(config) or {}
        inmem = config.diff_type == "inmem"
        body |= {"diff_type": config.diff_type}
        body |= {"dataset_a": self._dataset(config.dataset_a), "dataset_b": self._dataset(config.dataset_b)}
        if config.materialize_results_to is not None:
            body["materialize_results_to"] = self.number(config.materialize_results_to)
        if not inmem and config.column_rules:
            raise NotAtDatafoldError(self._slug, "column_rules need diff_type inmem.")
        return body

    def _dataset(self, dataset: DiffDataset) -> Document:
        return {**(_given(dataset) or {}), "connection_id": self.number(dataset.connection_id)}


def _common(slug: str, monitor: MonitorCommon) -> Document:
    return {
        "name": monitor.name or slug,
        "description": monitor.description,
        "enabled": monitor.enabled,
        "tags": list(monitor.tags),
        "owner": monitor.owner if monitor.owner and "@" in monitor.owner else None,
        "schedule": _schedule(monitor),
    }


def _schedule(monitor: MonitorCommon) -> Document:
    """Its own schedule; none for a monitor that Dagster starts there, or it would run twice."""
    schedule = monitor.schedule
    if not monitor.is_local:
        return {"type": "none"}
    if schedule.cron is not None:
        return {"type": "crontab", "cron": schedule.cron}
    if schedule.interval is None:
        return {"type": "none"}
    interval: Document = {"every": schedule.interval.every, "type": schedule.interval.type}
    if isinstance(schedule.interval, DayInterval):
        at = schedule.interval.utc_at
        interval |= {"utc_at": f"{at}:00"} if at is not None else {"hour": schedule.interval.hour or 0}
    return {"interval": interval}


def _given(declared: Any) -> Document | None:
    """What was written of a declared model, under the names of the API."""
    return None if declared is None else declared.model_dump(mode="json", by_alias=True, exclude_unset=True)
