"""Brings the messages of the outbox to their channels until none is due or the time is up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from observe_dagster.alerts.notifier import Notifier
from observe_dagster.alerts.processor import PUBLISHER
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.errors import DeliveryError
from observe_dagster.ledger import Outbox, Publication

LEASE = timedelta(minutes=2)
"""How long a message is one worker's; sending takes some seconds."""

GIVE_UP_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How many messages arrived, failed and are retried, and were given up."""

    sent: int = 0
    postponed: int = 0
    dead: int = 0


def deliver(
    outbox: Outbox, alerting: Alerting, notifier: Notifier, *, clock: Callable[[], datetime], seconds: float
) -> Delivered:
    """Send what is due, each channel's messages in order; starts no further message once `seconds` are over."""
    until, results = monotonic() + seconds, {"sent": 0, "postponed": 0, "dead": 0}
    while monotonic() < until:
        claimed = outbox.claim(PUBLISHER, limit=1, lease=LEASE, now=clock())
        if not claimed:
            break
        results[_deliver_one(outbox, claimed[0], alerting, notifier, clock)] += 1
    return Delivered(**results)


def _deliver_one(
    outbox: Outbox, item: Publication, alerting: Alerting, notifier: Notifier, clock: Callable[[], datetime]
) -> str:
    channel = alerting.channel(item.ordering_key)
    if channel is None:
        outbox.dead_letter(item, f"There is no channel {item.ordering_key!r} any more.")
        return "dead"
    try:
        notifier.send(channel, item.record)
    except DeliveryError as error:
        now = clock()
        if error.permanent:
            outbox.dead_letter(item, error.reason)
            return "dead"
        if now - item.created_at >= GIVE_UP_AFTER:
            outbox.dead_letter(item, f"Given up after {GIVE_UP_AFTER.days} days: {error.reason}")
            return "dead"
        outbox.retry_later(item, error.reason, now=now)
        return "postponed"
    outbox.sent(item, now=clock())
    return "sent"
