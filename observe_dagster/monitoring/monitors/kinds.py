"""What each kind of monitor does to judge: one row a kind, by the `type` of its declaration."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observe_dagster.checks import metric, schema, test
from observe_dagster.checks.test import SAMPLE_ROWS
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.monitors import DataTestMonitor, DiffMonitor, MetricMonitor, SchemaMonitor
from observe_dagster.config.project import DeclaredMonitor, Project
from observe_dagster.monitoring.diff.compare import diff, outcome_of
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.metric import measure
from observe_dagster.monitoring.monitors.tables import find_table
from observe_dagster.monitoring.monitors.test import find_failures
from observe_dagster.records import Outcome
from observe_dagster.warehouse import OpenOptions, Reader, Warehouse

Open = Callable[[Connection], Warehouse]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRun:
    """One run of a monitor at `now`: what it may look at, and what earlier runs found."""

    project: Project
    declared: DeclaredMonitor
    now: datetime
    history: MonitorHistory
    options: OpenOptions
    open_: Open

    @contextmanager
    def reader(self, connection_id: str | None) -> Generator[Reader]:
        """A session on the monitor's connection; raises WarehouseError."""
        warehouse = self.open_(self.project.connection(connection_id or ""))
        with warehouse.reader(self.options) as reader:
            yield reader


def _metric(monitor: MetricMonitor, run: MonitorRun) -> Outcome:
    with run.reader(monitor.connection_id) as reader:
        measured = measure(run.declared.slug, monitor, reader, now=run.now, history=run.history)
        return metric.judge(monitor, measured)


def _schema(monitor: SchemaMonitor, run: MonitorRun) -> Outcome:
    path = monitor.table or ""
    with run.reader(monitor.connection_id) as reader:
        columns = find_table(reader, path)
    named = None if columns is None else tuple((column.name, column.native) for column in columns)
    baseline = schema.SchemaBaseline.of(run.history.evidence)
    return schema.judge(schema.ObservedSchema(table=path, columns=named), baseline, now=run.now)


def _test(monitor: DataTestMonitor, run: MonitorRun) -> Outcome:
    with run.reader(monitor.connection_id) as reader:
        return test.judge(find_failures(run.declared.slug, monitor, reader))


def _diff(monitor: DiffMonitor, run: MonitorRun) -> Outcome:
    result = diff(run.project, monitor.datadiff, now=run.now, options=run.options, sample_rows=SAMPLE_ROWS)
    return outcome_of(monitor.alert, result)


RUNNERS: Mapping[str, Callable[[Any, MonitorRun], Outcome]] = {
    "metric": _metric,
    "schema": _schema,
    "test": _test,
    "diff": _diff,
}
