"""Judge a metric of a run against earlier runs: `robust`, the default, and `zscore`, the Watcher's rule."""

from observe_dagster.checks.anomaly.baseline import Anomaly, History, Measured
from observe_dagster.checks.anomaly.judge import judge
from observe_dagster.checks.anomaly.plot import picture_markdown, svg

__all__ = ["Anomaly", "History", "Measured", "judge", "picture_markdown", "svg"]
