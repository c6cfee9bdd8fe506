"""Data diffs as users declare them: Datafold's monitors-as-code field names, for both of its diff types.

One model reads both `diff_type: indb` and `inmem`; which way two datasets are compared follows from where they are.
What cannot be done here is refused by name.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticUseDefault

from observe_dagster.config.models.base import Declared, Identifier, Slug


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ConnectionId = Annotated[
    Slug, BeforeValidator(_as_text), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
]
"""One of our connections by its id, or by the number that Datafold knows it by (its `datafold_id`)."""

_NOT_HERE = {
    "timeseries_dimension_column": "differences over time are not broken down; filter both datasets instead",
    "time_travel_point": "neither PostgreSQL nor DuckDB can read the past; give a query over history you keep",
    "session_parameters": "sessions are opened in UTC and read-only; put parameters into the connection's url",
    "sort_array_columns": "sort the arrays in a query instead",
}


def _default_for_none(value: object) -> object:
    if value is None:
        raise PydanticUseDefault
    return value


_NoneIsDefault = BeforeValidator(_default_for_none)


def _refuse(value: Any) -> Any:
    if isinstance(value, dict):
        for name, reason in _NOT_HERE.items():
            if value.get(name) not in (None, {}, False):
                raise ValueError(f"{name} is not supported: {reason}")
        return {name: inner for name, inner in value.items() if name not in _NOT_HERE}
    return value


class DiffDataset(Declared):
    """One side: a table as `schema.table`, with an optional filter, or a query.

    `materialize` is accepted and changes nothing: only rows that may differ are ever copied.
    """

    connection_id: ConnectionId
    table: str | None = Field(default=None, min_length=1)
    query: str | None = Field(default=None, min_length=1)
    filter: str | None = Field(default=None, min_length=1)
    materialize: bool = True

    _supported = model_validator(mode="before")(_refuse)

    @model_validator(mode="after")
    def _table_or_query(self) -> "DiffDataset":
        if (self.table is None) == (self.query is None):
            raise ValueError("give exactly one of table and query")
        if self.query is not None and self.filter is not None:
            raise ValueError("filter goes with table; put the condition into the query")
        return self


class ColumnTolerance(Declared):
    """How far two numbers may be apart: by so much, or by that part of the larger one."""

    type: Literal["absolute", "relative"] = "absolute"
    value: float = Field(ge=0, allow_inf_nan=False)


class FloatTolerance(Declared):
    """Tolerances of numbers: `default` for all columns that are not whole numbers, and for single columns."""

    default: ColumnTolerance | None = None
    column_tolerance: Annotated[dict[Identifier, ColumnTolerance], _NoneIsDefault] = Field(default_factory=dict)


DatetimePrecision = Literal["1s", "0.1s", "0.01s", "1ms", "0.1ms", "0.01ms", "1us"]
_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000}


class DatetimeTolerance(Declared):
    """How far two timestamps may be apart."""

    default: DatetimePrecision = "1us"

    @property
    def microseconds(self) -> int:
        """The tolerance in microseconds; `1us`, the finest there is, is exact."""
        unit = self.default.lstrip("0123456789.")
        length = int(Fraction(self.default.removesuffix(unit)) * _UNITS[unit])
        return 0 if length == 1 else length


class DiffTolerance(Declared):
    """What counts as equal although it is not the same."""

    float_: FloatTolerance | None = Field(default=None, alias="float")
    datetime: DatetimeTolerance | None = None


class DiffSampling(Declared):
    """Compare only a part: `rate` percent, about `max_rows`, or as many rows as an estimate needs.

    `tolerance` and `confidence` are percent: an estimate that is right within `tolerance`, `confidence` of the time.
    Datasets of fewer than `threshold` rows are compared whole.
    """

    rate: float | None = Field(default=None, gt=0, le=100)
    max_rows: int | None = Field(default=None, ge=1)
    tolerance: float | None = Field(default=None, gt=0, lt=100)
    confidence: float | None = Field(default=None, gt=0, lt=100)
    threshold: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> "DiffSampling":
        if (self.tolerance is None) != (self.confidence is None):
            raise ValueError("tolerance and confidence go together")
        ways = [name for name in ("rate", "max_rows", "tolerance") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError("give exactly one of rate, max_rows, or tolerance with confidence")
        return self


class ColumnRule(Declared):
    """SQL for when two values are equal, with `{a}` and `{b}` in their places, for a column or for a type."""

    column: Identifier | None = None
    type: str | None = Field(default=None, min_length=1)
    equal_if: str = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> "ColumnRule":
        if (self.column is None) == (self.type is None):
            raise ValueError("give exactly one of column and type")
        if "{a}" not in self.equal_if or "{b}" not in self.equal_if:
            raise ValueError("equal_if must compare {a} with {b}, such as: round({a}, 2) = round({b}, 2)")
        return self


class DataDiffConfig(Declared):
    """Two datasets, the key that matches their rows, and what counts as a difference.

    Column names are dataset a's; `column_remapping` gives the names of those that are called otherwise in b.
    """

    diff_type: Literal["indb", "inmem"] = "indb"
    primary_key: tuple[Identifier, ...] = Field(min_length=1)
    dataset_a: DiffDataset
    dataset_b: DiffDataset
    include_columns: tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasChoices("columns_to_compare", "include_columns")
    )
    exclude_columns: Annotated[tuple[str, ...], _NoneIsDefault] = ()
    column_remapping: Annotated[dict[Identifier, Identifier], _NoneIsDefault] = Field(default_factory=dict)
    sampling: DiffSampling | None = None
    ignore_string_case: bool = False
    null_equals_empty_string: bool = False
    compare_duplicates: bool = True
    tolerance: DiffTolerance | None = None
    column_rules: Annotated[tuple[ColumnRule, ...], _NoneIsDefault] = ()
    materialize_results: bool = False
    materialize_results_to: ConnectionId | None = None

    @model_validator(mode="before")
    @classmethod
    def _supported(cls, value: Any) -> Any:
        if isinstance(value, dict) and "columns_to_compare" in value and "include_columns" in value:
            raise ValueError("columns_to_compare and include_columns are the same; give one")
        return _refuse(value)

    @model_validator(mode="after")
    def _consistent(self) -> "DataDiffConfig":
        if len(set(self.primary_key)) < len(self.primary_key):
            raise ValueError("primary_key names a column twice")
        targets = list(self.column_remapping.values())
        if twice := sorted({name for name in targets if targets.count(name) > 1}):
            raise ValueError(f"column_remapping gives two columns of a the name {twice[0]!r}")
        return self


class DiffAlertCondition(Declared):
    """When a diff fails: more rows differ than this, or a greater part of them, or the datasets match less than this.

    Without any, every difference fails. `different_rows_percent` is percent; `match_ratio_min` is 0 to 1.
    """

    different_rows_count: int | None = Field(default=None, ge=0)
    different_rows_percent: float | None = Field(default=None, ge=0, le=100)
    match_ratio_min: float | None = Field(default=None, ge=0, le=1)
