"""Judge a metric monitor: by bounds, by the change since the value before, or by what earlier values lead to expect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from observe_dagster.checks.anomaly import Anomaly, History, Measured
from observe_dagster.checks.anomaly import judge as judge_anomaly
from observe_dagster.checks.dateparts import number
from observe_dagster.config.models.monitors import AbsoluteAlert, AutomaticAlert, MetricMonitor, PercentageAlert
from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from observe_dagster.records import Outcome, Status

LOOKBACK_DAYS = 90
"""How far back an automatic alert looks."""
MIDDLE_THRESHOLD = 3.5
"""How many deviations a sensitivity of 50 allows; each 50 more or less halve or double them."""

Sample = tuple[datetime, float | None, bool]
"""When a value was measured, the value, and whether it was an anomaly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMetric:
    """What was measured: a value of the moment `at`, None where there is none, and the values before it.

    `label` names what was measured, such as `row_count of analytics.flights`, and `missing` is why there is no value.
    With `missing_fails` having no value is a failure.
    """

    label: str
    at: datetime
    value: float | None
    history: Sequence[Sample] = ()
    missing: str = "there is nothing to measure"
    missing_fails: bool = False


def threshold(sensitivity: int) -> float:
    """The deviations that a sensitivity of 0 to 100 allows: 7 at 0, 3.5 at 50, 1.75 at 100."""
    return MIDDLE_THRESHOLD * 2 ** ((50 - sensitivity) / 50)


def judge(declared: MetricMonitor, observed: ObservedMetric) -> Outcome:
    """Fail when the value is not where the monitor's alert wants it; without an alert any value passes."""
    alert, value = declared.alert, observed.value
    evidence: dict[str, Any] = {"measured_at": observed.at.astimezone(UTC).isoformat()}
    if value is None:
        status = Status.FAIL if observed.missing_fails else Status.SKIPPED
        reason = f"There is no {observed.label}: {observed.missing}."
        return Outcome(status=status, reason=reason, evidence=evidence)
    if not math.isfinite(value):
        return Outcome(status=Status.ERROR, reason=f"The {observed.label} is {value}, not a number.", evidence=evidence)
    if isinstance(alert, AutomaticAlert):
        return _automatic(alert, observed, evidence)
    if isinstance(alert, AbsoluteAlert):
        return _within(observed, value, (alert.min, alert.max), evidence)
    if isinstance(alert, PercentageAlert):
        return _changed(alert, observed, value, evidence)
    reason = f"{_capital(observed.label)} is {number(value)}; the monitor has no alert, so the value is only recorded."
    return Outcome(status=Status.PASS, reason=reason, value=value, evidence=evidence)


def _automatic(alert: AutomaticAlert, observed: ObservedMetric, evidence: dict[str, Any]) -> Outcome:
    what, _, of = observed.label.partition(" of ")
    rule = AnomalyDetectionRule(
        metric_field=what, z_threshold=threshold(alert.sensitivity), lookback_days=LOOKBACK_DAYS
    )
    measured = Measured(at=observed.at, value=observed.value, history=History.of(observed.history))
    outcome = judge_anomaly(Anomaly.of(of, rule), measured)
    return replace(outcome, evidence={**evidence, **outcome.evidence, "sensitivity": alert.sensitivity})


def _changed(alert: PercentageAlert, observed: ObservedMetric, value: float, evidence: dict[str, Any]) -> Outcome:
    earlier = [(at, sample) for at, sample, _ in observed.history if sample is not None and at < observed.at]
    if not earlier:
        reason = f"Learning: there is no earlier {observed.label} to compare {number(value)} with."
        return Outcome(status=Status.LEARNING, reason=reason, value=value, evidence=evidence)
    at, before = max(earlier)
    lower = None if alert.decrease is None else before - abs(before) * alert.decrease / 100
    upper = None if alert.increase is None else before + abs(before) * alert.increase / 100
    evidence |= {
        "previous": before,
        "previous_at": at.astimezone(UTC).isoformat(),
        "change_percent": None if before == 0 else (value - before) / abs(before) * 100,
    }
    change = "was 0 before" if before == 0 else f"{(value - before) / abs(before):+.1%} from {number(before)}"
    return _within(observed, value, (lower, upper), evidence, expected=before, change=f", {change}")


def _within(
    observed: ObservedMetric,
    value: float,
    bounds: tuple[float | None, float | None],
    evidence: dict[str, Any],
    *,
    expected: float | None = None,
    change: str = "",
) -> Outcome:
    lower, upper = bounds
    below = lower is not None and value < lower
    above = upper is not None and value > upper
    if lower is not None and upper is not None:
        bounds_text = f"between {number(lower)} and {number(upper)}"
    else:
        bounds_text = f"at least {number(lower)}" if lower is not None else f"at most {number(upper or 0.0)}"
    subject = f"{_capital(observed.label)} is {number(value)}{change}"
    return Outcome(
        status=Status.FAIL if below or above else Status.PASS,
        reason=f"{subject}; it must be {bounds_text}." if below or above else f"{subject}, which is {bounds_text}.",
        value=value,
        expected=expected,
        lower=lower,
        upper=upper,
        evidence=evidence,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
