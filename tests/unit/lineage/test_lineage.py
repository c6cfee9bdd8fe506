"""What a SELECT reads, and where its columns come from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.lineage import output_columns, query_lineage, source_tables


def tables(sql: str, dialect: str = "postgres") -> list[str]:
    return [str(table) for table in source_tables(sql, dialect, "public")]


def sources(
    sql: str, dialect: str = "postgres", schema: dict[str, list[str]] | None = None
) -> list[tuple[str | None, list[str]]]:
    known = {("public", name): columns for name, columns in (schema or {}).items()}
    found = query_lineage(sql, dialect, defaults=("public",), schema=known)
    return [(one.name, [f"{'.'.join(ref.table)}.{ref.column}" for ref in one.sources]) for one in found.outputs]


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
        (
            "SELECT a, 1 AS one, upper(b) AS B FROM t",
            {},
            [("a", ["public.t.a"]), ("one", []), ("b", ["public.t.b"])],
        ),
        ("SELECT t.a + u.b AS c FROM t JOIN s.u ON true", {}, [("c", ["public.t.a", "s.u.b"])]),
        ("WITH x AS (SELECT a + b AS c FROM t) SELECT c FROM x", {}, [("c", ["public.t.a", "public.t.b"])]),
        ("SELECT a FROM t UNION ALL SELECT b FROM u", {}, [("a", ["public.t.a", "public.u.b"])]),
        ("SELECT (SELECT max(z) FROM u WHERE u.i = t.i) AS m FROM t", {}, [("m", ["public.u.z"])]),
        ("SELECT a FROM t JOIN u ON true", {}, [("a", [])]),
        ("SELECT a FROM t JOIN u ON true", {"t": ["a"], "u": ["b"]}, [("a", ["public.t.a"])]),
        ("SELECT a, z FROM t JOIN u ON true", {"t": ["a"]}, [("a", ["public.t.a"]), ("z", ["public.u.z"])]),
        ("SELECT * FROM t", {"t": ["a", "b"]}, [("a", ["public.t.a"]), ("b", ["public.t.b"])]),
        ("SELECT *, 1 AS x FROM t", {}, [(None, []), ("x", [])]),
        ("SELECT x FROM (SELECT * FROM t) s", {}, [("x", ["public.t.x"])]),
        ("SELECT a, a, b AS a FROM t", {}, [("a", ["public.t.a"]), ("a", ["public.t.a"]), ("a", ["public.t.b"])]),
        (
            "SELECT * FROM t JOIN u USING (i)",
            {"t": ["i", "a"], "u": ["i", "a"]},
            [("i", ["public.t.i", "public.u.i"]), ("a", ["public.t.a"]), ("a", ["public.u.a"])],
        ),
        (
            (
                "WITH RECURSIVE n(i, p) AS (SELECT id, up FROM t UNION ALL"
                " SELECT n.i, t.up FROM n JOIN t ON t.id = n.p) SELECT i, p FROM n"
            ),
            {},
            [("i", ["public.t.id"]), ("p", ["public.t.up"])],
        ),
        (
            "SELECT l.* FROM t, LATERAL (SELECT t.a + u.c AS q FROM u WHERE u.i = t.i) l",
            {},
            [("q", ["public.t.a", "public.u.c"])],
        ),
        ("SELECT l.c FROM t, LATERAL (SELECT b FROM u WHERE u.i = t.i) AS l(c)", {}, [("c", ["public.u.b"])]),
        ("SELECT v.a FROM (VALUES (1, 2)) AS v(a, b)", {}, [("a", [])]),
        ('SELECT "Foo".a, s."Bar".b FROM "Foo", s."Bar"', {}, [("a", ["public.Foo.a"]), ("b", ["s.Bar.b"])]),
        ("TABLE t", {"t": ["a"]}, [("a", ["public.t.a"])]),
        ("not sql (", {}, []),
    ],
)
def test_where_columns_come_from(sql, schema, found):
    assert sources(sql, schema=schema) == found


@pytest.mark.parametrize(
    ("dialect", "sql", "found"),
    [
        ("duckdb", "SELECT flight_id FROM Flights", [("flight_id", ["public.Flights.Flight_ID"])]),
        ("duckdb", "SELECT * FROM flights", [("Flight_ID", ["public.flights.Flight_ID"])]),
        ("snowflake", 'SELECT a, "b" FROM t', [("A", ["public.T.A"]), ("b", ["public.T.b"])]),
        (
            "snowflake",
            "SELECT f.value:x::int AS x FROM raw, LATERAL FLATTEN(input => raw.j) f",
            [("X", ["public.RAW.J"])],
        ),
        ("bigquery", "SELECT e FROM raw, UNNEST(raw.arr) AS e", [("e", ["public.raw.arr"])]),
        ("bigquery", "SELECT t.x.y FROM t", [("y", ["public.t.x"])]),
        ("redshift", 'SELECT "Foo".a FROM "Foo"', [("a", ["public.Foo.a"])]),
        (
            "databricks",
            "SELECT explode(arr) AS e, k FROM t LATERAL VIEW explode(m) mm AS k, v",
            [("e", ["public.t.arr"]), ("k", ["public.t.m"])],
        ),
        (
            "databricks",
            (
                "SELECT id, q1 FROM (SELECT id, amount, q FROM sales)"
                " PIVOT (SUM(amount) FOR q IN ('Q1' AS q1, 'Q2' AS q2)) AS p"
            ),
            [("id", ["public.sales.id"]), ("q1", ["public.sales.amount"])],
        ),
        (
            "bigquery",
            "SELECT id, val FROM sales UNPIVOT (val FOR name IN (q1, q2))",
            [("id", ["public.sales.id"]), ("val", ["public.sales.q1", "public.sales.q2"])],
        ),
        ("duckdb", "SELECT a FROM t UNION ALL BY NAME SELECT i, a FROM s", [("a", ["public.t.a", "public.s.a"])]),
    ],
)
def test_where_columns_come_from_in_each_dialect(dialect, sql, found):
    assert sources(sql, dialect, {"flights": ["Flight_ID"]}) == found


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM t", "line 1, column 8: * stands for columns that are not known: those of public.t"),
        (
            "SELECT a FROM t\nJOIN u ON true",
            "line 1, column 8: the column 'a' may be of any of 't', 'u': their columns are not known",
        ),
        ("SELECT b FROM k", "line 1, column 8: no table has a column 'b'"),
        ("SELECT k.b FROM k", "line 1, column 10: the table public.k has no column 'b'"),
        (
            "SELECT (SELECT max(z) FROM u WHERE i = 1) AS m FROM t",
            "line 1, column 20: followed by its text alone: Cannot resolve 'z' due to missing source schemas",
        ),
        ("SELEC 1", "line 1, column 7: Invalid expression / Unexpected token at '1'"),
        ("SELECT 'a", "line 1, column 8: a quote or comment is not closed"),
        ("", "line 1, column 1: there is no query"),
    ],
)
def test_what_cannot_be_resolved_is_told_with_its_place(sql, reason):
    found = query_lineage(sql, "postgres", defaults=("public",), schema={("k",): ["a"]})
    assert str(found.unresolved[0]) == reason


@pytest.mark.parametrize("sql", ["SELECT 1 AS a, a", "SELECT t.c AS a, a FROM t", "SELECT * a, a"])
def test_a_column_that_stands_for_an_earlier_one_keeps_its_name(sql):
    found = query_lineage(sql, "duckdb", defaults=("public",), schema={("t",): ["c"]})
    assert [one.name for one in found.outputs] == ["a", "a"]


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
    traced = query_lineage(sql, dialect, defaults=("public",), schema={("t",): ["a", "c"]})
    read = {str(table) for table in source_tables(sql, dialect, "public")}
    if columns is not None and traced.outputs:
        assert [one.name for one in traced.outputs] == list(columns)
    assert {".".join(ref.table) for one in traced.outputs for ref in one.sources} <= read
