"""DuckDB's types and ours."""

import re

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.warehouse.duckdb.dialect import DIALECT

_WIDEST_DECIMAL = DIALECT.capabilities.widest_decimal_digits or 0

_KIND_BY_NAME = {
    "BOOLEAN": Kind.BOOLEAN,
    "TINYINT": Kind.SMALLINT,
    "UTINYINT": Kind.SMALLINT,
    "SMALLINT": Kind.SMALLINT,
    "USMALLINT": Kind.INTEGER,
    "INTEGER": Kind.INTEGER,
    "UINTEGER": Kind.BIGINT,
    "BIGINT": Kind.BIGINT,
    "FLOAT": Kind.REAL,
    "DOUBLE": Kind.DOUBLE,
    "VARCHAR": Kind.TEXT,
    "BLOB": Kind.BYTES,
    "DATE": Kind.DATE,
    "TIME": Kind.TIME,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMP_S": Kind.TIMESTAMP,
    "TIMESTAMP_MS": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMPTZ,
    "UUID": Kind.UUID,
    "JSON": Kind.JSON,
}

_DIGITS = {"UBIGINT": 20, "HUGEINT": 39, "UHUGEINT": 39}

_NATIVE = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.SMALLINT: "SMALLINT",
    Kind.INTEGER: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.REAL: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
    Kind.UUID: "UUID",
    Kind.JSON: "JSON",
}

_AS_TEXT = (Kind.UUID, Kind.JSON, Kind.DECIMAL)


def data_type_of(native: str) -> DataType | None:
    """Our type for a DuckDB type; None where no other engine can hold it."""
    if match := re.fullmatch(r"(.+)\[\d*\]", native):
        element = data_type_of(match[1])
        return None if element is None else DataType(kind=Kind.ARRAY, element=element)
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", native):
        return DataType(kind=Kind.DECIMAL, precision=int(match[1]), scale=int(match[2]))
    if native in _DIGITS:
        return DataType(kind=Kind.DECIMAL, precision=_DIGITS[native], scale=0)
    if native == "BIGNUM":
        return DataType(kind=Kind.DECIMAL)
    if native.startswith("ENUM("):
        return DataType(kind=Kind.TEXT)
    kind = _KIND_BY_NAME.get(native)
    return None if kind is None else DataType(kind=kind)


def native_of(data_type: DataType) -> str | None:
    """DuckDB's spelling of one of our types; None where it has none: a decimal wider than 38 digits or unbounded."""
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        element = native_of(data_type.element)
        return None if element is None else f"{element}[]"
    if data_type.kind is not Kind.DECIMAL:
        return _NATIVE[data_type.kind]
    precision, scale = data_type.precision, data_type.scale or 0
    if precision is None:
        return None
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return f"DECIMAL({precision},{scale})" if precision <= _WIDEST_DECIMAL else None


def arrow_transport_type(data_type: DataType) -> str:
    """What a value is cast to before it travels to another engine."""
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return f"{arrow_transport_type(data_type.element)}[]"
    return "VARCHAR" if data_type.kind in _AS_TEXT else _NATIVE[data_type.kind]
