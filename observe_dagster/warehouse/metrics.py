"""The SQL that measures tables and finds rows that fail a test: one statement each, the same for both engines.

Identifiers are quoted; filters and values stand as they were declared, and were read as SQL when they were loaded.
"""

from collections.abc import Sequence

from observe_dagster.config.models.monitors import CheckedTable, StandardTest, table_parts
from observe_dagster.config.sql.quoting import quoted
from observe_dagster.config.validation.monitor_sql import variable_sql

LOW_QUANTILE, HIGH_QUANTILE = 0.05, 0.95
"""The quantiles that qmin and qmax are."""

_ROWS = "count(*)"
_OF_COLUMN = {
    "total": _ROWS,
    "nulls": "count(*) - count({column})",
    "distinct": "count(DISTINCT {column})",
    "uniqueness": "CAST(count(DISTINCT {column}) AS double precision) / nullif(count(*), 0)",
    "fill_rate": "CAST(count({column}) AS double precision) / nullif(count(*), 0)",
    "sum": "CAST(sum({column}) AS double precision)",
    "min": "CAST(min({column}) AS double precision)",
    "max": "CAST(max({column}) AS double precision)",
    "average": "avg(CAST({column} AS double precision))",
    "stddev": "stddev_samp(CAST({column} AS double precision))",
    "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST({column} AS double precision))",
    "qmin": f"percentile_cont({LOW_QUANTILE}) WITHIN GROUP (ORDER BY CAST({{column}} AS double precision))",
    "qmax": f"percentile_cont({HIGH_QUANTILE}) WITHIN GROUP (ORDER BY CAST({{column}} AS double precision))",
    "col_freshness_minutes": "CAST(extract(epoch FROM max({column})) AS double precision)",
}
NUMERIC = frozenset({"sum", "min", "max", "average", "stddev", "median", "qmin", "qmax"})
"""The metrics that only a column of numbers has."""


def column_statement(table: str, column: str, measure: str, where: str | None) -> str:
    """Measure one column: one row with one value, for its freshness the seconds since 1970 of its newest value."""
    value = _OF_COLUMN[measure].format(column=quoted(column))
    return f"SELECT {value} FROM {source(table)}{_where(where)}"


def table_statement(table: str, measure: str, where: str | None) -> str:
    """Count a table's rows, or its distinct rows."""
    if measure == "total":
        return f"SELECT {_ROWS} FROM {source(table)}{_where(where)}"
    return f"SELECT {_ROWS} FROM (SELECT DISTINCT * FROM {source(table)}{_where(where)}) AS distinct_rows"


def source(table: str) -> str:
    """A declared table as SQL."""
    return quoted(*table_parts(table))


def count_statement(query: str) -> str:
    """Count a query's rows."""
    return f"SELECT count(*) FROM (\n{_bare(query)}\n) AS failing"


def text_statement(query: str, columns: Sequence[str]) -> str:
    """Give a query's columns as text; the query as it is where two of them share a name."""
    if len(set(columns)) < len(columns):
        return query
    texts = ", ".join(f"CAST({quoted(column)} AS text)" for column in columns)
    return f"SELECT {texts} FROM (\n{_bare(query)}\n) AS failing"


def newest_statement(query: str, time: str, value: str) -> str:
    """Give a query's times, as seconds since 1970, and values: the newest first."""
    seconds = f"CAST(extract(epoch FROM {quoted(time)}) AS double precision)"
    return (
        f"SELECT {seconds}, CAST({quoted(value)} AS double precision) FROM (\n{_bare(query)}\n) AS series "
        f"WHERE {quoted(time)} IS NOT NULL ORDER BY {quoted(time)} DESC"
    )


DATABASE = "SELECT current_database()"
"""The statement that gives the name of the database, the first of a path's three parts."""


def failing_rows(test: StandardTest) -> list[tuple[str, str]]:
    """What a standard test looks for, and the query whose rows are failures, for each table and column."""
    if test.type == "referential_integrity":
        return [_referential_integrity(*test.tables)]
    if test.type == "unique":
        return [_unique(checked) for checked in test.tables]
    return [
        (
            f"{test.type} of {column} in {checked.path}",
            f"SELECT * FROM {source(checked.path or '')} WHERE {_failing(test, quoted(column))}",
        )
        for checked in test.tables
        for column in checked.columns
    ]


def _failing(test: StandardTest, column: str) -> str:
    if test.type == "not_null":
        return f"{column} IS NULL"
    values = {name: variable_sql(variable) for name, variable in test.variables.items()}
    if test.type == "accepted_values":
        return f"NOT ({column} IN ({values['accepted_values']}))"
    signs = {"minimum": "<", "maximum": ">"}
    return " OR ".join(f"{column} {signs[name]} {value}" for name, value in values.items())


def _unique(checked: CheckedTable) -> tuple[str, str]:
    columns = [quoted(column) for column in checked.columns]
    keys = ", ".join(columns)
    known = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    rows = quoted(_free("rows", checked.columns))
    text = (
        f"SELECT {keys}, count(*) AS {rows} FROM {source(checked.path or '')} "
        f"WHERE {known} GROUP BY {keys} HAVING count(*) > 1"
    )
    return f"unique of {', '.join(checked.columns)} in {checked.path}", text


def _referential_integrity(child: CheckedTable, parent: CheckedTable) -> tuple[str, str]:
    known = " AND ".join(f"child.{quoted(column)} IS NOT NULL" for column in child.columns)
    pairs = zip(child.columns, parent.columns, strict=True)
    same = " AND ".join(f"parent.{quoted(theirs)} = child.{quoted(ours)}" for ours, theirs in pairs)
    text = (
        f"SELECT child.* FROM {source(child.path or '')} AS child WHERE {known} "
        f"AND NOT EXISTS (SELECT 1 FROM {source(parent.path or '')} AS parent WHERE {same})"
    )
    looked_for = f"referential_integrity of {', '.join(child.columns)} in {child.path} to {parent.path}"
    return looked_for, text


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _where(where: str | None) -> str:
    return "" if where is None else f" WHERE (\n{where}\n)"


def _bare(query: str) -> str:
    return query.strip().rstrip(";").rstrip()
