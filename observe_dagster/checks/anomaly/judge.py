"""Judge one value of a metric against the band that its method expects."""

import math
from datetime import UTC
from typing import Any

from observe_dagster.checks.anomaly.band import Band
from observe_dagster.checks.anomaly.baseline import Anomaly, Measured, baseline
from observe_dagster.checks.anomaly.robust import band as robust_band
from observe_dagster.checks.anomaly.zscore import band as zscore_band
from observe_dagster.checks.dateparts import number
from observe_dagster.records import Outcome, Status

_MODELS = {"robust": robust_band, "zscore": zscore_band}


def judge(declared: Anomaly, observed: Measured) -> Outcome:
    """Fail when the value lies outside the band that earlier runs make; the value is never part of its own band.

    The moment of judging is the run's own start, so that a run is judged alike today and in a month.
    """
    label = f"{declared.metric_field} of {declared.name}"
    if not declared.active:
        return Outcome(status=Status.SKIPPED, reason=f"The rule for {label} is not active.")
    value = observed.value
    if value is None or not math.isfinite(value):
        return Outcome(status=Status.SKIPPED, reason=f"The run reported no {label}.")
    runs = baseline(declared, observed)
    found = _MODELS[declared.method](declared, observed, runs)
    evidence: dict[str, Any] = {
        "model": declared.method,
        "slotting": found.slotting,
        "slot": found.slot,
        "n": found.n,
        "minimum_executions": found.needed,
        "lookback_days": declared.lookback_days,
        "flagged_runs_left_out": runs.left_out,
        "flagged_runs_taken_back": runs.taken_back,
        "judged_at": observed.at.astimezone(UTC).isoformat(),
    }
    if not isinstance(found, Band):
        return Outcome(
            status=Status.LEARNING,
            reason=f"Learning: {found.n} of {found.needed} runs to compare {label} with, for {found.slot}.",
            value=value,
            evidence=evidence,
        )
    evidence |= {
        "z_score": found.score(value),
        "z_threshold": declared.z_threshold,
        "historical_mean": found.expected,
        "std_deviation_value": found.deviation,
    }
    return Outcome(
        status=Status.PASS if found.lower <= value <= found.upper else Status.FAIL,
        reason=_sentence(label, value, found),
        value=value,
        expected=found.expected,
        lower=found.lower,
        upper=found.upper,
        evidence=evidence,
    )


def _sentence(label: str, value: float, found: Band) -> str:
    return (
        f"{label} is {number(value)}; {number(found.expected)} was expected, between {number(found.lower)} and "
        f"{number(found.upper)}, judging by {found.n} earlier runs ({found.slot})."
    )
