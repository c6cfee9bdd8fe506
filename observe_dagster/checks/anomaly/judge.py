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
    band = _MODELS[declared.method](declared, observed, runs)
    evidence: dict[str, Any] = {
        "model": declared.method,
        "slotting": band.slotting,
        "slot": band.slot,
        "n": band.n,
        "minimum_executions": band.needed,
        "lookback_days": declared.lookback_days,
        "flagged_runs_left_out": runs.left_out,
        "flagged_runs_taken_back": runs.taken_back,
        "judged_at": observed.at.astimezone(UTC).isoformat(),
    }
    if not isinstance(band, Band):
        return Outcome(
            status=Status.LEARNING,
            reason=f"Learning: {band.n} of {band.needed} runs to compare {label} with, for {band.slot}.",
            value=value,
            evidence=evidence,
        )
    evidence |= {
        "z_score": band.score(value),
        "z_threshold": declared.z_threshold,
        "historical_mean": band.expected,
        "std_deviation_value": band.deviation,
    }
    return Outcome(
        status=Status.PASS if band.lower <= value <= band.upper else Status.FAIL,
        reason=f"{label} is {number(value)}; {number(band.expected)} was expected, between {number(band.lower)} and "
        f"{number(band.upper)}, judging by {band.n} earlier runs ({band.slot}).",
        value=value,
        expected=band.expected,
        lower=band.lower,
        upper=band.upper,
        evidence=evidence,
    )
