"""DuckDB's SQL for comparing values."""

from observe_dagster.config.sql.quoting import quoted, string
from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column
from observe_dagster.warehouse.diff.comparison import ComparedColumn, Domain
from observe_dagster.warehouse.diff.statements import exact
from observe_dagster.warehouse.duckdb.types import native_of

CANONICAL_JSON = "observe_canonical_json"
"""The function a session needs for comparing json."""

_AS = {
    Domain.BOOLEAN: "BOOLEAN",
    Domain.DOUBLE: "DOUBLE",
    Domain.INTEGER: "BIGINT",
    Domain.TIMESTAMP: "TIMESTAMP",
    Domain.JSON: "VARCHAR",
}
STAGED_AS = {
    Domain.BOOLEAN: "BOOLEAN",
    Domain.INTEGER: "BIGINT",
    Domain.DOUBLE: "DOUBLE",
    Domain.DATE: "DATE",
    Domain.TIME: "TIME",
    Domain.TIMESTAMP: "TIMESTAMP",
}
"""The types that exported values of a domain are read as; others are text."""

_FITS = "DECIMAL(30, 15)"


class DuckDBExpressions:
    """DuckDB compares text by bytes."""

    engine = "duckdb"

    def value(self, column: Column, domain: Domain, *, portable: bool) -> str:
        """A column's value in the terms of a domain."""
        name, kind = quoted(column.name), None if column.data_type is None else column.data_type.kind
        if domain is Domain.TEXT:
            return self._plain(name, kind)
        if domain is Domain.JSON and kind is Kind.ARRAY:
            return f"CAST(to_json({name}) AS VARCHAR)"
        if domain is Domain.DECIMAL and portable:
            return _without_trailing_zeros(name)
        if domain is Domain.UUID and portable:
            return f"CAST({name} AS VARCHAR)"
        if domain in _AS:
            return f"CAST({name} AS {_AS[domain]})"
        return name

    def text(self, value: str, domain: Domain) -> str:
        """A domain's value as text, spelt as PostgreSQL spells it."""
        if domain is Domain.BYTES:
            return f"lower(hex({value}))"
        if domain is Domain.DOUBLE:
            digits = f"lower(CAST({value} + 0 AS VARCHAR))"
            return rf"replace(regexp_replace({digits}, '\.0(e|$)', '\1'), 'inf', 'infinity')"
        return f"CAST({value} AS VARCHAR)"

    def hashed(self, text: str, *, portable: bool) -> str:
        """A text's hash."""
        if portable:
            return f"CAST('0x' || substr(md5({text}), 1, 15) AS BIGINT)"
        return f"hash({text})"

    def number(self, value: str, domain: Domain) -> str:
        """A number as a double."""
        del domain
        return f"CAST({value} AS DOUBLE)"

    def close(self, a: str, b: str, column: ComparedColumn) -> str:
        """Whether two numbers are within a column's tolerance, by decimals where they fit and else by doubles."""
        first, second = self.number(a, column.domain), self.number(b, column.domain)
        apart, allowed = f"abs({first} - {second})", f"{exact(column.tolerance or 0)}::DOUBLE"
        if column.relative:
            return f"{apart} <= {allowed} * greatest(abs({first}), abs({second}))"
        decimals = [f"TRY_CAST(CAST({value} AS VARCHAR) AS {_FITS})" for value in (a, b)]
        exactly = f"abs({decimals[0]} - {decimals[1]}) <= TRY_CAST({exact(column.tolerance or 0)} AS {_FITS})"
        return f"coalesce({exactly}, {apart} <= {allowed})"

    def same_meaning(self, value: str, domain: Domain) -> str:
        """Json with its keys in order and its numbers in one spelling."""
        return f"{CANONICAL_JSON}({value})" if domain is Domain.JSON else value

    def one_of(self, value: str, numbers: list[int]) -> str:
        """Whether a whole number is in a list."""
        return f"{value} IN (SELECT unnest([{','.join(map(str, numbers))}]))"

    def type_name(self, data_type: DataType) -> str:
        """DuckDB's spelling of a type; text for a decimal it cannot hold."""
        return native_of(data_type) or "VARCHAR"

    def unique_keys(self, schema: str | None, table: str) -> str:
        """A query for the column lists that are unique in a table."""
        of = "" if schema is None else f"lower(schema_name) = lower({string(schema)}) AND "
        return (
            "SELECT constraint_column_names FROM duckdb_constraints() "
            f"WHERE {of}lower(table_name) = lower({string(table)}) AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')"
        )

    def _plain(self, name: str, kind: Kind | None) -> str:
        if kind is Kind.DECIMAL:
            return _without_trailing_zeros(name)
        if kind is Kind.BYTES:
            return f"lower(hex({name}))"
        if kind in (Kind.REAL, Kind.DOUBLE):
            return self.text(name, Domain.DOUBLE)
        if kind is Kind.TIMESTAMPTZ:
            return f"CAST(CAST({name} AS TIMESTAMP) AS VARCHAR)"
        return f"CAST({name} AS VARCHAR)"


def _without_trailing_zeros(name: str) -> str:
    text = f"CAST({name} AS VARCHAR)"
    return f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
