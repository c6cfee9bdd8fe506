"""The data types rows keep their meaning in, whatever engine holds them.

An engine's adapter maps its own type names to a `DataType` and back; `parse_data_type` reads the names a user
writes in a cast.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """The families of types that every adapter knows."""

    BOOLEAN = "boolean"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    REAL = "real"
    DOUBLE = "double"
    DECIMAL = "decimal"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    JSON = "json"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataType:
    """One type: `precision` and `scale` for decimals (both None: unbounded), `element` for arrays."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    element: Self | None = None

    def __str__(self) -> str:
        if self.kind is Kind.DECIMAL and self.precision is not None:
            return f"decimal({self.precision},{self.scale or 0})"
        if self.kind is Kind.ARRAY:
            return f"{self.element}[]"
        return self.kind.value


_ALIASES = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.SMALLINT,
    "int": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.BIGINT,
    "float4": Kind.REAL,
    "float8": Kind.DOUBLE,
    "float": Kind.DOUBLE,
    "double precision": Kind.DOUBLE,
    "numeric": Kind.DECIMAL,
    "string": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bytea": Kind.BYTES,
    "blob": Kind.BYTES,
    "jsonb": Kind.JSON,
    "datetime": Kind.TIMESTAMP,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMPTZ,
    "datetime_tz": Kind.TIMESTAMPTZ,
}

TYPE_NAMES = tuple(kind.value for kind in Kind if kind is not Kind.ARRAY)
"""The names that `parse_data_type` knows besides its aliases and the forms `decimal(p,s)` and `T[]`."""


def parse_data_type(text: str) -> DataType:
    """Read a type as a user writes it in a cast: `bigint`, `decimal(12,2)`, `text[]`.

    Raises ValueError for a name that is not known or a precision that no engine has.
    """
    name = " ".join(text.strip().lower().split())
    if name.endswith("[]"):
        return DataType(kind=Kind.ARRAY, element=parse_data_type(name[:-2]))
    if match := re.fullmatch(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", name):
        precision, scale = int(match[1]), int(match[2] or 0)
        if not 1 <= precision <= 1000 or scale > precision:
            raise ValueError(f"{text!r}: the precision must be 1 to 1000 and the scale at most the precision")
        return DataType(kind=Kind.DECIMAL, precision=precision, scale=scale)
    if name in _ALIASES:
        return DataType(kind=_ALIASES[name])
    if name in TYPE_NAMES:
        return DataType(kind=Kind(name))
    raise ValueError(f"{text!r} is not a type; use one of {', '.join(TYPE_NAMES)}, decimal(p,s) or T[]")


_INTEGERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
_INTEGER_DIGITS = {Kind.SMALLINT: 5, Kind.INTEGER: 10, Kind.BIGINT: 19}


def widens(old: DataType, new: DataType) -> bool:
    """Tell whether every value of `old` keeps its meaning in `new`, so that a column may be altered in place."""
    if old == new:
        return True
    if old.kind in _INTEGERS:
        if new.kind in _INTEGERS:
            return _INTEGERS.index(old.kind) <= _INTEGERS.index(new.kind)
        digits = DataType(kind=Kind.DECIMAL, precision=_INTEGER_DIGITS[old.kind], scale=0)
        return new.kind is Kind.DECIMAL and _decimal_widens(digits, new)
    if old.kind is Kind.DECIMAL and new.kind is Kind.DECIMAL:
        return _decimal_widens(old, new)
    if old.kind is Kind.ARRAY and new.kind is Kind.ARRAY:
        return old.element is not None and new.element is not None and widens(old.element, new.element)
    return (old.kind, new.kind) == (Kind.REAL, Kind.DOUBLE)


def _decimal_widens(old: DataType, new: DataType) -> bool:
    if new.precision is None:
        return True
    if old.precision is None:
        return False
    old_scale, new_scale = old.scale or 0, new.scale or 0
    return new_scale >= old_scale and new.precision - new_scale >= old.precision - old_scale
