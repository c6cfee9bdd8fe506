"""The sensors that tell Monte Carlo and Datascale what the pipelines know, one for each, on once there is a key."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import Table
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.receipts import show_receipts
from observe_dagster.orchestration.translator.keys import destination_key, scoped
from observe_dagster.orchestration.translator.specs import sources_of
from observe_dagster.settings import Settings

if TYPE_CHECKING:
    from observe_dagster.integrations.watcher import WatcherSettings
    from observe_dagster.ledger import PipelineRow
if TYPE_CHECKING:
    from observe_dagster.ledger import DeliveryReport, Vendor

if TYPE_CHECKING:
    from observe_dagster.orchestration.events.facts import FactBuilder

MONTE_CARLO_SENSOR = "monte_carlo"
DATASCALE_SENSOR = "datascale"
BATCH = 200
FOLLOW_SECONDS = 15.0
DELIVER_SECONDS = 15.0
"""With a last batch that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""

QUERIES_SINCE = timedelta(days=7)
_MOST_QUERIES = 2_000
_SECONDS_BETWEEN_TICKS = 30
METADATA_EVERY = timedelta(hours=1)
_FOLLOWED = [dg.DagsterEventType.ASSET_MATERIALIZATION]


def publishing_sensors(
    project: Project,
    settings: Settings,
    *,
    scope: str = "",
    settle: timedelta = SETTLE,
    metadata_every: timedelta = METADATA_EVERY,
) -> list[dg.SensorDefinition]:
    """Make the sensors, if there is anything to tell; without a key in the environment they say so and do nothing.

    Monte Carlo gets the metadata of a table once every `metadata_every`; with zero, that of every materialization.
    """
    if not project.pipelines and not settings.publish_assets:
        return []
    return [_monte_carlo(scope, settle, metadata_every), _datascale(scope, settle)]


def _monte_carlo(scope: str, settle: timedelta, metadata_every: timedelta) -> dg.SensorDefinition:
    @dg.sensor(
        name=scoped(MONTE_CARLO_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Pushes table metadata, lineage and query logs to Monte Carlo (MCD_INGEST_ID, MCD_INGEST_TOKEN).",
    )
    def push(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.integrations.monte_carlo import declared_resources, open_client, open_vendor

        settings = observe.settings.monte_carlo
        if settings is None:
            return dg.SkipReason("Monte Carlo is off: MCD_INGEST_ID and MCD_INGEST_TOKEN are not set.")
        resources = declared_resources(observe.project, settings)
        if not resources.of_connections and resources.default is None:
            return dg.SkipReason(
                "Nothing to tell: no connection has a monte_carlo_resource_uuid, and MCD_RESOURCE_UUID is not set."
            )
        facts, notices = _facts(context, observe), list(_without_query_logs(observe))
        made = _follow_for_monte_carlo(context, observe, facts, settle, metadata_every) + _sweep_for_monte_carlo(
            observe, facts
        )
        with open_client(settings, folder=observe.settings.publish_dry_run) as client:
            tally = deliver_due(observe, open_vendor(client, observe.project, settings), seconds=DELIVER_SECONDS)
        show_receipts(context.instance, observe, "monte_carlo", _receipts_of_tables(facts), tally)
        said = tick_summary(observe, "monte_carlo", made, tally, requests=True)
        return dg.SkipReason(" ".join([said, *notices]))

    return push


def _datascale(scope: str, settle: timedelta) -> dg.SensorDefinition:
    @dg.sensor(
        name=scoped(DATASCALE_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Puts the SQL of pipelines and the DDL of their tables to Datascale (DATASCALE_TOKEN).",
    )
    def put(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.integrations.datascale import enqueue, open_client, open_vendor, pipeline_scripts

        settings = observe.settings.datascale
        if settings is None:
            return dg.SkipReason("Datascale is off: DATASCALE_TOKEN is not set.")
        with observe.ledger.transaction() as tx:
            made = enqueue(tx, pipeline_scripts(observe.project), now=observe.clock())
        facts = _facts(context, observe)
        made += _follow_for_datascale(context, observe, facts, settle)
        with open_client(settings, folder=observe.settings.publish_dry_run) as client:
            vendor = open_vendor(client, observe.ledger, settings, clock=observe.clock)
            tally = deliver_due(observe, vendor, seconds=DELIVER_SECONDS)
        show_receipts(context.instance, observe, "datascale", _receipts_of_scripts(observe, facts), tally)
        return dg.SkipReason(tick_summary(observe, "datascale", made, tally, requests=True))

    return put


def _facts(context: dg.SensorEvaluationContext, observe: ObserveResource) -> "FactBuilder":
    from observe_dagster.orchestration.events.facts import FactBuilder

    return FactBuilder(observe.project, context.repository_def, selection=observe.settings.publish_assets)


def _batches(context: dg.SensorEvaluationContext, settle: timedelta) -> Iterator[list[dg.EventLogRecord]]:
    """The materializations since the last tick; the cursor passes a batch when the next is asked for."""
    follower = EventFollower(context.instance, _FOLLOWED, context.cursor, settle=settle)
    until = monotonic() + FOLLOW_SECONDS
    while True:
        records = list(follower.take(limit=BATCH, seconds=until - monotonic()))
        yield records
        context.update_cursor(follower.cursor)
        if len(records) < BATCH or monotonic() > until:
            return


def _follow_for_monte_carlo(
    context: dg.SensorEvaluationContext,
    observe: ObserveResource,
    facts: "FactBuilder",
    settle: timedelta,
    metadata_every: timedelta,
) -> int:
    from observe_dagster.integrations.monte_carlo import declared_resources, enqueue

    assert observe.settings.monte_carlo is not None
    resources, made = declared_resources(observe.project, observe.settings.monte_carlo), 0
    for records in _batches(context, settle):
        told = [(str(record.storage_id), fact) for record in records for fact in facts.of(record)]
        with observe.ledger.transaction() as tx:
            made += enqueue(tx, told, resources, now=observe.clock(), metadata_every=metadata_every)
    return made


def _sweep_for_monte_carlo(observe: ObserveResource, facts: "FactBuilder") -> int:
    """Statements that nobody was told of, and column lineage that is a day old."""
    from observe_dagster.integrations.facts import QUERY_LOG, QueryLogEntry
    from observe_dagster.integrations.monte_carlo import PUBLISHER, declared_resources, enqueue, refresh_column_lineage

    assert observe.settings.monte_carlo is not None
    resources, now = declared_resources(observe.project, observe.settings.monte_carlo), observe.clock()
    logged = [name for name, resource in resources.of_connections.items() if resource.log_type is not None]
    with observe.ledger.transaction() as tx:
        found = tx.outbox.unpublished_queries(
            publisher=PUBLISHER,
            prefix=f"{QUERY_LOG}:",
            connections=logged,
            since=now - QUERIES_SINCE,
            limit=_MOST_QUERIES,
        )
        told = [
            (
                str(query.id),
                QueryLogEntry(
                    connection_id=query.connection_id,
                    start_time=query.started_at,
                    end_time=query.ended_at,
                    query_text=query.query_text,
                    query_id=query.query_id,
                    user=query.user_name,
                    returned_rows=query.returned_rows,
                ),
            )
            for query in found
        ]
        made = enqueue(tx, told, resources, now=now)
        return made + refresh_column_lineage(tx, [table.key for table in facts.tables], now=now)


def _follow_for_datascale(
    context: dg.SensorEvaluationContext, observe: ObserveResource, facts: "FactBuilder", settle: timedelta
) -> int:
    from observe_dagster.integrations.datascale import enqueue, table_script
    from observe_dagster.integrations.facts import TableMetadata

    made = 0
    for records in _batches(context, settle):
        described = [fact for record in records for fact in facts.of(record) if isinstance(fact, TableMetadata)]
        scripts = {
            fact.table.key: table_script(
                fact.table.key,
                observe.project.connection(fact.table.connection_id).service_provider,
                fact.table.schema,
                fact.table.name,
                fact.fields,
            )
            for fact in described
            if fact.fields and fact.table.connection_id is not None
        }
        with observe.ledger.transaction() as tx:
            made += enqueue(tx, scripts.values(), now=observe.clock())
    return made


def _without_query_logs(observe: ObserveResource) -> Iterator[str]:
    """Why the statements of some connections are not told."""
    from observe_dagster.integrations.monte_carlo import log_type_of

    silent = [
        connection
        for connection in observe.project.connections
        if connection.monte_carlo_resource_uuid is not None and log_type_of(connection.service_provider) is None
    ]
    if silent:
        providers = " and ".join(sorted({connection.service_provider for connection in silent}))
        names = ", ".join(connection.id for connection in silent)
        yield f"Monte Carlo takes no query logs of {providers}: those of {names} are not sent."


def _receipts_of_tables(facts: "FactBuilder") -> dict[str, dg.AssetKey]:
    """The asset whose page shows a receipt, by what its table's publications are ordered by."""
    return {table.key: key for table, key in facts.assets.items()}


def _receipts_of_scripts(observe: ObserveResource, facts: "FactBuilder") -> dict[str, dg.AssetKey]:
    tables = {f"sql/table/{table.key}": key for table, key in facts.assets.items()}
    return tables | {f"sql/pipeline/{pipeline.id}": destination_key(pipeline) for pipeline in observe.project.pipelines}


WATCHER_SENSOR = "watcher"
DELIVER_TO_WATCHER_SECONDS = 30.0


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
        from observe_dagster.integrations.watcher import WatcherSettings

        access = WatcherSettings.from_environment()
        if access is None:
            return dg.SkipReason("Watcher is off: WATCHER_URL is not set.")
        return dg.SkipReason(push_to_watcher(observe, access, instance=context.instance))

    return report


def push_to_watcher(
    observe: ObserveResource, access: "WatcherSettings", *, instance: dg.DagsterInstance | None = None
) -> str:
    """Put into the outbox what is new, deliver what is due, and say what was done.

    With `instance` the pages of assets show what was taken.
    """
    from observe_dagster.integrations.watcher import PUBLISHER, Watcher, enqueue, open_client

    project = observe.project
    observed = [row for row in observe.ledger.declared.pipelines(watched=True) if not row.managed]
    platforms = {connection.id: connection.service_provider for connection in project.connections}
    with observe.ledger.transaction() as tx:
        made = enqueue(tx, project, lineage(project), platforms, observed=observed, now=observe.clock())
    with open_client(access, folder=observe.settings.publish_dry_run) as client:
        tally = deliver_due(observe, Watcher(client, observe.ledger), seconds=DELIVER_TO_WATCHER_SECONDS)
    if instance is not None:
        show_receipts(instance, observe, PUBLISHER, _assets(project, observed), tally)
    return tick_summary(observe, PUBLISHER, made, tally)


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


def deliver_due(observe: ObserveResource, vendor: "Vendor", *, seconds: float) -> "DeliveryReport":
    """Send what is due to a vendor, beginning no further request once the seconds are nearly over."""
    from observe_dagster.ledger import deliver

    return deliver(observe.ledger.outbox, vendor, clock=observe.clock, seconds=seconds)


def tick_summary(
    observe: ObserveResource, publisher: str, made: int, tally: "DeliveryReport", *, requests: bool = False
) -> str:
    """What was put in and sent, what waits and what was given up, in a sentence, with the notices after it."""
    counts = observe.ledger.outbox.counts(publisher)
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(tally.sent.items())) or "nothing"
    sent = f"{kinds} in {tally.requests} requests" if requests else kinds
    said = f"{made} new, sent {sent}; {counts.get('pending', 0)} wait"
    if counts.get("dead"):
        said += f", {counts['dead']} given up (`observe publications list` says why)"
    return " ".join([f"{said}.", *tally.notices])
