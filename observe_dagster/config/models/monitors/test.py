"""Test monitors: a query whose rows are failures, written out or made from one of the standard tests."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from observe_dagster.config.models.base import Declared, Identifier
from observe_dagster.config.models.diff import ConnectionId
from observe_dagster.config.models.monitors.common import MonitorCommon
from observe_dagster.config.models.monitors.tables import TablePath

Scalar = StrictStr | StrictInt | StrictFloat
StandardTestType = Literal[
    "unique", "not_null", "accepted_values", "referential_integrity", "numeric_range", "custom_template"
]
_VARIABLES: dict[str, tuple[str, ...]] = {
    "unique": (),
    "not_null": (),
    "accepted_values": ("accepted_values",),
    "referential_integrity": (),
    "numeric_range": ("minimum", "maximum"),
}


def _not_empty(columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns:
        raise ValueError("name at least one column")
    return columns


def _finite(value: Scalar | tuple[Scalar, ...]) -> Scalar | tuple[Scalar, ...]:
    listed = value if isinstance(value, tuple) else (value,)
    if not listed:
        raise ValueError("give at least one value")
    if any(isinstance(each, float) and not math.isfinite(each) for each in listed):
        raise ValueError("must be a finite number")
    return value


class CheckedTable(Declared):
    """A table and its columns; `path` left out means the table that the pipeline writes."""

    path: TablePath | None = None
    columns: Annotated[tuple[Identifier, ...], AfterValidator(_not_empty)]


class Variable(Declared):
    """A value or a list of them; with `quote` each is written into the SQL as text, otherwise as it is."""

    value: Annotated[Scalar | tuple[Scalar, ...], AfterValidator(_finite)]
    quote: StrictBool = True


class StandardTest(Declared):
    """One of the ready-made tests, or `custom_template`: the monitor's `query` with `{name}` where variables go."""

    type: StandardTestType
    tables: tuple[CheckedTable, ...] = ()
    variables: dict[Identifier, Variable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _variables_fit(self) -> "StandardTest":
        known = _VARIABLES.get(self.type)
        if known is None:
            return self
        if unknown := sorted(set(self.variables) - set(known)):
            usage = f"takes the variables {' and '.join(known)}" if known else "takes no variables"
            raise ValueError(f"the variable {unknown[0]!r} is not known; {self.type} {usage}")
        if known and not self.variables:
            raise ValueError(f"{self.type} needs the variable {' or '.join(known)}")
        return self

    @model_validator(mode="after")
    def _tables_fit(self) -> "StandardTest":
        if self.type == "custom_template":
            return self
        if not self.tables:
            raise ValueError(f"{self.type} needs tables")
        if self.type == "referential_integrity":
            if len(self.tables) != 2 or len(self.tables[0].columns) != len(self.tables[1].columns):
                raise ValueError(
                    "referential_integrity needs two tables with as many columns each: "
                    "the one that refers, then the one that is referred to"
                )
            if self.tables[1].path is None:
                raise ValueError("the table that is referred to needs a path")
        for variable in ("minimum", "maximum"):
            bound = self.variables.get(variable)
            if bound is not None and isinstance(bound.value, tuple):
                raise ValueError(f"{variable} takes one value")
        return self


class DataTestMonitor(MonitorCommon):
    """Fails when its query gives rows: `query` as written, or made from `test`."""

    type: Literal["test"]
    connection_id: ConnectionId | None = None
    query: str | None = Field(default=None, min_length=1)
    test: StandardTest | None = None

    @model_validator(mode="after")
    def _query_or_test(self) -> "DataTestMonitor":
        template = self.test is not None and self.test.type == "custom_template"
        if template and self.query is None:
            raise ValueError(
                "a template that is kept at Datafold is not known here; write it as the monitor's query, "
                "with {table}, {column} and the variables' names in braces"
            )
        if not template and (self.query is None) == (self.test is None):
            raise ValueError("give exactly one of query and test")
        return self
