"""Judge a test monitor: rows that its queries give are failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from observe_dagster.checks.dateparts import count_of
from observe_dagster.records import Outcome, Status

SAMPLE_ROWS = 10
"""How many failing rows an outcome keeps."""
LONGEST_TEXT = 200
"""A longer value of a failing row is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The rows that one query of a test gives: how many, and the first of them under their columns' names."""

    looked_for: str
    count: int
    columns: tuple[str, ...] = ()
    sample: Sequence[Sequence[object]] = ()


def judge(observed: Sequence[Failures]) -> Outcome:
    """Fail when any query gave a row; the evidence shows the first ten."""
    total = sum(failures.count for failures in observed)
    failed = [failures for failures in observed if failures.count]
    counts = [{"test": failures.looked_for, "rows": failures.count} for failures in observed]
    if not failed:
        what = observed[0].looked_for if len(observed) == 1 else f"{len(observed)} tests"
        reason = f"No row fails: {what}."
        return Outcome(status=Status.PASS, reason=reason, value=0.0, upper=0.0, evidence={"tests": counts})
    sentence = "; ".join(
        f"{count_of(failures.count, 'row')} {'fails' if failures.count == 1 else 'fail'} {failures.looked_for}"
        for failures in failed[:5]
    )
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    return Outcome(
        status=Status.FAIL,
        reason=f"{sentence}{more}.",
        value=float(total),
        upper=0.0,
        evidence={"tests": counts, "samples": _samples(failed)},
    )


def _samples(failed: Sequence[Failures]) -> list[dict[str, Any]]:
    left = SAMPLE_ROWS
    samples: list[dict[str, Any]] = []
    for failures in failed:
        rows = [[_shown(value) for value in row] for row in failures.sample[:left]]
        left -= len(rows)
        if rows:
            samples.append({"test": failures.looked_for, "columns": list(failures.columns), "rows": rows})
    return samples


def _shown(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
