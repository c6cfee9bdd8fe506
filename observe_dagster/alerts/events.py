"""Health events: a check's evaluation, a run's end, a fault, a tick."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observe_dagster.records import Status

RUN = "run"
FAULT = "fault"
AUTOMATION = "automation"

FAILING = (Status.WARN, Status.FAIL, Status.ERROR)
SILENT = (Status.SKIPPED, Status.LEARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """The health of one subject at one time.

    `warn`, `fail` and `error` open an alert, `pass` resolves it, `skipped` and `learning` do neither. An alert is
    kept for each `subject` and `check`; `kind` is the check's kind, or run, fault or automation. With
    `notify_each` each occurrence is notified, told apart by `run_id`. `page` is where to look in the UI, as a path.
    """

    subject: str
    check: str
    kind: str
    status: Status
    at: datetime
    reason: str = ""
    severity: str = "error"
    asset: tuple[str, ...] = ()
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict[str, str], hash=False)
    group: str | None = None
    pipeline_id: str | None = None
    run_id: str | None = None
    page: str | None = None
    notify_each: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The key of its alert."""
        return self.subject, self.check

    def details(self) -> dict[str, Any]:
        """What an alert keeps of it, ready for JSON, without empty fields."""
        details: dict[str, Any] = {
            "kind": self.kind,
            "status": self.status.value,
            "asset": list(self.asset),
            "value": self.value,
            "expected": self.expected,
            "lower": self.lower,
            "upper": self.upper,
            "owners": list(self.owners),
            "tags": dict(self.tags),
            "group": self.group,
            "run_id": self.run_id,
            "page": self.page,
        }
        return {name: value for name, value in details.items() if value not in (None, [], {})}
