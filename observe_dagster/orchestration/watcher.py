"""The sensor that tells a Watcher server what the ledger knows, on once there is a server."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import Table
from observe_dagster.orchestration.delivering import deliver_due, told
from observe_dagster.orchestration.names import destination_key, scoped
from observe_dagster.orchestration.receipts import show_receipts
from observe_dagster.orchestration.resources import ObserveResource
from observe_dagster.orchestration.translator import sources_of

if TYPE_CHECKING:
    from observe_dagster.integrations.watcher import Access
    from observe_dagster.ledger import PipelineRow

WATCHER_SENSOR = "watcher"
DELIVER_SECONDS = 30.0
"""With a last request that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""

_SECONDS_BETWEEN_TICKS = 30


def build_watcher_sensor() -> dg.SensorDefinition:
    """Make the sensor that tells a Watcher server about watched assets, where no pipelines are declared.

    A code location with pipelines has it already.

    Example:
        >>> build_watcher_sensor()
    """
    return watcher_sensor()


def watcher_sensor(*, scope: str = "") -> dg.SensorDefinition:
    """Make the sensor; without a server in the environment it says so and does nothing."""

    @dg.sensor(
        name=scoped(WATCHER_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells a Watcher server about pipelines, executions, watermarks and lineage (WATCHER_URL).",
    )
    def report(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.integrations.watcher import Access

        access = Access.from_environment()
        if access is None:
            return dg.SkipReason("Watcher is off: WATCHER_URL is not set.")
        return dg.SkipReason(tell_watcher(observe, access, instance=context.instance))

    return report


def tell_watcher(observe: ObserveResource, access: "Access", *, instance: dg.DagsterInstance | None = None) -> str:
    """Put into the outbox what is new, deliver what is due, and say what was done.

    With `instance` the pages of assets show what was taken.
    """
    from observe_dagster.integrations.watcher import PUBLISHER, Watcher, open_client, take_in

    project = observe.project
    observed = [row for row in observe.ledger.pipelines(observed=True) if not row.managed]
    platforms = {connection.id: connection.service_provider for connection in project.connections}
    with observe.ledger.transaction() as db:
        made = take_in(db, project, lineage(project), platforms, observed=observed, now=observe.clock())
    with open_client(access, folder=observe.settings.publish_dry_run) as client:
        tally = deliver_due(observe, Watcher(client, observe.ledger), seconds=DELIVER_SECONDS)
    if instance is not None:
        show_receipts(instance, observe, PUBLISHER, _assets(project, observed), tally)
    return told(observe, PUBLISHER, made, tally)


def _assets(project: Project, observed: "Sequence[PipelineRow]") -> dict[str, dg.AssetKey]:
    from observe_dagster.ledger import asset_key_of

    others = {row.pipeline_id: dg.AssetKey(asset_key_of(row.pipeline_id)) for row in observed}
    return others | {pipeline.id: destination_key(pipeline) for pipeline in project.pipelines}


def lineage(project: Project) -> Iterator[tuple[Pipeline, Sequence[Table], Table]]:
    """Each pipeline with the tables it reads and the one it writes."""
    for pipeline in project.pipelines:
        source = project.connection(pipeline.connection_id)
        read = [
            Table(connection_id=source.id, database=source.database_name, schema=table.schema, name=table.table)
            for table in sources_of(pipeline, project)
        ]
        yield pipeline, read, _written(pipeline, project)


def _written(pipeline: Pipeline, project: Project) -> Table:
    to = pipeline.destination
    if pipeline.engine != "local":
        return Table(connection_id=None, database=pipeline.engine, schema=pipeline.environment, name=pipeline.id)
    connection = project.connection(to.connection_id)
    return Table(connection_id=connection.id, database=connection.database_name, schema=to.schema_, name=to.table)
