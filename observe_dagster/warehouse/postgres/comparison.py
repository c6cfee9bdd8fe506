"""PostgreSQL's SQL for comparing values."""

from observe_dagster.config.sql.quoting import quoted, string
from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column
from observe_dagster.warehouse.diff.comparison import ComparedColumn, Domain
from observe_dagster.warehouse.diff.statements import exact
from observe_dagster.warehouse.postgres.types import native_of

_AS = {
    Domain.DECIMAL: "numeric",
    Domain.DOUBLE: "float8",
    Domain.INTEGER: "bigint",
    Domain.TIMESTAMP: "timestamp",
    Domain.JSON: "jsonb",
}


class PostgresExpressions:
    """Comparisons of text are by bytes, whatever the columns' collations."""

    engine = "postgres"

    def value(  # noqa: PLR0911 (a table of cases)
        self, column: Column, domain: Domain, *, portable: bool
    ) -> str:
        """A column's value in the terms of a domain."""
        name, kind = quoted(column.name), None if column.data_type is None else column.data_type.kind
        if domain is Domain.TEXT:
            return f'{self._plain(name, kind)} COLLATE "C"'
        if domain is Domain.TIMESTAMP and kind is Kind.TIMESTAMPTZ:
            return f"({name} AT TIME ZONE 'UTC')"
        if domain is Domain.JSON and kind is Kind.ARRAY:
            return f"to_json({name})::text" if portable else f"to_jsonb({name})"
        if domain is Domain.JSON:
            return f"{name}::text" if portable else f"{name}::jsonb"
        if domain is Domain.DECIMAL and portable:
            return f'trim_scale({name}::numeric)::text COLLATE "C"'
        if domain is Domain.UUID and portable:
            return f'{name}::text COLLATE "C"'
        if domain in _AS:
            return f"{name}::{_AS[domain]}"
        return name

    def text(self, value: str, domain: Domain) -> str:
        """A domain's value as text."""
        if domain is Domain.BYTES:
            return f"encode({value}, 'hex')"
        if domain is Domain.DOUBLE:
            return f"lower(({value} + 0)::text)"
        return f"({value})::text"

    def hashed(self, text: str, *, portable: bool) -> str:
        """A text's hash."""
        if portable:
            return f"('x' || left(md5({text}), 15))::bit(60)::bigint"
        return f'hashtextextended({text} COLLATE "C", 0)'

    def number(self, value: str, domain: Domain) -> str:
        """A number as a numeric: the digits a float is written with, not its binary fraction."""
        return f"({value})::text::numeric" if domain is Domain.DOUBLE else f"({value})::numeric"

    def close(self, a: str, b: str, column: ComparedColumn) -> str:
        """Whether two numbers are within a column's tolerance."""
        a, b = self.number(a, column.domain), self.number(b, column.domain)
        allowed = f"{exact(column.tolerance or 0)}::numeric"
        return f"abs({a} - {b}) <= " + (f"{allowed} * greatest(abs({a}), abs({b}))" if column.relative else allowed)

    def same_meaning(self, value: str, domain: Domain) -> str:
        """A value as it is: PostgreSQL's own types know their meaning."""
        del domain
        return value

    def one_of(self, value: str, numbers: list[int]) -> str:
        """Whether a whole number is in a list."""
        return f"{value} = ANY('{{{','.join(map(str, numbers))}}}'::bigint[])"

    def type_name(self, data_type: DataType) -> str:
        """PostgreSQL's spelling of a type."""
        return native_of(data_type)

    def unique_keys(self, schema: str | None, table: str) -> str:
        """A query for the column lists that are unique in a table."""
        name = string(quoted(*(part for part in (schema, table) if part is not None)))
        return f"""
SELECT array_agg(a.attname::text) FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = to_regclass({name}) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indimmediate
  AND 0 <> ALL (i.indkey[0:i.indnkeyatts - 1])
GROUP BY i.indexrelid"""

    def _plain(self, name: str, kind: Kind | None) -> str:
        if kind is Kind.DECIMAL:
            return f"trim_scale({name})::text"
        if kind is Kind.BYTES:
            return f"encode({name}, 'hex')"
        if kind is Kind.TIMESTAMPTZ:
            return f"({name} AT TIME ZONE 'UTC')::text"
        return f"{name}::text"
