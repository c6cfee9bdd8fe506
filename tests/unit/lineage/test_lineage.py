"""What a SELECT reads, and where its columns come from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.lineage import column_sources, output_columns, source_tables
from observe_dagster.records import TableName


def tables(sql: str, dialect: str = "postgres") -> list[str]:
    return [str(table) for table in source_tables(sql, dialect, "public")]


def sources(sql: str, dialect: str = "postgres", schema: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    known = {TableName(schema="public", table=name): columns for name, columns in (schema or {}).items()}
    found = column_sources(sql, dialect, "public", known)
    return {name: [f"{table}.{column}" for table, column in of] for name, of in found.items()}


@pytest.mark.parametrize(
    ("dialect", "sql", "read"),
    [
        ("postgres", "SELECT 1 AS one", []),
        ("postgres", 'SELECT a FROM Sch.T JOIN "Sch"."T" ON true', ["sch.t", "Sch.T"]),
        ("duckdb", "SELECT a FROM Flights", ["public.Flights"]),
        ("snowflake", 'SELECT a FROM flights, "flights"', ["public.FLIGHTS", "public.flights"]),
        ("postgres", "SELECT a FROM t, t AS again", ["public.t"]),
        ("postgres", "WITH x AS (SELECT a FROM t) SELECT a FROM X", ["public.t"]),
        ("postgres", "WITH t AS (SELECT a FROM t) SELECT a FROM t", ["public.t"]),
        ("postgres", "WITH x AS (SELECT a FROM t) SELECT a FROM other.x", ["public.t", "other.x"]),
        ("duckdb", "WITH X AS (SELECT a FROM t) SELECT a FROM x", ["public.t"]),
        (
            "postgres",
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i IN (SELECT i FROM v))",
            ["public.t", "public.u", "public.v"],
        ),
        (
            "postgres",
            "SELECT a FROM t UNION SELECT b FROM u EXCEPT SELECT c FROM v",
            ["public.t", "public.u", "public.v"],
        ),
        ("postgres", "SELECT g FROM generate_series(1, 2) AS g, unnest(ARRAY[1]) AS u", []),
        ("postgres", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", []),
        ("postgres", "SELECT t.a FROM one.t, two.t", ["one.t", "two.t"]),
        ("duckdb", "FROM t", ["public.t"]),
    ],
)
def test_the_tables_that_are_read(dialect, sql, read):
    assert tables(sql, dialect) == read


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        ("postgres", 'SELECT Flight_ID, "Carrier", t.B AS c FROM t', ("flight_id", "Carrier", "c")),
        ("duckdb", "SELECT Flight_ID FROM t", ("Flight_ID",)),
        ("snowflake", 'SELECT a, "b" FROM t', ("A", "b")),
        ("postgres", "SELECT a AS x FROM t UNION ALL SELECT b FROM u", ("x",)),
        ("postgres", "WITH x AS (SELECT a, b AS c FROM t) SELECT *, 1 AS d FROM x", ("a", "c", "d")),
        ("postgres", "SELECT s.*, v.c FROM (SELECT a, b FROM t) s JOIN u v ON true", ("a", "b", "c")),
        ("postgres", "SELECT * FROM (SELECT a FROM t) s JOIN (SELECT b FROM u) v ON true", ("a", "b")),
        ("postgres", "SELECT * FROM t", None),
        ("postgres", "SELECT * FROM (SELECT a FROM t) s JOIN (SELECT a FROM u) v USING (a)", None),
        ("postgres", "SELECT * FROM (SELECT a FROM t) s JOIN u ON true", None),
        ("postgres", "SELECT * FROM (SELECT 1) AS s(a)", None),
        ("postgres", "SELECT (r).* FROM r", None),
        ("postgres", "SELECT count(*) FROM t", None),
        ("duckdb", "SELECT * EXCLUDE (a) FROM (SELECT a, b FROM t)", None),
        ("duckdb", "SELECT COLUMNS('a.*') FROM t", None),
        ("postgres", "DROP TABLE t", None),
    ],
)
def test_the_columns_that_come_out(dialect, sql, columns):
    assert output_columns(sql, dialect) == columns


@pytest.mark.parametrize(
    ("sql", "schema", "found"),
    [
        ("SELECT a, 1 AS one, upper(b) AS B FROM t", {}, {"a": ["public.t.a"], "one": [], "b": ["public.t.b"]}),
        ("SELECT t.a + u.b AS c FROM t JOIN s.u ON true", {}, {"c": ["public.t.a", "s.u.b"]}),
        ("WITH x AS (SELECT a + b AS c FROM t) SELECT c FROM x", {}, {"c": ["public.t.a", "public.t.b"]}),
        ("SELECT a FROM t UNION ALL SELECT b FROM u", {}, {"a": ["public.t.a", "public.u.b"]}),
        ("SELECT (SELECT max(z) FROM u WHERE u.i = t.i) AS m FROM t", {}, {"m": ["public.u.z"]}),
        ("SELECT a FROM t JOIN u ON true", {}, {"a": []}),
        ("SELECT a FROM t JOIN u ON true", {"t": ["a"], "u": ["b"]}, {"a": ["public.t.a"]}),
        ("SELECT * FROM t", {"t": ["a", "b"]}, {"a": ["public.t.a"], "b": ["public.t.b"]}),
        ("SELECT *, 1 AS x FROM t", {}, {"x": []}),
        ("SELECT x FROM (SELECT * FROM t) s", {"t": ["x", "y"]}, {"x": ["public.t.x"]}),
        ("SELECT t.a FROM one.t, two.t", {}, {"a": ["one.t.a"]}),
        ("not sql (", {}, {}),
    ],
)
def test_where_columns_come_from(sql, schema, found):
    assert sources(sql, schema=schema) == found


def test_a_case_insensitive_engine_finds_a_column_as_it_is_stored():
    assert sources("SELECT flight_id FROM Flights", "duckdb", {"flights": ["Flight_ID"]}) == {
        "flight_id": ["public.Flights.Flight_ID"]
    }


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "SELECT",
                "*",
                "a",
                "b.c",
                ",",
                "FROM",
                "t",
                "(",
                ")",
                "JOIN",
                "ON true",
                "WITH x AS",
                "UNION",
                "AS y",
                "x",
            ]
        ),
        max_size=16,
    ),
    st.sampled_from(["postgres", "duckdb"]),
)
def test_nothing_is_raised_whatever_the_text(words, dialect):
    sql = " ".join(["SELECT", *words])
    columns = output_columns(sql, dialect)
    traced = column_sources(sql, dialect, "public", {TableName(schema="public", table="t"): ["a", "c"]})
    read = set(source_tables(sql, dialect, "public"))
    assert columns is None or set(traced) == set(columns)
    assert {table for of in traced.values() for table, _ in of} <= read
