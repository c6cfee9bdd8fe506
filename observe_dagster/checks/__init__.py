"""Judging, and nothing else: what was declared and observed goes in, an outcome comes out; no clock and no I/O."""

from observe_dagster.checks.thresholds import Threshold, freshness_allowance, timeliness_allowance
from observe_dagster.records import Status

__all__ = ["Status", "Threshold", "freshness_allowance", "timeliness_allowance"]
