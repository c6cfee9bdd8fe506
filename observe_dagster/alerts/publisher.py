"""Alert channels as a publisher: messages of the outbox go to the channel that is their ordering key."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from observe_dagster.alerts.notifier import send_message
from observe_dagster.alerts.processor import MESSAGE, PUBLISHER
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.errors import DeliveryError
from observe_dagster.integrations.publisher import Publisher, PublisherContext
from observe_dagster.ledger import Dispatcher, Publication

GIVE_UP_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSender:
    """Sends one message at a time; a channel that fails does not hold up others."""

    alerting: Alerting
    publisher: str = PUBLISHER
    kinds: Sequence[str] = (MESSAGE,)

    def batch_size(self, kind: str) -> int:
        """One: sending takes some seconds, of which a lease has 120."""
        del kind
        return 1

    def deliver(self, kind: str, items: Sequence[Publication], dispatcher: Dispatcher) -> None:
        """Send messages to their channels."""
        del kind
        for item in items:
            channel = self.alerting.channel(item.ordering_key)
            if channel is None:
                dispatcher.dead_letter(item, f"There is no channel {item.ordering_key!r} any more.")
                continue
            try:
                send_message(channel, item.record)
            except DeliveryError as error:
                if error.permanent:
                    dispatcher.dead_letter(item, error.reason)
                elif dispatcher.now - item.created_at >= GIVE_UP_AFTER:
                    dispatcher.dead_letter(item, f"Given up after {GIVE_UP_AFTER.days} days: {error.reason}")
                else:
                    dispatcher.retry_later([item], error.reason)
            else:
                dispatcher.sent([item])


class AlertPublisher(Publisher):
    """The channels that the project declares."""

    def sender(self, context: PublisherContext) -> nullcontext[MessageSender]:
        """Send through Apprise."""
        return nullcontext(MessageSender(alerting=context.project.alerting))


def publisher(environment: Mapping[str, str]) -> AlertPublisher:
    """The publisher of every environment."""
    del environment
    return AlertPublisher()
