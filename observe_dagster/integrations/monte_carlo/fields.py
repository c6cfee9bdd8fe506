"""Spells what Monte Carlo is picky about: column types, times, long statements."""

import re

LONGEST_QUERY = 10_000
CUT_MARK = " /* cut by observe */"

_NAMES = {
    "BOOL": "BOOLEAN",
    "INT": "INTEGER",
    "INT2": "SMALLINT",
    "INT4": "INTEGER",
    "INT8": "BIGINT",
    "FLOAT4": "REAL",
    "FLOAT8": "DOUBLE",
    "DOUBLE PRECISION": "DOUBLE",
    "NUMERIC": "DECIMAL",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
    "CHARACTER VARYING": "VARCHAR",
    "CHARACTER": "CHAR",
    "BPCHAR": "CHAR",
    "BYTEA": "BINARY",
    "BLOB": "BINARY",
    "BYTES": "BINARY",
    "JSONB": "JSON",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "TIMESTAMPTZ": "TIMESTAMP_TZ",
    "TIME WITHOUT TIME ZONE": "TIME",
    "TIME WITH TIME ZONE": "TIME_TZ",
}
_TYPE = re.compile(r"([^()\[\]]*?)\s*(\([^()]*\))?\s*([^()\[\]]*?)((?:\[\d*\])*)")


def field_type(native: str) -> str:
    """A column's type under one name for all engines: `character varying(20)` is `VARCHAR(20)`, `int8` `BIGINT`.

    What is not known keeps its name, in capitals; Dagster's own names (string, int, float, bool) are known.
    """
    text = " ".join(native.upper().split())
    match = _TYPE.fullmatch(text)
    if match is None:
        return text
    before, size, after, array = match.groups(default="")
    name = f"{before} {after}".strip()
    if not array and name == "FLOAT" and size == "":
        return "FLOAT"
    spelt = _NAMES.get(name, name) + size.replace(" ", "")
    return "ARRAY" if array else spelt


def query_text(text: str) -> str:
    """A statement, cut at 10 000 characters; what was cut ends in a mark."""
    if len(text) <= LONGEST_QUERY:
        return text
    return text[: LONGEST_QUERY - len(CUT_MARK)] + CUT_MARK
