"""Outcomes as Dagster records them: passed or not, how severe, a sentence, and numbers that plot."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from observe_dagster.config.models.check_kinds import check_kind
from observe_dagster.orchestration.checks.samples import SAMPLE_KEYS, sampled_rows
from observe_dagster.orchestration.translator.keys import KIND_KEY, PIPELINE_KEY, STATUS_KEY
from observe_dagster.records import CheckResult, Outcome, Status

ROWS_KEY = "observe/rows"


def check_result(
    result: CheckResult,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetCheckResult:
    """What a step yields."""
    return dg.AssetCheckResult(**_fields(result, severity, metadata))


def check_evaluation(result: CheckResult, *, metadata: Mapping[str, Any] | None = None) -> dg.AssetCheckEvaluation:
    """What is reported outside of a run."""
    return dg.AssetCheckEvaluation(**_fields(result, dg.AssetCheckSeverity.ERROR, metadata))


def _fields(result: CheckResult, severity: dg.AssetCheckSeverity, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    # A warning, or a check that could not be judged, blocks nothing downstream.
    blocks_nothing = result.outcome.status in (Status.WARN, Status.ERROR)
    return {
        "asset_key": dg.AssetKey(result.asset),
        "check_name": result.check_name,
        "passed": passed(result.outcome),
        "severity": dg.AssetCheckSeverity.WARN if blocks_nothing else severity,
        "description": result.outcome.reason,
        "metadata": {**result_metadata(result), **(metadata or {})},
    }


def passed(outcome: Outcome) -> bool:
    """Whether Dagster shows a pass: also where nothing was judged, for the reason in the description."""
    return outcome.status in (Status.PASS, Status.LEARNING, Status.SKIPPED)


def result_metadata(result: CheckResult) -> dict[str, Any]:
    """The result's numbers under their own keys, and its evidence as JSON."""
    outcome, unit = result.outcome, "_seconds" if check_kind(result.kind).in_seconds else ""
    metadata: dict[str, Any] = {STATUS_KEY: outcome.status.value, KIND_KEY: result.kind}
    if result.pipeline_id is not None:
        metadata[PIPELINE_KEY] = result.pipeline_id
    if result.execution_id is not None:
        metadata["observe/execution_id"] = str(result.execution_id)  # a number would be plotted
    numbers = {
        "value": outcome.value,
        "expected": outcome.expected,
        "lower_bound": outcome.lower,
        "upper_bound": outcome.upper,
    }
    metadata |= {f"observe/{name}{unit}": _rounded(number) for name, number in numbers.items() if number is not None}
    rows = sampled_rows(result)
    if rows is not None:
        metadata[ROWS_KEY] = rows
    evidence = {name: value for name, value in outcome.evidence.items() if name not in SAMPLE_KEYS}
    if evidence:
        metadata["observe/evidence"] = dg.MetadataValue.json(evidence)
    return metadata


def _rounded(number: float) -> float:
    """Round a number for display; the ledger keeps all of its digits."""
    return round(float(number), 2) if abs(number) >= 1 else float(f"{number:.3g}")
