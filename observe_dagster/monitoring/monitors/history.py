"""What a monitor remembers: all of it is read from its earlier verdicts, and from the ledger's loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observe_dagster.checks.metric import Sample
from observe_dagster.records import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorHistory:
    """Earlier verdicts of one monitor, which the caller keeps.

    `history` has for each verdict with a value when it was measured (see `measured_at`), the value, and whether it was
    found to be an anomaly. `evidence` is that of the latest verdict that has `accepted` in it; None learns anew.
    `last_load` is when the pipeline that writes the table, `DeclaredMonitor.writer_id`, last ended well.
    """

    history: Sequence[Sample] = ()
    evidence: Mapping[str, Any] | None = None
    last_load: datetime | None = None


def measured_at(outcome: Outcome, *, now: datetime) -> datetime:
    """The moment that a verdict is about: of a series of values the newest one's own, else when it was judged."""
    measured = outcome.evidence.get("measured_at")
    return now if measured is None else datetime.fromisoformat(measured)
