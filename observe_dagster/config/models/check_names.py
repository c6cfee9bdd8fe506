"""The names of checks, which Dagster, the ledger and the command line share."""

import re

FRESHNESS = "freshness"
TIMELINESS = "timeliness"
VERIFY = "verify_diff"


def anomaly_check_name(metric_field: str) -> str:
    """The check that watches one metric of a pipeline's runs."""
    return f"anomaly_{_safe(metric_field)}"


def monitor_check_name(slug: str) -> str:
    """The check of a monitor."""
    return _safe(slug)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)
