"""Judging, and nothing else: what was declared and observed goes in, an outcome comes out; no clock and no I/O."""

from observe_dagster.checks import anomaly, freshness, timeliness
from observe_dagster.checks.thresholds import Threshold, freshness_allowance, timeliness_allowance
from observe_dagster.records import Outcome, Status

__all__ = [
    "Outcome",
    "Status",
    "Threshold",
    "anomaly",
    "freshness",
    "freshness_allowance",
    "timeliness",
    "timeliness_allowance",
]
