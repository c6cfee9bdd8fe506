"""The sensor that closes runs whose process is gone."""

import dagster as dg

from observe_dagster.orchestration.assets.remote_sync import reconcile_remote
from observe_dagster.orchestration.instance.heartbeat import end_lost_runs
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import REAPER_SENSOR, scoped

_SECONDS_BETWEEN_TICKS = 60


def reaper_sensor(*, scope: str) -> dg.SensorDefinition:
    """Make the sensor that closes the executions of processes that are gone."""

    @dg.sensor(
        name=scoped(REAPER_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Closes runs whose process is gone: as succeeded where their rows were committed, else as failed.",
    )
    def close_abandoned(
        context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]
    ) -> dg.SkipReason:
        lost, cursor = end_lost_runs(context.instance, context.cursor)
        context.update_cursor(cursor)
        closed = len(observe.runner.reconcile()) + reconcile_remote(observe)
        sentences = [f"Closed {_runs(closed, 'abandoned')}."] if closed else []
        sentences += [f"Ended {_runs(len(lost), 'lost Dagster')}: {', '.join(lost)}."] if lost else []
        return dg.SkipReason(" ".join(sentences) or "No run was abandoned.")

    return close_abandoned


def _runs(count: int, which: str) -> str:
    return f"{count} {which} {'run' if count == 1 else 'runs'}"
