"""The SQL that measures tables and finds rows that fail a test: one statement each, the same for both engines.

Identifiers are quoted; filters and values stand as they were declared, and were read as SQL when they were loaded.
"""

from collections.abc import Callable, Sequence

from observe_dagster.config.models.monitors import CheckedTable, StandardTest, table_parts
from observe_dagster.config.validation.monitor_sql import variable_sql
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.selection import bare

LOW_QUANTILE, HIGH_QUANTILE = 0.05, 0.95
"""The quantiles that qmin and qmax are."""

_ROWS = "count(*)"
_OF_COLUMN: dict[str, Callable[[Dialect, str], str]] = {
    "total": lambda _dialect, _column: _ROWS,
    "nulls": lambda _, column: f"count(*) - count({column})",
    "distinct": lambda _, column: f"count(DISTINCT {column})",
    "uniqueness": lambda dialect, column: f"{dialect.double(f'count(DISTINCT {column})')} / nullif(count(*), 0)",
    "fill_rate": lambda dialect, column: f"{dialect.double(f'count({column})')} / nullif(count(*), 0)",
    "sum": lambda dialect, column: dialect.double(f"sum({column})"),
    "min": lambda dialect, column: dialect.double(f"min({column})"),
    "max": lambda dialect, column: dialect.double(f"max({column})"),
    "average": lambda dialect, column: f"avg({dialect.double(column)})",
    "stddev": lambda dialect, column: f"stddev_samp({dialect.double(column)})",
    "median": lambda dialect, column: dialect.quantile(column, 0.5),
    "qmin": lambda dialect, column: dialect.quantile(column, LOW_QUANTILE),
    "qmax": lambda dialect, column: dialect.quantile(column, HIGH_QUANTILE),
    "col_freshness_minutes": lambda dialect, column: dialect.epoch(f"max({column})"),
}
NUMERIC = frozenset({"sum", "min", "max", "average", "stddev", "median", "qmin", "qmax"})
"""The metrics that only a column of numbers has."""


def column_statement(dialect: Dialect, table: str, column: str, measure: str, where: str | None) -> str:
    """Measure one column: one row with one value, for its freshness the seconds since 1970 of its newest value."""
    value = _OF_COLUMN[measure](dialect, dialect.quote(column))
    return f"SELECT {value} FROM {_table(dialect, table)}{_where(where)}"


def table_statement(dialect: Dialect, table: str, measure: str, where: str | None) -> str:
    """Count a table's rows, or its distinct rows."""
    if measure == "total":
        return f"SELECT {_ROWS} FROM {_table(dialect, table)}{_where(where)}"
    return f"SELECT {_ROWS} FROM (SELECT DISTINCT * FROM {_table(dialect, table)}{_where(where)}) AS distinct_rows"


def count_statement(query: str) -> str:
    """Count a query's rows."""
    return f"SELECT count(*) FROM (\n{bare(query)}\n) AS failing"


def text_statement(dialect: Dialect, query: str, columns: Sequence[str]) -> str:
    """Give a query's columns as text; the query as it is where two of them share a name."""
    if len(set(columns)) < len(columns):
        return query
    texts = ", ".join(dialect.text(dialect.quote(column)) for column in columns)
    return f"SELECT {texts} FROM (\n{bare(query)}\n) AS failing"


def newest_statement(dialect: Dialect, query: str, time: str, value: str) -> str:
    """Give a query's times, as seconds since 1970, and values: the newest first."""
    at = dialect.quote(time)
    return (
        f"SELECT {dialect.epoch(at)}, {dialect.double(dialect.quote(value))} FROM (\n{bare(query)}\n) AS series "
        f"WHERE {at} IS NOT NULL ORDER BY {at} DESC"
    )


def failing_rows(dialect: Dialect, test: StandardTest) -> list[tuple[str, str]]:
    """What a standard test looks for, and the query whose rows are failures, for each table and column."""
    if test.type == "referential_integrity":
        return [_referential_integrity(dialect, *test.tables)]
    if test.type == "unique":
        return [_unique(dialect, checked) for checked in test.tables]
    return [
        (
            f"{test.type} of {column} in {checked.path}",
            f"SELECT * FROM {_table(dialect, checked.path)} WHERE {_failing(dialect, test, dialect.quote(column))}",
        )
        for checked in test.tables
        for column in checked.columns
    ]


def _failing(dialect: Dialect, test: StandardTest, column: str) -> str:
    if test.type == "not_null":
        return f"{column} IS NULL"
    values = {name: variable_sql(variable, dialect.string) for name, variable in test.variables.items()}
    if test.type == "accepted_values":
        return f"NOT ({column} IN ({values['accepted_values']}))"
    signs = {"minimum": "<", "maximum": ">"}
    return " OR ".join(f"{column} {signs[name]} {value}" for name, value in values.items())


def _unique(dialect: Dialect, checked: CheckedTable) -> tuple[str, str]:
    columns = [dialect.quote(column) for column in checked.columns]
    keys = ", ".join(columns)
    known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    rows = "rows"
    while rows in checked.columns:
        rows += "_"
    text = (
        f"SELECT {keys}, count(*) AS {dialect.quote(rows)} FROM {_table(dialect, checked.path)} "
        f"WHERE {known} GROUP BY {keys} HAVING count(*) > 1"
    )
    return f"unique of {', '.join(checked.columns)} in {checked.path}", text


def _referential_integrity(dialect: Dialect, child: CheckedTable, parent: CheckedTable) -> tuple[str, str]:
    quoted = dialect.quote
    known = " AND ".join(f"child.{quoted(column)} IS NOT NULL" for column in child.columns)
    pairs = zip(child.columns, parent.columns, strict=True)
    same = " AND ".join(f"parent.{quoted(theirs)} = child.{quoted(ours)}" for ours, theirs in pairs)
    text = (
        f"SELECT child.* FROM {_table(dialect, child.path)} AS child WHERE {known} "
        f"AND NOT EXISTS (SELECT 1 FROM {_table(dialect, parent.path)} AS parent WHERE {same})"
    )
    looked_for = f"referential_integrity of {', '.join(child.columns)} in {child.path} to {parent.path}"
    return looked_for, text


def _table(dialect: Dialect, path: str | None) -> str:
    return dialect.quote(*table_parts(path or ""))


def _where(where: str | None) -> str:
    return "" if where is None else f" WHERE (\n{where}\n)"
