"""What Datafold says of monitors and diffs, in our terms; both of its vocabularies of states are read. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from observe_dagster.records import Outcome, Status


class Phase(StrEnum):
    """Where a job is: it may still end by itself, it ended, or somebody has to do something."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    STUCK = "stuck"


_PHASES = {
    **dict.fromkeys(("done", "success"), Phase.DONE),
    **dict.fromkeys(("failed", "cancelled"), Phase.FAILED),
    **dict.fromkeys(("needs_confirmation", "needs_authentication"), Phase.STUCK),
}
_STATES = {
    **dict.fromkeys(("ok", "done", "success"), Status.PASS),
    "alert": Status.FAIL,
    "learning": Status.LEARNING,
    "skipped": Status.SKIPPED,
    **dict.fromkeys(("error", "failed", "cancelled"), Status.ERROR),
}
"""What a monitor's run says at its end: its own words, and those that jobs of other kinds use."""


def phase(status: Any) -> Phase:
    """Where a job with this status is; one that is not known counts as open."""
    return _PHASES.get(str(status or "").lower(), Phase.OPEN)


def monitor_outcome(slug: str, run: Mapping[str, Any]) -> Outcome | None:
    """The verdict of a monitor's run; None while it has none. Datafold does not tell the number it measured."""
    state = str(run.get("state") or "").lower()
    status = _STATES.get(state)
    if status is None:
        return None
    verb = {
        Status.PASS: "passed",
        Status.FAIL: "alerts",
        Status.LEARNING: "is still learning",
        Status.SKIPPED: "was skipped",
        Status.ERROR: "was cancelled" if state == "cancelled" else "could not be judged",
    }[status]
    error = f": {run['error']}" if run.get("error") else "."
    fields = ("monitor_id", "run_id", "diff_id", "started_at", "warnings")
    evidence = {"state": state, **{name: run[name] for name in fields if run.get(name)}}
    return Outcome(status=status, reason=f"Monitor {slug} {verb} at Datafold{error}", evidence=evidence)


def diff_outcome(results: Mapping[str, Any]) -> Outcome | None:
    """The verdict of a data diff by its summary results; None while it runs.

    Across engines Datafold does not compare schemas: what it does not give is not taken for equal.
    """
    where = phase(results.get("status"))
    if where is Phase.OPEN:
        return None
    if where is not Phase.DONE:
        error = results.get("error")
        message = error.get("error_value") or error.get("message") if isinstance(error, Mapping) else error
        reason = str(message or f"its status is {results.get('status')}")
        return Outcome(status=Status.ERROR, reason=f"The data diff at Datafold failed: {reason}.")
    numbers = _differences(results)
    evidence = {"results": {name: results.get(name) for name in ("pks", "values", "schema")}}
    if not any(numbers.values()):
        return Outcome(status=Status.PASS, reason="The datasets are equal at Datafold.", value=0.0, evidence=evidence)
    listed = ", ".join(f"{count} {name}" for name, count in numbers.items() if count)
    rows = numbers["rows only in a"] + numbers["rows only in b"] + numbers["rows with differences"]
    reason = f"The datasets differ at Datafold: {listed}."
    return Outcome(status=Status.FAIL, reason=reason, value=float(rows), evidence=evidence)


def _differences(results: Mapping[str, Any]) -> dict[str, int]:
    pks, values, schema = (_mapping(results.get(name)) for name in ("pks", "values", "schema"))
    only = [*_counts(pks.get("exclusives")), 0, 0]
    mismatched = sum(_counts(schema.get("columns_mismatched")))
    return {
        "rows only in a": only[0],
        "rows only in b": only[1],
        "rows with differences": _count(values.get("rows_with_differences")),
        "columns that differ in the schema": mismatched + _count(schema.get("column_type_mismatches")),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _counts(value: Any) -> list[int]:
    return [_count(each) for each in value] if isinstance(value, list) else []


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
