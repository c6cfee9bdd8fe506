"""Takes in what was heard: follows the alerts and puts the messages about them in the outbox, all or nothing.

Deciding and telling happen in one transaction that only one process at a time is in, so that two daemons who heard
the same make one message of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from observe_dagster.alerts.events import FAILING, HealthEvent
from observe_dagster.alerts.message import compose
from observe_dagster.alerts.routing import channels_for, notified_channels
from observe_dagster.alerts.transitions import Change, Event, due_reminders, resolved_by_absence, transitions
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.ledger import Alert, Ledger, NewPublication

PUBLISHER = "alerts"
MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedEvents:
    """What came of it: how many alerts were opened and resolved, how many messages were put in the outbox."""

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
    """Follow the events and enqueue messages to those concerned. Idempotent.

    `complete_kinds` (fault, automation) are those of which the events are complete: an open alert of them without an
    event is resolved.
    """
    with ledger.transaction() as tx:
        tx.alerts.lock()
        known = {alert.key: alert for alert in tx.alerts.open()}
        heard = [*events, *_over(known.values(), events, complete_kinds, now)]
        fresh = {verdict.key for verdict in heard if verdict.status in FAILING} - known.keys()
        known.update((alert.key, alert) for alert in tx.alerts.latest(fresh))
        changes = transitions(known.values(), heard)
        known.update((change.alert.key, change.alert) for change in changes)
        told = {change.alert.key for change in changes if change.event is not None}
        unsaid = [alert for alert in known.values() if alert.key not in told]
        changes.extend(due_reminders(unsaid, now=now, repeat_every=alerting.repeat_every))
        mail: dict[str, list[Change]] = {}
        for change, alert in zip(changes, _addressed(changes, alerting, mail, now), strict=True):
            (tx.alerts.add if change.new else tx.alerts.update)(alert)
        link = alerting.base_url or base_url
        messages = {name: compose(told_there, alerting.template, base_url=link) for name, told_there in mail.items()}
        drafts = (
            NewPublication(publisher=PUBLISHER, kind=MESSAGE, ordering_key=channel_id, record=message.record())
            for channel_id, message in messages.items()
        )
        tx.outbox.enqueue_all(drafts, now=now)
    return ProcessedEvents(
        opened=sum(change.new for change in changes),
        resolved=sum(change.event is Event.RESOLVED for change in changes),
        messages=len(mail),
    )


def _over(
    known: Iterable[Alert], verdicts: Sequence[HealthEvent], whole: Sequence[str], now: datetime
) -> list[HealthEvent]:
    alerts, still = list(known), {verdict.key for verdict in verdicts}
    return [verdict for kind in whole for verdict in resolved_by_absence(alerts, kind=kind, still=still, now=now)]


def _addressed(
    changes: Sequence[Change], alerting: Alerting, mail: dict[str, list[Change]], now: datetime
) -> Iterator[Alert]:
    """Put what is told into each channel's mail, and give every changed alert with who was told of it."""
    told: dict[tuple[str, str], tuple[str, ...]] = {}
    for change in changes:
        alert = change.alert
        if not change.new and alert.key in told:
            alert = _with_channels(alert, told[alert.key])
        if change.event is not None:
            channels = _channels(alert, change.event, alerting)
            for channel_id in channels:
                mail.setdefault(channel_id, []).append(replace(change, alert=alert))
            all_told = dict.fromkeys((*alert.details.get("channels", ()), *channels))
            alert = replace(_with_channels(alert, tuple(all_told)), last_sent_at=now)
            told[alert.key] = tuple(all_told)
        yield alert


def _channels(alert: Alert, event: Event, alerting: Alerting) -> tuple[str, ...]:
    if event in (Event.OPENED, Event.FAILED_AGAIN, Event.ESCALATED):
        return channels_for(alert, alerting)
    return notified_channels(alert, alerting) or (
        channels_for(alert, alerting) if alert.details.get("channels") else ()
    )


def _with_channels(alert: Alert, channels: tuple[str, ...]) -> Alert:
    return replace(alert, details={**alert.details, "channels": list(channels)})
