"""A project in, Dagster definitions out: the core that `definitions.py` and the Component share."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.project import Project
from observe_dagster.orchestration.assets.partitions import partitions_of
from observe_dagster.orchestration.assets.sync import pipeline_asset
from observe_dagster.orchestration.checks.monitors import (
    check_keys_of_syncs,
    monitor_check,
    monitor_check_key,
    monitor_schedules,
    monitored_specs,
    monitors_after_sync,
    monitors_job,
)
from observe_dagster.orchestration.instance.dagster_private import UnresolvedAssetJobDefinition
from observe_dagster.orchestration.instance.heartbeat import heartbeat_in_process_executor
from observe_dagster.orchestration.projects import owns_shared_definitions
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.schedules.intervals import pipeline_schedule
from observe_dagster.orchestration.schedules.retention import prune_schedule
from observe_dagster.orchestration.sensors.alerts import alert_sensor
from observe_dagster.orchestration.sensors.check_status import check_status_sensor
from observe_dagster.orchestration.sensors.datafold_ci import datafold_ci_sensor
from observe_dagster.orchestration.sensors.once import run_once_sensor
from observe_dagster.orchestration.sensors.publishers import publishing_sensors
from observe_dagster.orchestration.sensors.reaper import reaper_sensor
from observe_dagster.orchestration.sensors.remote_runs import remote_runs_sensor
from observe_dagster.orchestration.translator.keys import SYNC_JOB, destination_key, safe_names, scoped
from observe_dagster.orchestration.translator.specs import TableKeys, source_specs, upstream_of, upstream_of_all
from observe_dagster.settings import Settings


def build_definitions(
    project: Project,
    *,
    settings: Settings | None = None,
    observe: ObserveResource | None = None,
    scope: str = "",
) -> dg.Definitions:
    """Make the assets, schedules, sensors and the job of a project; connects to nothing.

    `observe` is the resource they use, by default one made from `settings` (or the environment). `scope` tells
    several builds in one code location apart. Such a build leaves the location's executor alone, and the source
    tables to Dagster, which shows each that is read by any of them.
    """
    resource = observe or ObserveResource(project, settings or Settings.from_environment())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _build(project, resource, scope)


def build_sync_job(project: Project, pipeline_id: str, *, settings: Settings) -> dg.Definitions:
    """Make the shared job with the asset of one pipeline alone, and the monitors that run after its syncs.

    Keys, names and descriptions are those of `build_definitions`; the resource is the whole project's.
    """
    pipeline, keys = project.pipeline(pipeline_id), TableKeys(project)
    monitors = monitors_after_sync(project).get(pipeline_id, [])
    part = replace(project, pipelines=(pipeline,), monitors=tuple(monitors))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        asset = pipeline_asset(
            pipeline,
            project,
            safe_name=safe_names(each.id for each in project.pipelines)[pipeline_id],
            deps=upstream_of(pipeline, project, keys),
            partitions_def=partitions_of(pipeline, project),
        )
        return dg.Definitions(
            assets=[asset, *monitored_specs(part, keys, known={destination_key(pipeline)})],
            asset_checks=[monitor_check(declared, project, keys) for declared in monitors],
            jobs=[_job(part, keys, SYNC_JOB)],
            resources={"observe": ObserveResource(project, settings)},
            executor=heartbeat_in_process_executor,
        )


def _build(project: Project, resource: ObserveResource, scope: str) -> dg.Definitions:
    names = safe_names(pipeline.id for pipeline in project.pipelines)
    job_name, keys = scoped(SYNC_JOB, scope), TableKeys(resource.project)
    upstream, checks = upstream_of_all(project, keys), check_keys_of_syncs(project, keys)
    assets: list[dg.AssetsDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    for pipeline in project.pipelines:
        name, partitions = names[pipeline.id], partitions_of(pipeline, project)
        deps = upstream[destination_key(pipeline)]
        assets.append(pipeline_asset(pipeline, project, safe_name=name, deps=deps, partitions_def=partitions))
        schedule = pipeline.schedule
        if isinstance(schedule, IntervalSchedule):
            schedules.append(
                pipeline_schedule(
                    pipeline,
                    schedule,
                    safe_name=name,
                    job_name=job_name,
                    checks=checks[pipeline.id],
                    partitions_def=partitions,
                )
            )
    sources = [] if scope else source_specs(project, keys)
    described = {*(destination_key(pipeline) for pipeline in project.pipelines), *(spec.key for spec in sources)}
    watched = [] if scope else list(monitored_specs(project, keys, known=described))
    upkeep = [prune_schedule] if (project.pipelines or project.monitors) and owns_shared_definitions(scope) else []
    monitors = monitors_job(project, keys, scope=scope)
    return dg.Definitions(
        assets=[*assets, *sources, *watched],
        asset_checks=[monitor_check(declared, project, keys) for declared in project.monitors],
        jobs=[
            *([_job(project, keys, job_name)] if project.pipelines else []),
            *([] if monitors is None else [monitors]),
            *(schedule.job for schedule in upkeep),
        ],
        schedules=[*schedules, *monitor_schedules(project, keys, scope=scope), *upkeep],
        sensors=[
            *_sensors(project, checks, job_name=job_name, scope=scope),
            *publishing_sensors(project, resource.settings, scope=scope),
        ],
        resources={"observe": resource},
        executor=None if scope else heartbeat_in_process_executor,
    )


def _job(project: Project, keys: TableKeys, job_name: str) -> UnresolvedAssetJobDefinition:
    selection = dg.AssetSelection.assets(*(destination_key(pipeline) for pipeline in project.pipelines))
    riding = [declared for monitors in monitors_after_sync(project).values() for declared in monitors]
    monitors = [monitor_check_key(declared, project, keys) for declared in riding]
    return dg.define_asset_job(
        job_name,
        selection=selection | dg.AssetSelection.checks(*monitors) if monitors else selection,
        executor_def=heartbeat_in_process_executor,
        description="Syncs the pipelines that are selected for the run.",
    )


def _sensors(
    project: Project, checks: Mapping[str, Sequence[dg.AssetCheckKey]], *, job_name: str, scope: str
) -> Iterator[dg.SensorDefinition]:
    sensors = [alert_sensor(project, scope=scope)]
    if project.pipelines:
        sensors += [
            check_status_sensor(project, scope=scope),
            run_once_sensor(project, checks, job_name=job_name, scope=scope),
            reaper_sensor(scope=scope),
            remote_runs_sensor(project, scope=scope),
            datafold_ci_sensor(scope=scope),
        ]
    return (sensor for sensor in sensors if sensor is not None)
