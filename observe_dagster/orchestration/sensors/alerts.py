"""The sensor that tells people: follows what happens, keeps the alerts, and delivers the messages."""

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.orchestration.events.follower import SETTLE, EventFollower
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import scoped

if TYPE_CHECKING:
    from observe_dagster.alerts import Delivered, ProcessedEvents
    from observe_dagster.orchestration.events.health import HealthEventReader

ALERT_SENSOR = "alerts"
BATCH = 200
FOLLOW_SECONDS = 20.0
DELIVER_SECONDS = 10.0
"""With a last message that takes its time, a tick stays below 40 of the 60 seconds that Dagster grants it."""

_SECONDS_BETWEEN_TICKS = 30


def alert_sensor(project: Project, *, scope: str = "", settle: timedelta = SETTLE) -> dg.SensorDefinition | None:
    """Make the sensor that alerts about everything in the instance; None when no channel is declared."""
    if not project.alerting.channels:
        return None
    names = ", ".join(channel.name or channel.id for channel in project.alerting.channels)

    @dg.sensor(
        name=scoped(ALERT_SENSOR, scope),
        minimum_interval_seconds=_SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells people about failing checks, runs, sensors and schedules, and when it is over: {names}.",
    )
    def tell(context: dg.SensorEvaluationContext, observe: dg.ResourceParam[ObserveResource]) -> dg.SkipReason:
        from observe_dagster.alerts import PUBLISHER, AppriseNotifier, deliver

        taken, stopped = _listen(context, observe, settle)
        outbox, alerting = observe.ledger.outbox, observe.project.alerting
        delivered = deliver(outbox, alerting, AppriseNotifier(), clock=observe.clock, seconds=DELIVER_SECONDS)
        waiting = outbox.counts(PUBLISHER).get("pending", 0)
        return dg.SkipReason(_summary(taken, delivered, waiting, stopped))

    return tell


def _listen(
    context: dg.SensorEvaluationContext, observe: ObserveResource, settle: timedelta
) -> tuple["ProcessedEvents", Exception | None]:
    """Take in what stands and what happened, batch by batch; an error ends it, but keeps the batches before it."""
    from observe_dagster.alerts import ProcessedEvents
    from observe_dagster.orchestration.events.health import FOLLOWED, HealthEventReader

    listener = HealthEventReader(context.instance, observe.project, context.repository_def)
    follower = EventFollower(context.instance, FOLLOWED, context.cursor, settle=settle)
    until, taken, batches = monotonic() + FOLLOW_SECONDS, ProcessedEvents(), 0
    try:
        while True:
            records = list(follower.take(limit=BATCH, seconds=until - monotonic()))
            taken += _take_in_events(observe, listener, records)
            context.update_cursor(follower.cursor)
            batches += 1
            if len(records) < BATCH or monotonic() > until:
                return taken + _take_in_standing(observe, listener), None
    except Exception as error:
        if not batches:
            raise
        context.log.exception("Not everything could be followed.")  # raising would lose the cursor of earlier batches
        return taken, error


def _take_in_events(
    observe: ObserveResource, listener: "HealthEventReader", records: list[dg.EventLogRecord]
) -> "ProcessedEvents":
    from observe_dagster.alerts import process_events

    verdicts = [verdict for record in records for verdict in listener.verdicts(record)]
    alerting, base_url = observe.project.alerting, observe.settings.ui_url
    return process_events(observe.ledger, verdicts, alerting, now=observe.clock(), base_url=base_url)


def _take_in_standing(observe: ObserveResource, listener: "HealthEventReader") -> "ProcessedEvents":
    from observe_dagster.alerts import FORGOTTEN_AFTER, process_events
    from observe_dagster.alerts.events import AUTOMATION, FAULT

    now = observe.clock()
    with observe.ledger.transaction() as tx:
        faulted, alerts = tx.alerts.faults(), tx.alerts.open()
    verdicts = [*listener.faults(faulted, alerts, now=now), *listener.ticks(since=now - FORGOTTEN_AFTER)]
    alerting, base_url = observe.project.alerting, observe.settings.ui_url
    return process_events(
        observe.ledger, verdicts, alerting, now=now, base_url=base_url, complete_kinds=(FAULT, AUTOMATION)
    )


def _summary(taken: "ProcessedEvents", delivered: "Delivered", waiting: int, stopped: Exception | None) -> str:
    said = (
        f"{taken.opened} opened, {taken.resolved} resolved; "
        f"{delivered.sent} {'message' if delivered.sent == 1 else 'messages'} sent, {waiting} wait"
    )
    if delivered.dead:
        said += f", {delivered.dead} given up (`observe alerts list` says why)"
    return f"{said}." if stopped is None else f"{said}. Then following stopped: {type(stopped).__name__}: {stopped}"
