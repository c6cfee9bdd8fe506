"""The sensor that alerts: it follows health events, opens and resolves alerts, and delivers the messages."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.orchestration.events.follower import SETTLE
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import (
    SECONDS_BETWEEN_TICKS,
    deliver_due,
    event_batches,
    publisher_context,
)
from observe_dagster.orchestration.translator.keys import scoped

if TYPE_CHECKING:
    from observe_dagster.alerts import ProcessedEvents

ALERT_SENSOR = "alerts"
FOLLOW_SECONDS = 20.0
DELIVER_SECONDS = 10.0
"""With a last message that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""


def alert_sensor(project: Project, *, scope: str = "", settle_time: timedelta = SETTLE) -> dg.SensorDefinition | None:
    """Make the sensor that alerts about everything in the instance; None when no channel is declared."""
    if not project.alerting.channels:
        return None
    names = ", ".join(channel.name or channel.id for channel in project.alerting.channels)

    @dg.sensor(
        name=scoped(ALERT_SENSOR, scope),
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Alerts about failing checks, runs, sensors and schedules, and when they recover: {names}.",
    )
    def alert(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.alerts import PUBLISHER
        from observe_dagster.alerts.publisher import AlertPublisher

        processed, error = _process(context, observe, settle_time)
        work, enqueued = publisher_context(observe), processed.messages
        summary = deliver_due(
            context, observe, PUBLISHER, AlertPublisher(), work, enqueued=enqueued, seconds=DELIVER_SECONDS
        )
        stopped = "" if error is None else f" Then following stopped: {type(error).__name__}: {error}"
        return dg.SkipReason(f"{processed.opened} opened, {processed.resolved} resolved; {summary}{stopped}")

    return alert


def _process(
    context: dg.SensorEvaluationContext, observe: ObserveResource, settle_time: timedelta
) -> tuple["ProcessedEvents", Exception | None]:
    """Process new events batch by batch, then current faults and ticks; an error ends it, but keeps earlier batches."""
    from observe_dagster.alerts import FORGOTTEN_AFTER, ProcessedEvents, process_events
    from observe_dagster.alerts.events import AUTOMATION, FAULT
    from observe_dagster.orchestration.events.health import FOLLOWED, HealthEventReader

    reader = HealthEventReader(context.instance, observe.project, context.repository_def)
    process = partial(
        process_events, observe.ledger, alerting=observe.project.alerting, base_url=observe.settings.ui_url
    )
    processed, batches = ProcessedEvents(), 0
    try:
        for records in event_batches(context, FOLLOWED, settle_time=settle_time, seconds=FOLLOW_SECONDS):
            events = [event for record in records for event in reader.verdicts(record)]
            processed += process(events, now=observe.clock())
            batches += 1
        now = observe.clock()
        with observe.ledger.transaction() as tx:
            faulted, alerts = tx.alerts.faults(), tx.alerts.open()
        events = [*reader.faults(faulted, alerts, now=now), *reader.ticks(since=now - FORGOTTEN_AFTER)]
        processed += process(events, now=now, complete_kinds=(FAULT, AUTOMATION))
    except Exception as error:
        if not batches:
            raise
        context.log.exception("Not everything could be followed.")  # raising would lose the cursor of earlier batches
        return processed, error
    return processed, None
