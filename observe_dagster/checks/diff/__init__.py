"""Data diffs, decided without a database: which columns to compare, how many rows, what the counts mean."""

from observe_dagster.checks.diff.alignment import Alignment, align
from observe_dagster.checks.diff.judge import judge
from observe_dagster.checks.diff.sampling import Sampled, part_to_compare
from observe_dagster.checks.diff.summary import (
    ColumnStats,
    DifferingRow,
    DiffSummary,
    PrimaryKeys,
    SchemaDifferences,
    Values,
)

__all__ = [
    "Alignment",
    "ColumnStats",
    "DiffSummary",
    "DifferingRow",
    "PrimaryKeys",
    "Sampled",
    "SchemaDifferences",
    "Values",
    "align",
    "judge",
    "part_to_compare",
]
