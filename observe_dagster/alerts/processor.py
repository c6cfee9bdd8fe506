"""Processes health events: updates alerts and enqueues the messages about them, all or nothing.

It is one transaction that only one process at a time is in, so that two daemons that read the same events make one
message of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from observe_dagster.alerts.events import FAILING, HealthEvent
from observe_dagster.alerts.message import compose
from observe_dagster.alerts.routing import channels_for, notified_channels
from observe_dagster.alerts.transitions import Event, Transition, due_reminders, resolved_by_absence, transitions
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.ledger import Alert, Ledger, NewPublication

PUBLISHER = "alerts"
MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedEvents:
    """How many alerts were opened and resolved, and how many messages were enqueued."""

    opened: int = 0
    resolved: int = 0
    messages: int = 0

    def __add__(self, other: "ProcessedEvents") -> "ProcessedEvents":
        return ProcessedEvents(
            opened=self.opened + other.opened,
            resolved=self.resolved + other.resolved,
            messages=self.messages + other.messages,
        )


def process_events(
    ledger: Ledger,
    events: Sequence[HealthEvent],
    alerting: Alerting,
    *,
    now: datetime,
    base_url: str | None = None,
    complete_kinds: Sequence[str] = (),
) -> ProcessedEvents:
    """Update alerts and enqueue a message for each channel concerned. Idempotent.

    `complete_kinds` (fault, automation) are those of which the events are complete: an open alert of them without an
    event is resolved.
    """
    with ledger.transaction() as tx:
        tx.alerts.lock()
        known = {alert.key: alert for alert in tx.alerts.open()}
        open_alerts, failing = list(known.values()), {event.key for event in events}
        absent = (
            event
            for kind in complete_kinds
            for event in resolved_by_absence(open_alerts, kind=kind, still=failing, now=now)
        )
        all_events = [*events, *absent]
        fresh = {event.key for event in all_events if event.status in FAILING} - known.keys()
        known.update((alert.key, alert) for alert in tx.alerts.latest(fresh))
        changes = transitions(known.values(), all_events)
        known.update((change.alert.key, change.alert) for change in changes)
        notified = {change.alert.key for change in changes if change.event is not None}
        others = [alert for alert in known.values() if alert.key not in notified]
        changes.extend(due_reminders(others, now=now, repeat_every=alerting.repeat_every))
        by_channel: dict[str, list[Transition]] = {}
        for change, alert in zip(changes, _routed(changes, alerting, by_channel, now), strict=True):
            (tx.alerts.add if change.new else tx.alerts.update)(alert)
        link = alerting.base_url or base_url
        messages = {name: compose(own, alerting.template, base_url=link) for name, own in by_channel.items()}
        publications = (
            NewPublication(publisher=PUBLISHER, kind=MESSAGE, ordering_key=channel_id, record=message.record())
            for channel_id, message in messages.items()
        )
        tx.outbox.enqueue_all(publications, now=now)
    return ProcessedEvents(
        opened=sum(change.new for change in changes),
        resolved=sum(change.event is Event.RESOLVED for change in changes),
        messages=len(by_channel),
    )


def _routed(
    changes: Sequence[Transition], alerting: Alerting, by_channel: dict[str, list[Transition]], now: datetime
) -> Iterator[Alert]:
    """Add changes to those of each channel, and give every changed alert with the channels that were notified of it."""
    notified: dict[tuple[str, str], tuple[str, ...]] = {}
    for change in changes:
        alert = change.alert
        if not change.new and alert.key in notified:
            alert = _with_channels(alert, notified[alert.key])
        if change.event is not None:
            channels = _channels(alert, change.event, alerting)
            for channel_id in channels:
                by_channel.setdefault(channel_id, []).append(replace(change, alert=alert))
            all_channels = tuple(dict.fromkeys((*alert.details.get("channels", ()), *channels)))
            alert = replace(_with_channels(alert, all_channels), last_sent_at=now)
            notified[alert.key] = all_channels
        yield alert


def _channels(alert: Alert, event: Event, alerting: Alerting) -> tuple[str, ...]:
    if event in (Event.OPENED, Event.FAILED_AGAIN, Event.ESCALATED):
        return channels_for(alert, alerting)
    return notified_channels(alert, alerting) or (
        channels_for(alert, alerting) if alert.details.get("channels") else ()
    )


def _with_channels(alert: Alert, channels: tuple[str, ...]) -> Alert:
    return replace(alert, details={**alert.details, "channels": list(channels)})
