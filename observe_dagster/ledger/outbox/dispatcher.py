"""Delivers what is due in the outbox through a sender until nothing is due or the time is up; knows no vendor.

Items travel in batches. A batch that is refused is halved until the item at fault is alone, and only that one is
dead-lettered. What failed for a transient reason is retried later, in smaller batches each time, so that an item the
receiver cannot process stops holding the others back. Wrong credentials or a wrong address are no item's fault: all
stay pending.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NoReturn, Protocol

from observe_dagster.errors import PublishError, RateLimitedError, RefusedCredentialsError, UnreachableError
from observe_dagster.ledger.outbox.outbox import Outbox
from observe_dagster.ledger.outbox.rows import Publication

LEASE = timedelta(minutes=2)
WAIT_FOR_CREDENTIALS = timedelta(minutes=5)
WAIT_WHEN_LIMITED = timedelta(minutes=1)
HOPELESS_AFTER = 12
"""After so many attempts alone, each answered by an error while others were delivered, an item is dead-lettered."""

_SHORTEST_REQUEST = 1.0
_MOST_FAILURES = 3
_WRONG_ADDRESS = (404, 405)


class StopDelivery(Exception):  # noqa: N818 (not an error: the rest waits for the next tick)
    """Nothing more is to be sent now."""


@dataclass(slots=True, kw_only=True)
class DeliveryReport:
    """What became of the items of one tick, with their receipts; `notices` are sentences for people, each once."""

    sent: dict[str, int] = field(default_factory=dict[str, int])
    receipts: list[tuple[Publication, Mapping[str, Any]]] = field(
        default_factory=list[tuple[Publication, Mapping[str, Any]]]
    )
    requests: int = 0
    postponed: int = 0
    dead: int = 0
    notices: list[str] = field(default_factory=list[str])

    def add_notice(self, notice: str) -> None:
        """Add a sentence unless it is there."""
        if notice not in self.notices:
            self.notices.append(notice)


class Sender(Protocol):
    """The way to one system: which kinds of publications it takes, in which order, and how to send them."""

    @property
    def publisher(self) -> str:
        """Its name in the outbox."""
        ...

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds it takes, in the order in which they are sent."""
        ...

    def batch_size(self, kind: str) -> int:
        """How many items are claimed at once."""
        ...

    def deliver(self, kind: str, items: Sequence[Publication], dispatcher: "Dispatcher") -> None:
        """Send claimed items and settle each of them."""
        ...


Post = Callable[[Sequence[Publication], float], Mapping[str, Any]]
"""Sends items as one request within so many seconds and returns the receipt; raises PublishError."""


class Dispatcher:
    """Settles items for a sender: sends batches, halves those that are refused, and keeps to the time budget."""

    def __init__(self, outbox: Outbox, publisher: str, *, clock: Callable[[], datetime], until: float) -> None:
        self._outbox, self._publisher, self._clock, self._until = outbox, publisher, clock, until
        self._failures = 0
        self._paused_until: datetime | None = None
        self.report = DeliveryReport()

    @property
    def now(self) -> datetime:
        """The time."""
        return self._clock()

    @property
    def seconds_left(self) -> float:
        """What is left of the time budget."""
        return self._until - monotonic()

    @property
    def out_of_time(self) -> bool:
        """Whether no further request is to begin."""
        return self.seconds_left < _SHORTEST_REQUEST

    def send(self, batches: Sequence[Sequence[Publication]], post: Post) -> None:
        """Send each batch as one request, or in halves where it is refused; raises StopDelivery to end the tick."""
        waiting = [list(batch) for batch in reversed(batches) if batch]
        while waiting:
            batch = waiting.pop()
            if self.out_of_time:
                self._release([batch, *waiting])
                raise StopDelivery
            try:
                waiting.extend(self._send(batch, post))
            except StopDelivery:
                self._release(waiting)
                raise

    def send_each(self, items: Sequence[Publication], post: Callable[[Publication, float], Mapping[str, Any]]) -> None:
        """Send each item as a request of its own."""
        self.send([[item] for item in items], lambda batch, seconds: post(batch[0], seconds))

    def sent(self, items: Sequence[Publication], receipt: Mapping[str, Any] | None = None) -> None:
        """Mark items as sent."""
        self._outbox.all_sent(items, now=self.now, receipt=receipt)
        for item in items:
            self.report.receipts.append((item, receipt or {}))
            self.report.sent[item.kind] = self.report.sent.get(item.kind, 0) + 1
        self._failures = 0

    def dead_letter(self, item: Publication, reason: str) -> None:
        """Dead-letter an item."""
        self._outbox.dead_letter(item, reason)
        self.report.dead += 1

    def retry_later(self, items: Sequence[Publication], reason: str, *, retry_after: timedelta | None = None) -> None:
        """Give items back after they failed."""
        self._outbox.retry_all_later(items, reason, now=self.now, retry_after=retry_after)
        self.report.postponed += len(items)

    def _release_later(self, items: Sequence[Publication], reason: str, wait: timedelta) -> None:
        """Give items back that failed through no fault of theirs."""
        self._outbox.release(items, due=self.now + wait, error=reason)
        self.report.postponed += len(items)

    def _pause_publisher(self, items: Sequence[Publication], reason: str, wait: timedelta) -> NoReturn:
        """Give these items back, and let everything of this publisher wait; ends the tick."""
        self._release_later(items, reason, wait)
        self._paused_until = self.now + wait
        self._outbox.defer_all(self._publisher, until=self._paused_until)
        raise StopDelivery

    def _release(self, batches: Sequence[Sequence[Publication]]) -> None:
        self._outbox.release([item for batch in batches for item in batch], due=self._paused_until)

    def _send(self, batch: list[Publication], post: Post) -> list[list[Publication]]:
        """Send one batch; returns its halves when they are to be sent instead."""
        self.report.requests += 1
        try:
            receipt = post(batch, self.seconds_left)
        except PublishError as error:
            return self._failed(batch, error)
        self.sent(batch, receipt)
        return []

    def _failed(self, batch: list[Publication], error: PublishError) -> list[list[Publication]]:
        if isinstance(error, RateLimitedError):
            self._pause_publisher(batch, error.reason, error.retry_after or WAIT_WHEN_LIMITED)
        if isinstance(error, RefusedCredentialsError):
            return self._not_allowed(batch, error)
        if error.status is not None and (error.status in _WRONG_ADDRESS or 300 <= error.status < 400):
            self.report.add_notice(f"{error} Is its address right? Everything stays pending; nothing is dead-lettered.")
            self._pause_publisher(batch, error.reason, WAIT_FOR_CREDENTIALS)
        if error.permanent:
            return self._refused(batch, error)
        self._failures += 1
        if self._is_hopeless(batch, error):
            self.dead_letter(batch[0], f"Given up after {batch[0].attempts} attempts: {error.reason}")
            return []
        self.retry_later(batch, error.reason, retry_after=error.retry_after)
        self.report.add_notice(str(error))
        if isinstance(error, UnreachableError) or self._failures >= _MOST_FAILURES:
            raise StopDelivery
        return []

    def _not_allowed(self, batch: list[Publication], error: PublishError) -> list[list[Publication]]:
        """A key that is wrong stops everything; one that may not do this leaves the rest alone."""
        self.report.add_notice(f"{error} What it concerns stays pending; nothing is dead-lettered.")
        if error.status != 403:
            self._pause_publisher(batch, error.reason, WAIT_FOR_CREDENTIALS)
        self._release_later(batch, error.reason, WAIT_FOR_CREDENTIALS)
        return []

    def _refused(self, batch: list[Publication], error: PublishError) -> list[list[Publication]]:
        """Halve what is refused until one item is."""
        if len(batch) > 1:
            middle = len(batch) // 2
            return [batch[middle:], batch[:middle]]
        self.dead_letter(batch[0], error.reason)
        return []

    def _is_hopeless(self, batch: Sequence[Publication], error: PublishError) -> bool:
        if len(batch) > 1 or batch[0].attempts < HOPELESS_AFTER or isinstance(error, UnreachableError):
            return False
        latest = self._outbox.latest_sent(self._publisher)
        return latest is not None and latest >= self.now - timedelta(hours=1)


def deliver(outbox: Outbox, sender: Sender, *, clock: Callable[[], datetime], seconds: float) -> DeliveryReport:
    """Send what is due, kind after kind; begins no further request once `seconds` are nearly over."""
    dispatcher = Dispatcher(outbox, sender.publisher, clock=clock, until=monotonic() + seconds)
    try:
        for kind in sender.kinds:
            for items in _claims(outbox, sender, kind, dispatcher):
                sender.deliver(kind, items, dispatcher)
    except StopDelivery:
        pass
    return dispatcher.report


def _claims(outbox: Outbox, sender: Sender, kind: str, dispatcher: Dispatcher) -> Iterator[list[Publication]]:
    while not dispatcher.out_of_time:
        limit, now = sender.batch_size(kind), dispatcher.now
        items = outbox.claim(sender.publisher, limit=limit, lease=LEASE, now=now, kind=kind)
        if not items:
            return
        yield items


def batches(
    items: Sequence[Publication], size: Callable[[Publication], int], *, most_bytes: int, most: int
) -> list[list[Publication]]:
    """Divide items into batches below a number of bytes and of items; an item that is too large is alone.

    Those that failed often begin in a small batch, and each after it is twice as large: what is at fault comes to
    be alone in the end, and after an outage the rest does not travel one by one.
    """
    by_first_size: dict[int, list[list[Publication]]] = {}
    filled: dict[int, int] = {}
    for item in items:
        first = max(1, most >> (2 * max(0, item.attempts - 2)))
        own, bytes_of = by_first_size.setdefault(first, []), size(item)
        company = min(most, first << max(0, len(own) - 1))
        if not own or len(own[-1]) >= company or filled[first] + bytes_of > most_bytes:
            own.append([])
            filled[first] = 0
        own[-1].append(item)
        filled[first] += bytes_of
    return [batch for own in by_first_size.values() for batch in own]
