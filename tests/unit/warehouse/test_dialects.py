"""What each dialect makes of each part of a statement, and what each engine states it can do."""

import dataclasses
from datetime import UTC, date, datetime

import duckdb
import pytest
from inline_snapshot import snapshot

from observe_dagster.records import TableName
from observe_dagster.warehouse import registry
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.duckdb.dialect import DIALECT as DUCKDB
from observe_dagster.warehouse.postgres.dialect import DIALECT as POSTGRES

MOMENT = datetime(2024, 3, 1, 12, 30, 0, 1)
LITERALS = {
    "null": None,
    "true": True,
    "false": False,
    "whole": -7,
    "large": 2**63,
    "float": 0.1,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "text": "o'ps",
    "backslash": "a\\b",
    "day": date(2024, 2, 29),
    "moment": MOMENT,
    "instant": MOMENT.replace(tzinfo=UTC),
}


def parts(dialect: Dialect) -> dict[str, str]:
    """Each method's text for plain arguments."""
    return {
        "quote": dialect.quote("my schema", 'a"b'),
        "table": dialect.table(TableName(schema="s", table="T"), "__rejected"),
        "table, long": dialect.table(TableName(schema="s", table="ü" * 30), "__rejected"),
        "table_names": dialect.table_names("it's"),
        "string": dialect.string("it's \\ so"),
        "cast": dialect.cast("x", "T"),
        "try_cast": dialect.try_cast("x", "T's"),
        "text": dialect.text("x"),
        "sortable": dialect.sortable("x"),
        "same": dialect.same("a", "b"),
        "differs": dialect.differs("a", "b"),
        "differs, json": dialect.differs("a", "b", "json"),
        "differs, point": dialect.differs("a", "b", "point"),
        "differs, text": dialect.differs("a", "b", "text"),
        "count_if": dialect.count_if("a > 1"),
        "double": dialect.double("x"),
        "epoch": dialect.epoch("at"),
        "quantile": dialect.quantile("x", 0.25),
        "divide": dialect.divide("a + 1", 3),
        "md5": dialect.md5("x"),
        "json_object": dialect.json_object([("it's", "a"), ("b", "NULL")]),
        "fold": dialect.fold("ÄbC"),
        "current_database": dialect.current_database,
        "row_id": dialect.row_id,
        "types": f"{dialect.text_type}, {dialect.json_type}, {dialect.timestamp_type}",
    }


def test_postgres():
    assert parts(POSTGRES) == snapshot(
        {
            "quote": '"my schema"."a""b"',
            "table": '"s"."T__rejected"',
            "table, long": '"s"."üüüüüüüüüüüüüüüüüüüüüü_2853a123__rejected"',
            "table_names": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'it''s'",
            "string": "E'it''s \\\\ so'",
            "cast": "CAST(x AS T)",
            "try_cast": "CASE WHEN pg_input_is_valid(x, 'T''s') THEN CAST(x AS T's) END",
            "text": "CAST(x AS text)",
            "sortable": 'CAST(x AS text) COLLATE "C"',
            "same": "a IS NOT DISTINCT FROM b",
            "differs": "a IS DISTINCT FROM b",
            "differs, json": "CAST(a AS text) IS DISTINCT FROM CAST(b AS text)",
            "differs, point": "CAST(a AS text) IS DISTINCT FROM CAST(b AS text)",
            "differs, text": "a IS DISTINCT FROM b",
            "count_if": "count(*) FILTER (WHERE a > 1)",
            "double": "CAST(x AS double precision)",
            "epoch": "CAST(extract(epoch FROM at) AS double precision)",
            "quantile": "percentile_cont(0.25) WITHIN GROUP (ORDER BY CAST(x AS double precision))",
            "divide": "(a + 1) / 3",
            "md5": "md5(x)",
            "json_object": "jsonb_object(ARRAY['it''s', 'b'], ARRAY[a, NULL])",
            "fold": "ÄbC",
            "current_database": "SELECT current_database()",
            "row_id": "ctid",
            "types": "text, jsonb, timestamptz",
        }
    )


def test_duckdb():
    assert parts(DUCKDB) == snapshot(
        {
            "quote": '"my schema"."a""b"',
            "table": '"s"."T__rejected"',
            "table, long": '"s"."üüüüüüüüüüüüüüüüüüüüüüüüüüüüüü__rejected"',
            "table_names": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'it''s'",
            "string": "'it''s \\ so'",
            "cast": "CAST(x AS T)",
            "try_cast": "TRY_CAST(x AS T's)",
            "text": "CAST(x AS VARCHAR)",
            "sortable": "CAST(x AS VARCHAR)",
            "same": "a IS NOT DISTINCT FROM b",
            "differs": "a IS DISTINCT FROM b",
            "differs, json": "a IS DISTINCT FROM b",
            "differs, point": "a IS DISTINCT FROM b",
            "differs, text": "a IS DISTINCT FROM b",
            "count_if": "count(*) FILTER (WHERE a > 1)",
            "double": "CAST(x AS double precision)",
            "epoch": "CAST(extract(epoch FROM at) AS double precision)",
            "quantile": "percentile_cont(0.25) WITHIN GROUP (ORDER BY CAST(x AS double precision))",
            "divide": "(a + 1) // 3",
            "md5": "md5(x)",
            "json_object": "json_object('it''s', a, 'b', NULL)",
            "fold": "Äbc",
            "current_database": "SELECT current_database()",
            "row_id": "rowid",
            "types": "VARCHAR, JSON, TIMESTAMP WITH TIME ZONE",
        }
    )


def test_literals():
    assert {name: POSTGRES.literal(value) for name, value in LITERALS.items()} == snapshot(
        {
            "null": "NULL",
            "true": "true",
            "false": "false",
            "whole": "-7",
            "large": "9223372036854775808",
            "float": "0.1",
            "nan": "CAST('nan' AS DOUBLE PRECISION)",
            "infinity": "CAST('-inf' AS DOUBLE PRECISION)",
            "text": "'o''ps'",
            "backslash": "E'a\\\\b'",
            "day": "DATE '2024-02-29'",
            "moment": "TIMESTAMP '2024-03-01 12:30:00.000001'",
            "instant": "TIMESTAMPTZ '2024-03-01 12:30:00.000001+00:00'",
        }
    )
    differing = {name: DUCKDB.literal(value) for name, value in LITERALS.items()}
    assert {k: v for k, v in differing.items() if v != POSTGRES.literal(LITERALS[k])} == snapshot(
        {"backslash": "'a\\b'"}
    )


def test_a_suffix_that_does_not_fit_leaves_names_that_differ():
    names = {POSTGRES.suffixed("n" * 60 + end, "__rejected") for end in "ab"}

    assert len(names) == 2
    assert all(len(name.encode()) <= 63 and name.endswith("__rejected") for name in names)
    assert POSTGRES.suffixed("n" * 53, "__rejected") == "n" * 53 + "__rejected"
    assert DUCKDB.suffixed("n" * 100, "__rejected") == "n" * 100 + "__rejected"


@pytest.mark.parametrize("value", LITERALS.values(), ids=LITERALS)
def test_duckdb_reads_its_literals_as_the_values_they_are(value):
    with duckdb.connect() as driver:
        driver.execute("SET TimeZone = 'UTC'")
        ((read,),) = driver.execute(f"SELECT {DUCKDB.literal(value)}").fetchall()
    assert str(read if not isinstance(read, datetime) or read.tzinfo is None else read.astimezone(UTC)) == str(value)


def stated(engine: str) -> Dialect:
    return registry.import_module(f"{registry._ENGINES[engine]}.dialect").DIALECT


def test_every_registered_engine_states_every_capability():
    table = {engine: dataclasses.asdict(stated(engine).capabilities) for engine in registry._ENGINES}

    assert table == snapshot(
        {
            "postgres": {
                "transactional_ddl": True,
                "enforced_keys": True,
                "single_writer": False,
                "snapshot": "session",
                "sees_open_transactions": True,
                "arrays": True,
                "widest_decimal_digits": None,
                "longest_text_bytes": None,
                "longest_name_bytes": 63,
                "longest_statement_bytes": None,
            },
            "duckdb": {
                "transactional_ddl": True,
                "enforced_keys": False,
                "single_writer": True,
                "snapshot": "session",
                "sees_open_transactions": True,
                "arrays": True,
                "widest_decimal_digits": 38,
                "longest_text_bytes": None,
                "longest_name_bytes": None,
                "longest_statement_bytes": None,
            },
        }
    )


@pytest.mark.parametrize("engine", registry._ENGINES)
def test_every_registered_engine_has_its_own_names_and_drivers(engine):
    dialect = stated(engine)

    assert dialect.name == engine
    assert dialect.title
    assert dialect.drivers
