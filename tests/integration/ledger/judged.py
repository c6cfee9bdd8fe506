"""Verdicts as checks hand them to the ledger, any part of which a test may change."""

from datetime import datetime
from typing import Any

from observe_dagster.records import CheckResult, Outcome, Status
from tests.integration.ledger.declared_project import NOW

ASSET = ("lake", "analytics", "flights")
_EVIDENCE: dict[str, dict[str, Any]] = {
    "freshness": {
        "last_dml_timestamp": "2024-03-01T08:00:00+00:00",
        "freshness_number": 2,
        "freshness_datepart": "hour",
        "used_child_config": True,
    },
    "timeliness": {
        "execution_status": "completed",
        "timely_number": 10,
        "timely_datepart": "minute",
        "used_child_config": False,
    },
    "anomaly": {"metric_field": "total_rows", "z_threshold": 3.5, "z_score": 9.0, "historical_mean": 100.0},
    "metric": {},
}


def verdict(
    kind: str,
    status: Status,
    *,
    at: datetime = NOW,
    judged_at: datetime | None = None,
    execution_id: int | None = None,
    check_name: str | None = None,
    value: float = 1.0,
    **evidence: Any,
) -> CheckResult:
    """A verdict on `flights-hourly`."""
    outcome = Outcome(
        status=status,
        reason=f"It is {status}.",
        value=value,
        expected=100.0,
        lower=90.0,
        upper=110.0,
        evidence={**_EVIDENCE[kind], **evidence},
    )
    names = {"anomaly": "anomaly_total_rows"}
    return CheckResult(
        asset=ASSET,
        check_name=check_name or names.get(kind, kind),
        kind=kind,
        outcome=outcome,
        judged_at=judged_at or at,
        evaluated_at=at,
        pipeline_id="flights-hourly",
        execution_id=execution_id,
    )
