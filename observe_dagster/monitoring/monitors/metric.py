"""Measure what a metric monitor watches, in one read-only session."""

from datetime import datetime, timedelta

from observe_dagster.checks.metric import ObservedMetric
from observe_dagster.clock import EPOCH
from observe_dagster.config.models.monitors import ColumnMetric, CustomMetric, MetricMonitor, TableMetric
from observe_dagster.datatypes import Kind
from observe_dagster.errors import WarehouseError
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.tables import columns_of, find_column
from observe_dagster.records import Column
from observe_dagster.warehouse import Reader
from observe_dagster.warehouse.metrics import NUMERIC, column_statement, newest_statement, table_statement

LONGEST_SERIES = 10_000
"""A query's older values are left out."""

_NUMBERS = frozenset({Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.REAL, Kind.DOUBLE, Kind.DECIMAL})
_TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


def measure(
    slug: str, monitor: MetricMonitor, reader: Reader, *, now: datetime, history: MonitorHistory
) -> ObservedMetric:
    """Measure what the monitor watches; raises WarehouseError when that is not possible."""
    metric = monitor.metric
    if isinstance(metric, CustomMetric):
        return _custom(slug, metric, reader, now, history)
    if isinstance(metric, TableMetric):
        label, value = f"{metric.metric} of {metric.table}", _table(metric, reader, now, history)
        missing = "no load of the table is on record"
    else:
        label, value = f"{metric.metric} of {metric.table}.{metric.column}", _column(metric, reader, now)
        chosen = " that the filter chooses" if metric.filter is not None else ""
        missing = f"there is no value in the rows{chosen}"
    return ObservedMetric(label=label, at=now, value=value, history=history.samples, missing=missing)


def _table(metric: TableMetric, reader: Reader, now: datetime, history: MonitorHistory) -> float | None:
    table, measure_name = metric.table or "", metric.measure
    if measure_name == "column_count":
        return float(len(columns_of(reader, table)))
    if measure_name in ("freshness_seconds", "freshness_minutes"):
        if history.last_load is None:
            return None
        age = (now - history.last_load).total_seconds()
        return age if measure_name == "freshness_seconds" else age / 60
    columns_of(reader, table)
    return float(reader.rows(table_statement(reader.dialect, table, measure_name, metric.filter))[0][0])


def _column(metric: ColumnMetric, reader: Reader, now: datetime) -> float | None:
    table, measure_name = metric.table or "", metric.measure
    column = find_column(reader, table, metric.column)
    kind = _kind(column)
    if measure_name in NUMERIC and kind is not None and kind not in _NUMBERS:
        raise _unfit(reader, column, metric.metric, "a column of numbers")
    if measure_name == "col_freshness_minutes" and kind not in _TIMES:
        raise _unfit(reader, column, metric.metric, "a column of dates or timestamps")
    value = reader.rows(column_statement(reader.dialect, table, column.name, measure_name, metric.filter))[0][0]
    if value is None:
        return None
    return (now.timestamp() - value) / 60 if measure_name == "col_freshness_minutes" else float(value)


def _custom(slug: str, metric: CustomMetric, reader: Reader, now: datetime, history: MonitorHistory) -> ObservedMetric:
    label = f"value of {slug}"
    columns = reader.describe(metric.query)
    times = [column for column in columns if _kind(column) in _TIMES]
    values = [column for column in columns if _kind(column) in _NUMBERS]
    if len(values) != 1 or len(times) > 1 or len(columns) > len(values) + len(times):
        listed = ", ".join(f"{column.name} ({column.native})" for column in columns)
        raise WarehouseError(
            reader.connection_id,
            "the query must give one column of numbers, and may give one of dates or timestamps; for groups declare "
            f"one monitor each. It gives {listed}.",
        )
    if times:
        return _series(label, metric, reader, times[0].name, values[0].name, now=now, history=history)
    rows = reader.rows(metric.query, limit=2)
    if len(rows) > 1:
        raise WarehouseError(reader.connection_id, "the query gives several rows; give a column with their times, too.")
    value = None if not rows or rows[0][0] is None else float(rows[0][0])
    missing = "the query gives no row" if not rows else "the query gives null"
    return ObservedMetric(
        label=label,
        at=now,
        value=value,
        history=history.samples,
        missing=missing,
        missing_fails=metric.alert_on_missing_data,
    )


def _series(
    label: str, metric: CustomMetric, reader: Reader, time: str, value: str, *, now: datetime, history: MonitorHistory
) -> ObservedMetric:
    rows = reader.rows(newest_statement(reader.dialect, metric.query, time, value), limit=LONGEST_SERIES)
    flagged = {at for at, _, flag in history.samples if flag}
    points = [(EPOCH + timedelta(microseconds=round(seconds * 1_000_000)), number) for seconds, number in rows]
    samples = [(at, number, at in flagged) for at, number in points]
    at, newest = points[0] if points else (now, None)
    return ObservedMetric(
        label=label,
        at=at,
        value=newest,
        history=samples[1:] if len(samples) > 1 else history.samples,
        missing="the query gives no row" if not points else f"the query gives null for {at:%Y-%m-%d %H:%M}",
        missing_fails=metric.alert_on_missing_data,
    )


def _kind(column: Column) -> Kind | None:
    return None if column.data_type is None else column.data_type.kind


def _unfit(reader: Reader, column: Column, metric: str, expected: str) -> WarehouseError:
    message = f"{metric} needs {expected}, and {column.name!r} is {column.native}."
    return WarehouseError(reader.connection_id, message)
