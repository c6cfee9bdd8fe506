"""The sensor that tells a Watcher server what the ledger knows, on once there is a server."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.orchestration.names import scoped
from observe_dagster.orchestration.places import database_name
from observe_dagster.orchestration.resources import ObserveResource
from observe_dagster.orchestration.translator import sources_of
from observe_dagster.publish.facts import Table
from observe_dagster.spec.pipeline import Pipeline
from observe_dagster.spec.project import Project

if TYPE_CHECKING:
    from observe_dagster.publish.watcher import Access

WATCHER_SENSOR = "watcher"
DELIVER_SECONDS = 30.0
"""With a last request that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""

_SECONDS_BETWEEN_TICKS = 30


def watcher_sensor(*, scope: str = "") -> dg.SensorDefinition:
    """Make the sensor; without a server in the environment it says so and does nothing."""

    @dg.sensor(
        name=scoped(WATCHER_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells a Watcher server about pipelines, executions, watermarks and lineage (WATCHER_URL).",
    )
    def report(observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.publish.watcher import Access

        access = Access.from_environment()
        if access is None:
            return dg.SkipReason("Watcher is off: WATCHER_URL is not set.")
        return dg.SkipReason(tell_watcher(observe, access))

    return report


def tell_watcher(observe: ObserveResource, access: "Access") -> str:
    """Put into the outbox what is new, deliver what is due, and say what was done."""
    from observe_dagster.ledger.outbox import Outbox
    from observe_dagster.publish.delivery import deliver
    from observe_dagster.publish.watcher import PUBLISHER, Watcher, open_client, take_in

    project, outbox = observe.project, Outbox(observe.ledger)
    platforms = {connection.id: connection.service_provider for connection in project.connections}
    with observe.ledger.transaction() as db:
        made = take_in(db, project, lineage(project), platforms, now=observe.clock())
    with open_client(access, folder=observe.settings.publish_dry_run) as client:
        tally = deliver(outbox, Watcher(client, observe.ledger), clock=observe.clock, seconds=DELIVER_SECONDS)
    counts = outbox.counts(PUBLISHER)
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(tally.sent.items())) or "nothing"
    said = f"{made} new, sent {kinds}; {counts.get('pending', 0)} wait"
    if counts.get("dead"):
        said += f", {counts['dead']} given up (`observe publications list` says why)"
    return " ".join([f"{said}.", *tally.notices])


def lineage(project: Project) -> Iterator[tuple[Pipeline, Sequence[Table], Table]]:
    """Each pipeline with the tables it reads and the one it writes."""
    for pipeline in project.pipelines:
        source = project.connection(pipeline.connection_id)
        read = [
            Table(connection_id=source.id, database=database_name(source), schema=table.schema, name=table.table)
            for table in sources_of(pipeline, project)
        ]
        yield pipeline, read, _written(pipeline, project)


def _written(pipeline: Pipeline, project: Project) -> Table:
    to = pipeline.destination
    if pipeline.engine != "local":
        return Table(connection_id=None, database=pipeline.engine, schema=pipeline.environment, name=pipeline.id)
    connection = project.connection(to.connection_id)
    return Table(connection_id=connection.id, database=database_name(connection), schema=to.schema_, name=to.table)
