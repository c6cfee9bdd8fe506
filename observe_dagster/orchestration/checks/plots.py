"""The plot of an anomaly check: the metric's history, the expected band, and the judged run."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.records import CheckResult

PICTURE_KEY = "observe/picture"


def pictures(observe: ObserveResource, results: Iterable[CheckResult]) -> dict[CheckResult, dict[str, Any]]:
    """The metadata that shows the plot of each anomaly result; one query for all of them."""
    from observe_dagster.monitoring.anomalies import draw

    drawn = draw(observe.project, observe.ledger, list(results), now=observe.clock())
    return {result: {PICTURE_KEY: dg.MetadataValue.md(markdown)} for result, markdown in drawn.items()}
