"""What a monitor is compared with: its own earlier results, and the loads in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observe_dagster.checks.metric import Sample
from observe_dagster.records import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorHistory:
    """Earlier outcomes of one monitor, which the caller keeps.

    `samples` has for each outcome with a value when it was measured (see `measured_at`), the value, and whether it was
    an anomaly. `evidence` is that of the latest outcome with `accepted` in it; without it the monitor learns anew.
    `last_load` is when the pipeline that writes the table, `DeclaredMonitor.writer_id`, last ended well.
    """

    samples: Sequence[Sample] = ()
    evidence: Mapping[str, Any] | None = None
    last_load: datetime | None = None


def measured_at(outcome: Outcome, *, now: datetime) -> datetime:
    """The time of the judged value: of a series the newest value's own, else when it was judged."""
    measured = outcome.evidence.get("measured_at")
    return now if measured is None else datetime.fromisoformat(measured)
