"""The demo's proof: one fingerprint for the same rows in both engines, another one for any other rows."""

import duckdb
import pytest

from observe_dagster.demo.fingerprint import DuckDBEngine, Fingerprint, PostgresEngine
from observe_dagster.demo.source import connect

SAME = [
    "SELECT CAST(1 AS smallint) AS a, CAST(-2 AS integer) AS b, CAST(9223372036854775807 AS bigint) AS c",
    "SELECT CAST(NULL AS text) AS a, CAST('' AS text) AS b, CAST('Zürich ✈ 東京' AS text) AS c",
    "SELECT true AS a, false AS b, CAST(NULL AS boolean) AS c",
    "SELECT CAST('39.02' AS numeric(5,2)) AS a, CAST('-0.50' AS numeric(5,2)) AS b, CAST('10.00' AS numeric(4,2)) AS c",
    "SELECT CAST('2013-01-01' AS date) AS a, CAST('1969-12-31' AS date) AS b",
    "SELECT CAST('1969-12-31 23:59:59.999999' AS timestamp) AS a, CAST('2026-11-21 09:15:04.06' AS timestamp) AS b",
    "SELECT CAST('1969-12-31 23:59:59.999999+00' AS timestamptz) AS a",
    "SELECT CAST('2026-11-21 09:15:04+05:30' AS timestamptz) AS a",
    "SELECT CAST('10.357019999999999' AS double precision) AS a, CAST(100 AS double precision) AS b",
    "SELECT CAST('-0.0001' AS double precision) AS a, CAST('1e20' AS double precision) AS b",
    "SELECT CAST('NaN' AS double precision) AS a, CAST('2.5e-7' AS double precision) AS b",
]

DIFFERENT = [
    ("SELECT CAST(NULL AS text) AS a", "SELECT CAST('' AS text) AS a"),
    ("SELECT 'a|b' AS a, 'c' AS b", "SELECT 'a' AS a, 'b|c' AS b"),
    ("SELECT '1:x' AS a, '' AS b", "SELECT '1' AS a, 'x' AS b"),
    ("SELECT CAST(NULL AS boolean) AS a", "SELECT false AS a"),
    ("SELECT CAST('1.5' AS numeric(4,2)) AS a", "SELECT CAST('1.51' AS numeric(4,2)) AS a"),
    ("SELECT CAST('2026-01-01 00:00:00.000001' AS timestamp) AS a", "SELECT CAST('2026-01-01' AS timestamp) AS a"),
    ("SELECT 1 AS a UNION ALL SELECT 1", "SELECT 1 AS a UNION ALL SELECT 2"),
]


@pytest.fixture
def postgres(database):
    return PostgresEngine(database)


@pytest.fixture
def lake(tmp_path):
    path = str(tmp_path / "lake.duckdb")
    duckdb.connect(path).close()
    return DuckDBEngine(path)


def fingerprint(engine, query) -> Fingerprint:
    return engine.fingerprint(query, list(engine.columns(query)))


@pytest.mark.parametrize("query", SAME)
def test_the_same_values_have_one_fingerprint_in_both_engines(postgres, lake, query):
    assert fingerprint(postgres, query) == fingerprint(lake, query)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_values_have_another_fingerprint(postgres, lake, one, other):
    for engine in (postgres, lake):
        assert fingerprint(engine, one) != fingerprint(engine, other)


def test_the_order_of_rows_has_no_meaning_but_their_number_has(postgres):
    forward = fingerprint(postgres, "SELECT n FROM generate_series(1, 100) AS n ORDER BY n")

    assert forward == fingerprint(postgres, "SELECT n FROM generate_series(1, 100) AS n ORDER BY n DESC")
    assert forward.rows == 100
    assert forward != fingerprint(postgres, "SELECT n FROM generate_series(1, 99) AS n")


def test_an_empty_table_has_a_fingerprint_too(postgres, lake):
    query = "SELECT 1 AS a WHERE false"

    assert fingerprint(postgres, query) == fingerprint(lake, query) == Fingerprint(rows=0, checksum="0" * 16)


def test_columns_are_named_in_the_order_asked_for_and_quoted(database, postgres):
    with connect(database) as connection:
        connection.execute('CREATE TABLE odd ("select" integer, "Mixed ""Case" text)')
        connection.execute("INSERT INTO odd VALUES (1, 'x')")
    query = "SELECT * FROM odd"

    assert list(postgres.columns(query)) == ["select", 'Mixed "Case']
    assert postgres.fingerprint(query, ["select", 'Mixed "Case']) != postgres.fingerprint(
        query, ['Mixed "Case', "select"]
    )
