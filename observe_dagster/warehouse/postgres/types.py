"""PostgreSQL's types and ours."""

from observe_dagster.datatypes import DataType, Kind

_KIND_BY_OID = {
    16: Kind.BOOLEAN,
    21: Kind.SMALLINT,
    23: Kind.INTEGER,
    20: Kind.BIGINT,
    26: Kind.BIGINT,
    700: Kind.REAL,
    701: Kind.DOUBLE,
    1700: Kind.DECIMAL,
    18: Kind.TEXT,
    19: Kind.TEXT,
    25: Kind.TEXT,
    1042: Kind.TEXT,
    1043: Kind.TEXT,
    17: Kind.BYTES,
    1082: Kind.DATE,
    1083: Kind.TIME,
    1114: Kind.TIMESTAMP,
    1184: Kind.TIMESTAMPTZ,
    2950: Kind.UUID,
    114: Kind.JSON,
    3802: Kind.JSON,
}

_NATIVE = {
    Kind.BOOLEAN: "boolean",
    Kind.SMALLINT: "smallint",
    Kind.INTEGER: "integer",
    Kind.BIGINT: "bigint",
    Kind.REAL: "real",
    Kind.DOUBLE: "double precision",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.UUID: "uuid",
    Kind.JSON: "jsonb",
}

_AS_TEXT = (Kind.UUID, Kind.JSON, Kind.DECIMAL)


def data_type_of(oid: int, modifier: int, element_oid: int = 0) -> DataType | None:
    """Our type for a PostgreSQL type; None where no other engine can hold it."""
    if element_oid:
        element = data_type_of(element_oid, modifier)
        return None if element is None else DataType(kind=Kind.ARRAY, element=element)
    kind = _KIND_BY_OID.get(oid)
    if kind is None:
        return None
    if kind is Kind.DECIMAL and modifier >= 4:
        scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024
        return DataType(kind=kind, precision=((modifier - 4) >> 16) & 0xFFFF, scale=scale)
    return DataType(kind=kind)


def native_of(data_type: DataType) -> str:
    """PostgreSQL's spelling of one of our types; json is jsonb."""
    if data_type.kind is Kind.DECIMAL:
        return "numeric" if data_type.precision is None else f"numeric({data_type.precision},{data_type.scale or 0})"
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return f"{native_of(data_type.element)}[]"
    return _NATIVE[data_type.kind]


def arrow_transport_type(data_type: DataType) -> str:
    """The type a column of Arrow rows is staged as: text where Arrow carries text."""
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return f"{arrow_transport_type(data_type.element)}[]"
    if data_type.kind in _AS_TEXT:
        return "text"
    return native_of(data_type)


def sent_as_text(data_type: DataType) -> bool:
    """Tell whether values of a type, or an array's elements, are text in Arrow rows."""
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return sent_as_text(data_type.element)
    return data_type.kind in _AS_TEXT
