"""What a diff hands to an engine: which rows, how they are matched, and how each pair of columns is compared."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column
from observe_dagster.warehouse.dialects import Dialect

Side = Literal["a", "b"]


class Domain(StrEnum):
    """The terms in which two columns' values are compared, whatever their types are called.

    `native` is the engine's own equality, for two columns of one type in one engine.
    """

    NATIVE = "native"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    UUID = "uuid"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedColumn:
    """A column of a and the column of b it is compared with.

    `portable` values are written so that every engine has them: decimals and uuids as text. `microseconds` is how far
    timestamps may be apart; `equal_if` is SQL with `{a}` and `{b}`.
    """

    a: Column
    b: Column
    domain: Domain
    portable: bool
    tolerance: float | None = None
    relative: bool = False
    microseconds: int = 0
    ignore_case: bool = False
    null_is_empty: bool = False
    equal_if: str | None = None

    def of(self, side: Side) -> Column:
        """The column of one side."""
        return self.a if side == "a" else self.b


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStats:
    """What one side's keys are like; `low` and `high` only of a single key of whole numbers."""

    rows: int
    nulls: int
    distinct: int
    low: int | None = None
    high: int | None = None

    @property
    def duplicates(self) -> int:
        """How many rows have a key that another row has already."""
        return self.rows - self.nulls - self.distinct


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """How rows are dealt out by key: by ranges of `width` from `low` up, or by the key's hash, into `count` buckets."""

    count: int
    low: int | None = None
    width: int = 1


class Expressions(Protocol):
    """One engine's SQL for values, in text."""

    dialect: Dialect

    def value(self, column: Column, domain: Domain, *, portable: bool) -> str:
        """A column's value in the terms of a domain."""
        ...

    def text(self, value: str, domain: Domain) -> str:
        """A domain's value as text: the same for equal values, another for others, in every engine where it can be."""
        ...

    def hashed(self, text: str, *, portable: bool) -> str:
        """A text's hash, a whole number of at most 64 bits; a portable one is the same in every engine."""
        ...

    def number(self, value: str, domain: Domain) -> str:
        """A number in terms that can be subtracted without loss."""
        ...

    def close(self, a: str, b: str, column: ComparedColumn) -> str:
        """Whether two numbers are within a column's tolerance."""
        ...

    def same_meaning(self, value: str, domain: Domain) -> str:
        """A value in a form that is equal for all spellings of one meaning."""
        ...

    def one_of(self, value: str, numbers: "list[int]") -> str:
        """Whether a whole number is in a list, fast even when the list is long."""
        ...

    def type_name(self, data_type: DataType) -> str:
        """The engine's spelling of a type."""
        ...

    def unique_keys(self, schema: str | None, table: str) -> str:
        """A query for the column lists that are unique in a table."""
        ...


_INTEGERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
_FLOATS = (Kind.REAL, Kind.DOUBLE)
_EXACT = (*_INTEGERS, Kind.DECIMAL)
_MOMENTS = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)
_OWN_DOMAIN = {
    Kind.BOOLEAN: Domain.BOOLEAN,
    Kind.DECIMAL: Domain.DECIMAL,
    Kind.TEXT: Domain.TEXT,
    Kind.BYTES: Domain.BYTES,
    Kind.DATE: Domain.DATE,
    Kind.TIME: Domain.TIME,
    Kind.TIMESTAMP: Domain.TIMESTAMP,
    Kind.UUID: Domain.UUID,
    Kind.JSON: Domain.JSON,
}


def domain_of(a: Column, b: Column, *, across: bool) -> Domain:  # noqa: PLR0911 (a table of cases)
    """The terms in which two columns are compared; text is what every type can be compared in."""
    first, second = (None if column.data_type is None else column.data_type.kind for column in (a, b))
    if first is None or second is None:
        return Domain.TEXT
    both = {first, second}
    if both == {Kind.ARRAY}:
        return Domain.JSON if across or a.native != b.native else Domain.NATIVE
    if both <= set(_INTEGERS):
        return Domain.INTEGER
    if both <= set(_EXACT):
        return Domain.DECIMAL
    if both <= {*_EXACT, *_FLOATS}:
        return Domain.DOUBLE
    if both == {Kind.TIMESTAMPTZ}:
        return Domain.TIMESTAMP if across else Domain.NATIVE
    if both == {Kind.BYTES} and across:
        return Domain.TEXT
    if len(both) == 1:
        return _OWN_DOMAIN[first]
    return Domain.TIMESTAMP if both <= set(_MOMENTS) else Domain.TEXT


def is_number(column: Column) -> bool:
    """Whether a column's values can be within a tolerance of another's."""
    return column.data_type is not None and column.data_type.kind in (*_EXACT, *_FLOATS)


def is_whole(column: Column) -> bool:
    """Whether a column holds whole numbers only."""
    return column.data_type is not None and column.data_type.kind in _INTEGERS
