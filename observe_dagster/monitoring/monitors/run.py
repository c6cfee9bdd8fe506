"""Run a monitor: observe what it watches through its warehouse, and judge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from observe_dagster.checks import metric, schema, test
from observe_dagster.checks.test import SAMPLE_ROWS
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.monitors import DataTestMonitor, DiffMonitor, MetricMonitor, SchemaMonitor
from observe_dagster.config.project import DeclaredMonitor, Project
from observe_dagster.errors import WarehouseError
from observe_dagster.monitoring.diff.compare import diff, outcome_of
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.metric import measure
from observe_dagster.monitoring.monitors.tables import find_table
from observe_dagster.monitoring.monitors.test import find_failures
from observe_dagster.records import Outcome, Status
from observe_dagster.warehouse import OpenOptions, Reader, Warehouse, open_warehouse

Open = Callable[[Connection], Warehouse]

_NOTHING = MonitorHistory()
_DEFAULTS = OpenOptions()


def run_monitor(
    project: Project,
    declared: DeclaredMonitor,
    *,
    now: datetime,
    history: MonitorHistory = _NOTHING,
    options: OpenOptions = _DEFAULTS,
    open_: Open = open_warehouse,
) -> Outcome:
    """Judge a monitor at `now`; what the next judgement needs of this one is in the outcome.

    A warehouse that cannot be reached, or SQL that it rejects, is an outcome as well: `error`, with the message. A
    monitor whose `severity` is warn warns where it would fail.
    """
    monitor = declared.monitor
    if not monitor.enabled:
        return Outcome(status=Status.SKIPPED, reason=f"The monitor {declared.slug} is not enabled.")
    try:
        if isinstance(monitor, DiffMonitor):
            compared = diff(project, monitor.datadiff, now=now, options=options, sample_rows=SAMPLE_ROWS)
            outcome = outcome_of(monitor.alert, compared)
        else:
            warehouse = open_(project.connection(monitor.connection_id or ""))
            with warehouse.reader(options) as reader:
                outcome = _observe(declared, reader, now, history)
    except WarehouseError as error:
        return Outcome(status=Status.ERROR, reason=str(error), evidence={"transient": error.transient})
    if outcome.status is Status.FAIL and monitor.severity == "warn":
        return replace(outcome, status=Status.WARN)
    return outcome


def _observe(declared: DeclaredMonitor, reader: Reader, now: datetime, history: MonitorHistory) -> Outcome:
    monitor = declared.monitor
    if isinstance(monitor, MetricMonitor):
        return metric.judge(monitor, measure(declared.slug, monitor, reader, now=now, history=history))
    if isinstance(monitor, SchemaMonitor):
        path = monitor.table or ""
        columns = find_table(reader, path)
        named = None if columns is None else tuple((column.name, column.native) for column in columns)
        baseline = schema.SchemaBaseline.of(history.evidence)
        return schema.judge(schema.ObservedSchema(table=path, columns=named), baseline, now=now)
    assert isinstance(monitor, DataTestMonitor)
    return test.judge(find_failures(declared.slug, monitor, reader))
