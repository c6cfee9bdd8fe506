"""Pipelines that run at mParticle: materializing one triggers its run there and follows it.

Runs that somebody started there are picked up by a sensor.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import RequestError, SettingsError
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import RunType, SyncResult

if TYPE_CHECKING:
    from observe_dagster.integrations.warehouse_sync.client import RemoteRun
    from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner


@contextmanager
def remote_runner(observe: ObserveResource) -> Generator["RemoteRunner | None"]:
    """Open what runs pipelines at Warehouse Sync; None where the environment does not name a workspace there."""
    from observe_dagster.integrations.warehouse_sync.apply import secrets_sent
    from observe_dagster.integrations.warehouse_sync.client import WarehouseSyncClient
    from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner
    from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings

    settings = WarehouseSyncSettings.from_environment()
    if settings is None:
        yield None
        return
    with WarehouseSyncClient(settings, secrets=secrets_sent(observe.project)) as client:
        yield RemoteRunner(observe.project, observe.ledger, client, clock=observe.clock)


def remote_run(
    context: dg.AssetExecutionContext,
    observe: ObserveResource,
    pipeline: Pipeline,
    *,
    run_type: RunType,
    execution_key: str,
) -> SyncResult:
    """Run the pipeline at Warehouse Sync; raises ObserveError."""
    config = context.op_execution_context.op_config
    if config.get("from") is not None or config.get("until") is not None or config.get("full_refresh"):
        raise RequestError(
            pipeline.id,
            f"Pipeline {pipeline.id} runs at Warehouse Sync, which goes on from its last run: "
            "`from`, `until` and `full_refresh` cannot be asked for.",
        )
    statuses: list[str] = []

    def log_status(run: "RemoteRun") -> None:
        if not statuses or statuses[-1] != run.status:
            statuses.append(run.status)
            context.log.info(f"Run {run.id} at Warehouse Sync: {run.status}.")

    with remote_runner(observe) as runner:
        if runner is None:
            message = f"Pipeline {pipeline.id} has engine mparticle: set MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN."
            raise SettingsError(message)
        return runner.run(
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
    with remote_runner(observe) as runner:
        return 0 if runner is None else len(runner.reconcile())
