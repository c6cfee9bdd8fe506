"""What a vendor has to be: what it enqueues of facts and of declared state, and how its publications are sent."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from observe_dagster.clock import Clock, utc_now
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import Fact, Table
from observe_dagster.ledger import DeliveryReport, Dispatcher, Ledger, Publication, Sender, deliver

AssetPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherContext:
    """What a publisher works with; while it enqueues, `ledger` is one transaction.

    `tables` are the tables that facts are made of, with their assets. With `dry_run` requests are written to that
    folder instead of sent.
    """

    project: Project
    ledger: Ledger
    clock: Clock = utc_now
    dry_run: Path | None = None
    tables: Mapping[Table, AssetPath] = field(default_factory=dict[Table, AssetPath], hash=False)


class Publisher(Protocol):
    """One system. A subclass overrides what it needs; only `sender` has to be there."""

    def missing_config(self, project: Project) -> str | None:
        """What has to be declared before anything can be published, as a sentence; None when nothing is missing."""
        del project

    def enqueue_facts(self, context: PublisherContext, facts: Sequence[tuple[str, Fact]]) -> int:
        """Enqueue facts about materializations, each with a key of its own; returns the number of publications."""
        del context, facts
        return 0

    def enqueue_state(self, context: PublisherContext) -> int:
        """Enqueue what changed in the project and the ledger, once a tick; returns the number of publications."""
        del context
        return 0

    def sender(self, context: PublisherContext) -> AbstractContextManager[Sender]:
        """Open the way to the system."""
        ...

    def receipt_assets(self, context: PublisherContext) -> Mapping[str, AssetPath]:
        """The asset whose page shows a receipt, by the ordering key of its publications."""
        return {table.key: asset for table, asset in context.tables.items()}

    def notices(self, project: Project) -> Sequence[str]:
        """Sentences that every tick ends with."""
        del project
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSender:
    """Sends each publication on its own: `post` sends one within so many seconds and returns the receipt."""

    publisher: str
    kinds: Sequence[str]
    post: Callable[[Publication, float], Mapping[str, Any]]
    most: int = 50

    def batch_size(self, kind: str) -> int:
        """The same number for all kinds."""
        del kind
        return self.most

    def deliver(self, kind: str, items: Sequence[Publication], dispatcher: Dispatcher) -> None:
        """Send items one by one."""
        del kind
        dispatcher.send_each(items, self.post)


def dispatch(publisher: Publisher, context: PublisherContext, *, seconds: float) -> DeliveryReport:
    """Send what is due; begins no further request once `seconds` are nearly over."""
    with publisher.sender(context) as sender:
        return deliver(context.ledger.outbox, sender, clock=context.clock, seconds=seconds)


def summary(report: DeliveryReport, counts: Mapping[str, int], *, enqueued: int | None = None) -> str:
    """A delivery in a sentence, such as `3 enqueued, 2 sent (2 sql content), 5 pending.`, with the notices after it.

    `counts` is the number of publications in each state.
    """
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(report.sent.items()))
    parts = [] if enqueued is None else [f"{enqueued} enqueued"]
    parts.append(f"{sum(report.sent.values())} sent" + (f" ({kinds})" if kinds else ""))
    parts.append(f"{counts.get('pending', 0)} pending")
    if counts.get("dead"):
        parts.append(f"{counts['dead']} dead-lettered (`observe publications list` shows the reasons)")
    return " ".join([f"{', '.join(parts)}.", *report.notices])
