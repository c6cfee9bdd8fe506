"""Monitors as asset checks: each a step of its own, on its own schedule, by hand, and after syncs where it says so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.monitors import DataTestMonitor, DiffMonitor, MetricMonitor, Monitor
from observe_dagster.config.project import DeclaredMonitor, Project
from observe_dagster.lineage import source_tables
from observe_dagster.orchestration.checks.datafold.resource import run_at_datafold
from observe_dagster.orchestration.checks.kinds import check_keys
from observe_dagster.orchestration.checks.results import check_result
from observe_dagster.orchestration.instance.dagster_private import UnresolvedAssetJobDefinition
from observe_dagster.orchestration.instance.heartbeat import heartbeat_in_process_executor
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import MONITORS_JOB, safe_group, scoped
from observe_dagster.orchestration.translator.specs import TableKeys, pool_of, source_spec
from observe_dagster.records import CheckResult, TableName

if TYPE_CHECKING:
    from observe_dagster.monitoring.monitors.history import MonitorHistory

_SEVERITIES = {"warn": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}
_MOST_REMEMBERED = 1000


def monitor_check(declared: DeclaredMonitor, project: Project, keys: TableKeys) -> dg.AssetChecksDefinition:
    """Make the check of a monitor; it needs the resource `observe`."""
    monitor, asset = declared.monitor, monitored_asset(declared, project, keys)

    @dg.asset_check(
        name=declared.check_name,
        asset=asset,
        blocking=monitor.blocking,
        description=_describe(declared),
        metadata={"observe/kind": monitor.type, "observe/monitor": declared.slug},
        pool=_pool(declared, project),
        additional_deps=_after(declared, project, asset),
    )
    def run_monitor_check(observe: dg.ResourceParam[ObserveResource]) -> dg.AssetCheckResult:
        return check_result(run(observe, declared, asset), severity=_SEVERITIES[monitor.severity])

    return run_monitor_check


def run(observe: ObserveResource, declared: DeclaredMonitor, asset: dg.AssetKey) -> CheckResult:
    """Observe and judge a monitor, and keep the verdict."""
    from observe_dagster.monitoring.monitors.history import measured_at
    from observe_dagster.monitoring.monitors.run import run_monitor

    now = observe.clock()
    if declared.monitor.is_local:
        outcome = run_monitor(observe.project, declared, now=now, history=_memory(observe, declared, asset))
    else:
        outcome = run_at_datafold(declared)
    result = CheckResult(
        asset=tuple(asset.path),
        check_name=declared.check_name,
        kind=declared.monitor.type,
        outcome=outcome,
        judged_at=measured_at(outcome, now=now),
        evaluated_at=now,
        pipeline_id=declared.pipeline_id,
    )
    observe.ledger.checks.record_results([result])
    return result


def monitored_asset(declared: DeclaredMonitor, project: Project, keys: TableKeys) -> dg.AssetKey:
    """The asset that a monitor's check belongs to.

    That is the table it watches, else the table of the pipeline that declares it, else the first table that its query
    reads; a query that reads no table has an asset of its own.
    """
    if declared.table is not None:
        connection_id, schema, table = declared.table
        return keys.key(project.connection(connection_id), TableName(schema=schema, table=table))
    if declared.pipeline_id is not None:
        return dg.AssetKey(list(project.pipeline(declared.pipeline_id).table_key))
    connection_id, query = _query(declared.monitor)
    connection = project.connection(connection_id)
    tables = source_tables(query, connection.service_provider, connection.default_schema)
    return keys.key(connection, tables[0]) if tables else dg.AssetKey([connection_id, declared.slug])


def monitor_check_key(declared: DeclaredMonitor, project: Project, keys: TableKeys) -> dg.AssetCheckKey:
    """The key of a monitor's check."""
    return dg.AssetCheckKey(monitored_asset(declared, project, keys), declared.check_name)


def monitored_specs(project: Project, keys: TableKeys, *, known: set[dg.AssetKey]) -> Iterator[dg.AssetSpec]:
    """External assets for what monitors watch and nothing else describes, each once."""
    described = set(known)
    for declared in project.monitors:
        key = monitored_asset(declared, project, keys)
        if key in described:
            continue
        described.add(key)
        if len(key.path) == 3:
            schema, table = key.path[1:]
            yield source_spec(project.connection(key.path[0]), TableName(schema=schema, table=table))
        else:
            description = f"What the query of monitor {declared.slug} finds."
            yield dg.AssetSpec(key=key, description=description, group_name=safe_group(key.path[0]))


def monitor_schedules(project: Project, keys: TableKeys, *, scope: str) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each monitor that has one; a disabled monitor's is off."""
    for declared in project.monitors:
        cron = declared.monitor.schedule.cron_schedule
        if cron is not None:
            yield _schedule(declared, monitor_check_key(declared, project, keys), cron, scope)


def monitors_job(project: Project, keys: TableKeys, *, scope: str) -> UnresolvedAssetJobDefinition | None:
    """The job that all monitors share; None when there is no monitor."""
    checks = [monitor_check_key(declared, project, keys) for declared in project.monitors]
    if not checks:
        return None
    return dg.define_asset_job(
        scoped(MONITORS_JOB, scope),
        selection=dg.AssetSelection.checks(*checks),
        executor_def=heartbeat_in_process_executor,
        description="Runs the monitors that are selected for the run.",
    )


def monitors_after_sync(project: Project) -> dict[str, list[DeclaredMonitor]]:
    """By pipeline: the monitors that run after each of its syncs."""
    monitors: dict[str, list[DeclaredMonitor]] = {}
    for declared in project.monitors:
        if declared.monitor.after_sync and declared.monitor.enabled and declared.pipeline_id is not None:
            monitors.setdefault(declared.pipeline_id, []).append(declared)
    return monitors


def check_keys_of_syncs(project: Project, keys: TableKeys) -> dict[str, list[dg.AssetCheckKey]]:
    """By pipeline: all that runs with its syncs, which are its own checks and the monitors that run after them."""
    after = monitors_after_sync(project)
    return {
        pipeline.id: [
            *check_keys(pipeline, project),
            *(monitor_check_key(declared, project, keys) for declared in after.get(pipeline.id, ())),
        ]
        for pipeline in project.pipelines
    }


def _after(declared: DeclaredMonitor, project: Project, asset: dg.AssetKey) -> list[dg.AssetKey]:
    """What has to be synced before, where that is another asset than the check's own."""
    if not declared.monitor.after_sync or declared.pipeline_id is None:
        return []
    synced = dg.AssetKey(list(project.pipeline(declared.pipeline_id).table_key))
    return [] if synced == asset else [synced]


def _schedule(declared: DeclaredMonitor, check: dg.AssetCheckKey, cron: str, scope: str) -> dg.ScheduleDefinition:
    monitor = declared.monitor

    @dg.schedule(
        name=f"{scoped('monitor', scope)}_{declared.check_name}_schedule",
        job_name=scoped(MONITORS_JOB, scope),
        cron_schedule=cron,
        execution_timezone="UTC",
        description=_describe(declared),
        default_status=dg.DefaultScheduleStatus.RUNNING if monitor.enabled else dg.DefaultScheduleStatus.STOPPED,
        owners=[monitor.owner] if monitor.owner else [],
    )
    def monitor_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(
            run_key=f"{declared.slug}/{tick}", asset_check_keys=[check], tags={"observe/monitor": declared.slug}
        )

    return monitor_schedule


def _query(monitor: Monitor) -> tuple[str, str]:
    if isinstance(monitor, DiffMonitor):
        dataset = monitor.datadiff.dataset_b
        return dataset.connection_id, dataset.query or ""
    if isinstance(monitor, MetricMonitor):
        return monitor.connection_id or "", getattr(monitor.metric, "query", "")
    query = monitor.query if isinstance(monitor, DataTestMonitor) else None
    return monitor.connection_id or "", query or ""


def _pool(declared: DeclaredMonitor, project: Project) -> str | None:
    """The pool of a monitor that reads where one writer keeps readers out."""
    monitor = declared.monitor
    if not monitor.is_local:
        return None
    used = (
        (monitor.datadiff.dataset_b.connection_id, monitor.datadiff.dataset_a.connection_id)
        if isinstance(monitor, DiffMonitor)
        else (monitor.connection_id or "",)
    )
    return pool_of(project, used)


def _describe(declared: DeclaredMonitor) -> str:
    monitor = declared.monitor
    description = monitor.description or f"{monitor.type.capitalize()} monitor {monitor.name or declared.slug}."
    when = ["after each sync"] if monitor.after_sync else []
    cron = monitor.schedule.cron_schedule
    when += [f"at `{cron}` UTC"] if cron else []
    return f"{description} Runs {' and '.join(when) or 'by hand'}." + (
        " A failure stops what is downstream." if monitor.blocking else ""
    )


def _memory(observe: ObserveResource, declared: DeclaredMonitor, asset: dg.AssetKey) -> "MonitorHistory":
    from observe_dagster.monitoring.monitors.history import MonitorHistory

    earlier = observe.ledger.checks.history(tuple(asset.path), declared.check_name, limit=_MOST_REMEMBERED)
    samples = [
        (verdict.judged_at, verdict.value, verdict.flagged)
        for verdict in reversed(earlier)
        if verdict.value is not None
    ]
    accepted = next((verdict.evidence for verdict in earlier if "accepted" in verdict.evidence), None)
    writer_id, executions = declared.writer_id, observe.ledger.executions
    number = None if writer_id is None else executions.latest_successful_id(writer_id)
    last_load = None if number is None else executions.get(number).end_date
    return MonitorHistory(samples=samples, evidence=accepted, last_load=last_load)
