"""Made-up histories of a metric."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from observe_dagster.checks.anomaly import Anomaly, History, Measured, judge
from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from observe_dagster.records import Outcome

NOW = datetime(2024, 5, 6, 3, tzinfo=UTC)
"""A Monday."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
METHODS = ("robust", "zscore")


def rule(**said) -> Anomaly:
    """Declare a rule for total_rows."""
    timezone = said.pop("timezone", "UTC")
    declared = AnomalyDetectionRule.model_validate({"metric_field": "total_rows", **said})
    return Anomaly.of("flights", declared, timezone=timezone)


def history(values: Sequence[float | None], *, step: timedelta = DAY, flagged: Sequence[bool] | None = None) -> History:
    """Runs one step apart, the last one step before NOW."""
    flags = flagged or [False] * len(values)
    runs = [(NOW - (len(values) - index) * step, value) for index, value in enumerate(values)]
    return History.of((at, value, flag) for (at, value), flag in zip(runs, flags, strict=True))


def verdict(declared: Anomaly, value: float | None, runs: History, *, at: datetime = NOW) -> Outcome:
    """Judge a value by these runs."""
    return judge(declared, Measured(at=at, value=value, history=runs))


def noisy(count: int, *, level: float = 1000.0, sigma: float = 0.05, seed: int = 0) -> list[float]:
    """Whole numbers about a level."""
    return np.round(level * np.exp(np.random.default_rng(seed).normal(0, sigma, count))).tolist()
