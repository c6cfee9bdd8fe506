"""Run a monitor: observe what it watches through its warehouse, and judge."""

from dataclasses import replace
from datetime import datetime

from observe_dagster.config.project import DeclaredMonitor, Project
from observe_dagster.errors import WarehouseError
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.kinds import RUNNERS, MonitorRun, Open
from observe_dagster.records import Outcome, Status
from observe_dagster.warehouse import OpenOptions, open_warehouse

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
    run = MonitorRun(project=project, declared=declared, now=now, history=history, options=options, open_=open_)
    try:
        outcome = RUNNERS[monitor.type](monitor, run)
    except WarehouseError as error:
        return Outcome(status=Status.ERROR, reason=str(error), evidence={"transient": error.transient})
    if outcome.status is Status.FAIL and monitor.severity == "warn":
        return replace(outcome, status=Status.WARN)
    return outcome
