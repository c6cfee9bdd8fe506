"""Judge a metric of a run against earlier runs: `robust`, the default, and `zscore`, the Watcher's rule."""

from observe_dagster.checks.anomaly.judging import judge
from observe_dagster.checks.anomaly.picture import picture_markdown, svg
from observe_dagster.checks.anomaly.series import Anomaly, History, Measured, microseconds

__all__ = ["Anomaly", "History", "Measured", "judge", "microseconds", "picture_markdown", "svg"]
