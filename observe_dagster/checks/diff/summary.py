"""The result of a diff, in the shape and by the formulas of Datafold's summary results."""

from dataclasses import dataclass
from typing import Any, Literal

from observe_dagster.checks.diff.sampling import Sampled

Pair = tuple[int, int]
"""A number for a and one for b."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryKeys:
    """Rows and keys of both sides. `dupes` are rows whose key an earlier row has; `exclusives` have no match."""

    total_rows: Pair
    nulls: Pair
    dupes: Pair
    exclusives: Pair
    distincts: Pair
    nulls_exclusives: Pair = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStats:
    """How many of the matched rows differ in a column; `match` is percent."""

    column_name: str
    values_different: int
    match: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Differences in rows that both sides have."""

    total_rows: int
    rows_with_differences: int
    columns_diff_stats: tuple[ColumnStats, ...]

    @property
    def total_values(self) -> int:
        """How many pairs of values were compared."""
        return self.total_rows * len(self.columns_diff_stats)

    @property
    def values_with_differences(self) -> int:
        """How many pairs of values differ."""
        return sum(column.values_different for column in self.columns_diff_stats)

    @property
    def columns_with_differences(self) -> int:
        """How many columns have a difference in any row."""
        return sum(column.values_different > 0 for column in self.columns_diff_stats)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifferences:
    """How the two datasets' columns differ, by a's names; columns left out on purpose are not exclusive."""

    column_counts: Pair
    exclusive_columns: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    column_type_differs: tuple[str, ...] = ()
    column_reorders: int = 0

    @property
    def same(self) -> bool:
        """Whether both have the same columns of the same types."""
        return not (any(self.exclusive_columns) or self.column_type_differs)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSummary:
    """The whole result but for the rows; with `sampled`, counts are those of the sample."""

    pks: PrimaryKeys
    values: Values
    schema: SchemaDifferences
    shared_columns: int
    sampled: Sampled | None = None

    @property
    def rows_compared(self) -> int:
        """How many different rows both sides have together."""
        return self.values.total_rows + sum(self.pks.exclusives) + max(self.pks.nulls)

    @property
    def different_rows(self) -> int:
        """Rows that are only on one side, or on both but not equal."""
        return self.values.rows_with_differences + sum(self.pks.exclusives) + sum(self.pks.nulls_exclusives)

    @property
    def different_rows_percent(self) -> float:
        """The part of different rows in all, percent."""
        return 100 * self.different_rows / self.rows_compared if self.rows_compared else 0.0

    @property
    def equal(self) -> bool:
        """Whether no row differs; columns that only one side has do not count."""
        return self.different_rows == 0

    @property
    def match_ratio(self) -> float:
        """Datafold's match score: the part of all values of both sides that have an equal one opposite, 0 to 1."""
        (rows_a, rows_b), extra = self.pks.total_rows, [len(names) for names in self.schema.exclusive_columns]
        total = rows_a * (self.shared_columns + extra[0]) + rows_b * (self.shared_columns + extra[1])
        exclusive_rows = sum(self.pks.exclusives) + sum(self.pks.nulls_exclusives)
        unmatched = 2 * self.values.values_with_differences + exclusive_rows * self.shared_columns
        unmatched += extra[0] * rows_a + extra[1] * rows_b
        return max(0, total - unmatched) / total if total else 1.0

    def document(self) -> dict[str, Any]:
        """The summary in Datafold's field names, ready for JSON."""
        pks, values, schema = self.pks, self.values, self.schema
        return {
            "status": "done",
            "pks": {
                name: list(getattr(pks, name)) for name in ("total_rows", "nulls", "dupes", "exclusives", "distincts")
            }
            | {"nulls_exclusives": list(pks.nulls_exclusives)},
            "values": {
                "total_rows": values.total_rows,
                "rows_with_differences": values.rows_with_differences,
                "total_values": values.total_values,
                "values_with_differences": values.values_with_differences,
                "compared_columns": len(values.columns_diff_stats),
                "columns_with_differences": values.columns_with_differences,
                "columns_diff_stats": [self._column(column) for column in values.columns_diff_stats],
            },
            "schema": {
                "columns_mismatched": [len(names) for names in schema.exclusive_columns],
                "column_type_mismatches": len(schema.column_type_differs),
                "column_reorders": schema.column_reorders,
                "column_counts": list(schema.column_counts),
                "column_type_differs": list(schema.column_type_differs),
                "exclusive_columns": [list(names) for names in schema.exclusive_columns],
            },
            "match_ratio": round(self.match_ratio, 6),
            "different_rows": self.different_rows,
            "different_rows_percent": round(self.different_rows_percent, 4),
            "sampled": None if self.sampled is None else {"rate": self.sampled.rate, "rows": self.sampled.rows},
        }

    def _column(self, column: ColumnStats) -> dict[str, Any]:
        document: dict[str, Any] = {
            "column_name": column.column_name,
            "match": round(column.match, 4),
            "values_different": column.values_different,
        }
        if self.sampled is not None:
            document["values_different_estimate"] = self.sampled.estimate(
                column.values_different, self.values.total_rows
            )
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingRow:
    """One row that differs: its key, and as text its values of a and b; of a changed row only those that changed."""

    key: dict[str, str | None]
    difference: Literal["only_in_a", "only_in_b", "changed"]
    a: dict[str, str | None]
    b: dict[str, str | None]
