"""The sensor that imports runs started at Warehouse Sync itself."""

import json
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.errors import PublishError
from observe_dagster.orchestration.assets.remote_sync import remote_runner
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import REMOTE_RUNS_SENSOR, destination_key, instant_text, scoped

if TYPE_CHECKING:
    from observe_dagster.integrations.warehouse_sync.client import RemoteRun
    from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner

RUN_KEY = "observe/warehouse_sync_run_id"
_SECONDS_BETWEEN_TICKS = 60
_SECONDS_PER_TICK = 20.0
_MOST_MATERIALIZATIONS = 100


def remote_runs_sensor(project: Project, *, scope: str) -> dg.SensorDefinition | None:
    """Make the sensor that imports runs that were started at Warehouse Sync itself; None without such pipelines."""
    pipelines = [pipeline for pipeline in project.pipelines if not pipeline.is_local]
    if not pipelines:
        return None

    @dg.sensor(
        name=scoped(REMOTE_RUNS_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records runs that were started at Warehouse Sync itself (MPARTICLE_WORKSPACE_ID).",
    )
    def import_runs(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        with remote_runner(observe) as runner:
            if runner is None:
                return dg.SkipReason("Warehouse Sync is off: MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN are not set.")
            return dg.SkipReason(_import_runs(context, runner, pipelines))

    return import_runs


def _import_runs(context: dg.SensorEvaluationContext, runner: "RemoteRunner", pipelines: Sequence[Pipeline]) -> str:
    def report(pipeline: Pipeline, run: "RemoteRun") -> None:
        report_remote_run(context.instance, pipeline, run)

    deadline, count, notices = monotonic() + _SECONDS_PER_TICK, 0, dict[str, None]()
    cursor: dict[str, Any] = json.loads(context.cursor) if context.cursor else {"last": None, "seen": {}}
    seen: dict[str, int] = cursor["seen"]
    # The one after the last that was polled comes first.
    first = next((at for at, pipeline in enumerate(pipelines, start=1) if pipeline.id == cursor["last"]), 0)
    for pipeline in [*pipelines[first:], *pipelines[:first]]:
        if monotonic() > deadline:
            break
        try:
            made, seen[pipeline.id] = runner.import_runs(pipeline, report, seen=seen.get(pipeline.id, 0))
            count += made
        except PublishError as error:
            unknown = f"Warehouse Sync has no pipeline {pipeline.id}; `observe warehouse-sync apply` creates it."
            notices[unknown if error.status == 404 else str(error)] = None
        context.update_cursor(json.dumps({"last": pipeline.id, "seen": seen}))
    runs = "1 run that was" if count == 1 else f"{count} runs that were"
    return " ".join([f"Imported {runs} started at Warehouse Sync.", *notices])


def report_remote_run(instance: dg.DagsterInstance, pipeline: Pipeline, run: "RemoteRun") -> None:
    """Report a materialization of a run that was started at Warehouse Sync, once."""
    if run.id not in _reported_run_ids(instance, destination_key(pipeline)):
        instance.report_runless_asset_event(_materialization(pipeline, run))


def _reported_run_ids(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[int]:
    """The ids of the runs that the asset's latest materializations are about."""
    for record in instance.fetch_materializations(key, limit=_MOST_MATERIALIZATIONS).records:
        value = record.asset_materialization.metadata.get(RUN_KEY) if record.asset_materialization else None
        if isinstance(value, dg.IntMetadataValue) and value.value is not None:
            yield value.value


def _materialization(pipeline: Pipeline, run: "RemoteRun") -> dg.AssetMaterialization:
    metadata: dict[str, Any] = {
        RUN_KEY: run.id,
        "observe/total_rows": run.successful_records + run.failed_records,
        "observe/inserts": run.successful_records,
        "observe/failed_records": run.failed_records,
        "observe/run_type": "scheduled" if run.type == "scheduled" else "manual",
    }
    if run.started_on is not None and run.ended_on is not None:
        metadata["observe/duration_seconds"] = (run.ended_on - run.started_on).total_seconds()
    moments = {"logical_date": run.logical_date, "range_start": run.range_start, "range_end": run.range_end}
    metadata |= {f"observe/{name}": instant_text(moment) for name, moment in moments.items() if moment is not None}
    description = "This run was started at Warehouse Sync."
    return dg.AssetMaterialization(destination_key(pipeline), description=description, metadata=metadata)
