"""The sampled rows of a check result, as a table for the UI: those that differ, or those that fail a test."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from observe_dagster.records import CheckResult, Status

SAMPLE_KEYS = ("sample", "samples")
"""The keys of a diff's rows and of failing rows in a result's evidence."""

_Row = Mapping[str, Any]


def sampled_rows(result: CheckResult) -> dg.TableMetadataValue | None:
    """The rows of a diff, or of the tests that failed, as text; None where there are none."""
    if result.outcome.status is Status.PASS:
        return None
    differing, failing = (result.outcome.evidence.get(key) or () for key in SAMPLE_KEYS)
    rows = [_differing(row) for row in differing] or _failing(failing)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not rows:
        return None
    return dg.TableMetadataValue(
        records=[dg.TableRecord({name: _cell(row.get(name, "")) for name in names}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name=name, type="text") for name in names]),
    )


def _differing(row: _Row) -> _Row:
    """A differing row: its key, what is different, and each value on both sides."""
    columns = dict.fromkeys((*row["a"], *row["b"]))
    values = {f"{name} ({side})": row[side].get(name, "") for name in columns for side in ("a", "b")}
    return {**row["key"], "difference": row["difference"].replace("_", " "), **values}


def _failing(samples: Sequence[_Row]) -> list[_Row]:
    """The rows that failed; where several tests failed each row says which."""
    several = len(samples) > 1
    return [
        {**({"test": sample["test"]} if several else {}), **dict(zip(sample["columns"], row, strict=True))}
        for sample in samples
        for row in sample["rows"]
    ]


def _cell(value: Any) -> str:
    return "NULL" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
