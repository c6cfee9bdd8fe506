"""One sensor for each publisher that is on: what is new is enqueued, what is due is sent, receipts are shown."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.integrations.registry import PUBLISHERS, PublisherEntry
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import scoped
from observe_dagster.settings import Settings

if TYPE_CHECKING:
    from observe_dagster.integrations.publisher import Publisher, PublisherContext

BATCH = 200
FOLLOW_SECONDS = 15.0
DELIVER_SECONDS = 15.0
"""With a last batch that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""

SECONDS_BETWEEN_TICKS = 30
_FOLLOWED = [dg.DagsterEventType.ASSET_MATERIALIZATION]


def publishing_sensors(
    project: Project,
    settings: Settings,
    *,
    scope: str = "",
    settle_time: timedelta = SETTLE,
    environment: Mapping[str, str] | None = None,
    publishers: Sequence[PublisherEntry] = PUBLISHERS,
) -> list[dg.SensorDefinition]:
    """Make a sensor for each publisher that `environment`, by default the process's, or the project turns on.

    There are none where there is nothing to publish. Events younger than `settle` wait for the next tick.
    """
    env = os.environ if environment is None else environment
    return [
        publisher_sensor(entry, scope=scope, settle_time=settle_time, environment=environment)
        for entry in publishers
        if not entry.own_sensor
        and entry.is_on(env, project)
        and (project.pipelines or (settings.publish_assets and entry.follows_materializations))
    ]


def build_watcher_sensor() -> dg.SensorDefinition:
    """Make the sensor that publishes watched assets to a Watcher server, where no pipelines are declared.

    A code location with pipelines has it already.

    Example:
        >>> build_watcher_sensor()
    """
    (entry,) = (entry for entry in PUBLISHERS if entry.name == "watcher")
    return publisher_sensor(entry)


def publisher_sensor(
    entry: PublisherEntry,
    *,
    scope: str = "",
    settle_time: timedelta = SETTLE,
    environment: Mapping[str, str] | None = None,
) -> dg.SensorDefinition:
    """Make the sensor of one publisher; while that is off, ticks report which variables are missing."""

    @dg.sensor(
        name=scoped(entry.name, scope),
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=entry.description,
    )
    def publish(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        env = os.environ if environment is None else environment
        if not entry.is_on(env, observe.project):
            verb = "is" if len(entry.variables) == 1 else "are"
            missing = f"{' and '.join(entry.variables)} {verb} not set"
            return dg.SkipReason(f"{entry.name.replace('_', ' ').title()} is off: {missing}.")
        publisher = entry.open(env)
        missing = publisher.missing_config(observe.project)
        return dg.SkipReason(missing or _tick(context, observe, entry, publisher, settle_time=settle_time))

    return publish


def _tick(
    context: dg.SensorEvaluationContext,
    observe: ObserveResource,
    entry: PublisherEntry,
    publisher: "Publisher",
    *,
    settle_time: timedelta,
) -> str:
    from observe_dagster.orchestration.events.facts import FactBuilder

    work, enqueued = publisher_context(observe), 0
    if entry.follows_materializations:
        facts = FactBuilder(observe.project, context.repository_def, selection=observe.settings.publish_assets)
        work = replace(work, tables={table: tuple(asset.path) for table, asset in facts.assets.items()})
        for records in event_batches(context, _FOLLOWED, settle_time=settle_time, seconds=FOLLOW_SECONDS):
            batch = [(str(record.storage_id), fact) for record in records for fact in facts.of(record)]
            with observe.ledger.transaction() as tx:
                enqueued += publisher.enqueue_facts(replace(work, ledger=tx), batch)
    with observe.ledger.transaction() as tx:
        enqueued += publisher.enqueue_state(replace(work, ledger=tx))
    seconds = DELIVER_SECONDS if entry.follows_materializations else FOLLOW_SECONDS + DELIVER_SECONDS
    return deliver_due(context, observe, entry.name, publisher, work, enqueued=enqueued, seconds=seconds)


def publisher_context(observe: ObserveResource) -> "PublisherContext":
    """What a publisher works with in this process."""
    from observe_dagster.integrations.publisher import PublisherContext

    settings = observe.settings
    return PublisherContext(
        project=observe.project, ledger=observe.ledger, clock=observe.clock, dry_run=settings.publish_dry_run
    )


def event_batches(
    context: dg.SensorEvaluationContext,
    event_types: Sequence[dg.DagsterEventType],
    *,
    settle_time: timedelta,
    seconds: float,
) -> Iterator[list[dg.EventLogRecord]]:
    """The events since the last tick; the cursor passes a batch when the next is asked for."""
    follower = EventFollower(context.instance, event_types, context.cursor, settle_time=settle_time)
    until = monotonic() + seconds
    while True:
        records = list(follower.take(limit=BATCH, seconds=until - monotonic()))
        yield records
        context.update_cursor(follower.cursor)
        if len(records) < BATCH or monotonic() > until:
            return


def deliver_due(
    context: dg.SensorEvaluationContext,
    observe: ObserveResource,
    name: str,
    publisher: "Publisher",
    work: "PublisherContext",
    *,
    enqueued: int,
    seconds: float,
) -> str:
    """Send what is due, show receipts on the pages of assets, and return the summary of the tick."""
    from observe_dagster.integrations.publisher import dispatch, summary
    from observe_dagster.orchestration.sensors.receipts import show_receipts

    report = dispatch(publisher, work, seconds=seconds)
    if report.receipts:
        show_receipts(context.instance, observe, name, publisher.receipt_assets(work), report)
    sentence = summary(report, observe.ledger.outbox.counts(name), enqueued=enqueued)
    return " ".join([sentence, *publisher.notices(observe.project)])
