"""Pipelines that run at mParticle: materializing one triggers its run there and follows it.

Runs that somebody started there are picked up by a sensor.
"""

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import RequestError, SettingsError
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import RunType, SyncResult


def remote_run(
    context: dg.AssetExecutionContext,
    observe: ObserveResource,
    pipeline: Pipeline,
    *,
    run_type: RunType,
    execution_key: str,
) -> SyncResult:
    """Run the pipeline at Warehouse Sync; raises ObserveError."""
    from observe_dagster.integrations.warehouse_sync.apply import secrets_sent
    from observe_dagster.integrations.warehouse_sync.client import RemoteRun, WarehouseSyncClient
    from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner
    from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings

    config = context.op_execution_context.op_config
    if config.get("from") is not None or config.get("until") is not None or config.get("full_refresh"):
        raise RequestError(
            pipeline.id,
            f"Pipeline {pipeline.id} runs at Warehouse Sync, which goes on from its last run: "
            "`from`, `until` and `full_refresh` cannot be asked for.",
        )
    settings = WarehouseSyncSettings.from_environment()
    if settings is None:
        raise SettingsError(
            f"Pipeline {pipeline.id} has engine mparticle: set MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN."
        )
    logged: list[str] = []

    def log_status(run: RemoteRun) -> None:
        if not logged or logged[-1] != run.status:
            logged.append(run.status)
            context.log.info(f"Run {run.id} at Warehouse Sync: {run.status}.")

    with WarehouseSyncClient(settings, secrets=secrets_sent(observe.project)) as client:
        return RemoteRunner(observe.project, observe.ledger, client, clock=observe.clock).run(
            pipeline.id,
            run_type=run_type,
            execution_key=execution_key,
            dagster_run_id=context.run.run_id,
            on_run=log_status,
        )


def reconcile_remote(observe: ObserveResource) -> int:
    """Close the executions whose run at Warehouse Sync ended while nobody followed it; returns how many."""
    if all(pipeline.is_local for pipeline in observe.project.pipelines):
        return 0
    from observe_dagster.integrations.warehouse_sync.apply import secrets_sent
    from observe_dagster.integrations.warehouse_sync.client import WarehouseSyncClient
    from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner
    from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings

    settings = WarehouseSyncSettings.from_environment()
    if settings is None:
        return 0
    with WarehouseSyncClient(settings, secrets=secrets_sent(observe.project)) as client:
        return len(RemoteRunner(observe.project, observe.ledger, client, clock=observe.clock).reconcile())
