"""One read-only SELECT: what is read from it and what is refused."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.config.sql.select import Select, SelectFault, read_select

READABLE = [
    ("postgres", "SELECT a FROM t;"),
    ("postgres", "SELECT a FROM t UNION ALL SELECT b FROM u"),
    ("postgres", "(SELECT a FROM t)"),
    ("postgres", "WITH x AS (SELECT 1 AS a) SELECT a FROM x"),
    ("postgres", "SELECT data ? 'key' AS has, data #>> '{a,b}' AS b, x::numeric(10,2), substring(s for 3) FROM t"),
    ("postgres", "SELECT \"Select\", 'it''s; -- fine' AS \"update\" FROM \"Order Items\" WHERE note = 'DELETE'"),
    ("postgres", "SELECT 1 AS one, 10 % 3 AS rest, E'a\\'b' AS c, $$ ; $$ AS d"),
    ("duckdb", "FROM t"),
    ("duckdb", "SELECT * EXCLUDE (a) FROM t"),
    ("snowflake", "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c) = 1"),
    ("bigquery", "SELECT a FROM `project.data.table`"),
    ("", "SELECT a FROM t"),
]


@pytest.mark.parametrize(("dialect", "sql"), READABLE)
def test_one_select_is_read(dialect, sql):
    assert isinstance(read_select(sql, dialect), Select)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "SELECT",
        "UPDATE t SET a = 1",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE t",
        "CALL run()",
        "COPY t TO '/tmp/x'",
        "SET search_path = x",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM x",
        "WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM x",
        "SELECT a FROM (SELECT a FROM t FOR UPDATE) x",
        "SELECT a FROM t FOR SHARE",
        "SELECT a FROM t WHERE b = %s",
        "SELECT a FROM t WHERE b = %(b)s",
        "SELECT a FROM t WHERE b = :b",
        "SELECT a FROM t; DROP TABLE t",
        "SELECT a FROM t;; SELECT b FROM t",
        "/* SELECT a",
        'SELECT "a FROM t',
        "(" * 3000 + "SELECT 1" + ")" * 3000,
    ],
)
def test_anything_else_is_refused(sql):
    assert isinstance(read_select(sql, "postgres"), SelectFault)


def test_what_follows_the_last_word_is_left_out():
    select = read_select("-- flights\nSELECT a /* the key */ FROM t ; ; -- done\n", "postgres")

    assert isinstance(select, Select)
    assert select.text == "-- flights\nSELECT a /* the key */ FROM t"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "SELECT",
                "a",
                "FROM",
                "t",
                "WITH",
                "AS",
                "(",
                ")",
                ",",
                "*",
                ";",
                "'",
                '"',
                "UNION",
                "x.",
                "--",
                "\n",
                "é",
            ]
        ),
        max_size=14,
    ),
    st.sampled_from(["postgres", "duckdb", "snowflake", "bigquery", "redshift", "databricks"]),
)
def test_any_text_is_read_or_refused_with_a_place_inside_it(words, dialect):
    sql = " ".join(words)
    read = read_select(sql, dialect)
    if isinstance(read, SelectFault):
        lines = sql.split("\n")
        assert 1 <= read.line <= len(lines)
        assert 1 <= read.column <= len(lines[read.line - 1]) + 1
    else:
        assert sql.startswith(read.text)


def test_importing_the_declared_models_does_not_import_the_sql_parser():
    code = "import sys, observe_dagster.config, observe_dagster.lineage; sys.exit('sqlglot' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
