"""Readers: one snapshot, nothing written, a failed statement spoils nothing, everything recorded."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from observe_dagster.datatypes import Kind
from observe_dagster.errors import ConnectionFailedError, WarehouseError
from observe_dagster.records import TableName
from observe_dagster.warehouse import OpenOptions, QueryRecorder, open_warehouse


def reading(engine: Any, **options: Any) -> Any:
    return open_warehouse(engine.connection("here")).reader(OpenOptions(lock_wait_seconds=1, **options))


def test_a_table_is_described_and_a_missing_one_is_none(engine: Any) -> None:
    engine.run('CREATE SCHEMA "My Schema"', 'CREATE TABLE "My Schema"."Order" (id bigint NOT NULL, "Select" text)')
    with reading(engine) as reader:
        columns = reader.columns(TableName(schema="My Schema", table="Order"))
        assert [(column.name, column.data_type.kind) for column in columns] == [
            ("id", Kind.BIGINT),
            ("Select", Kind.TEXT),
        ]
        assert reader.columns(TableName(schema="My Schema", table="gone")) is None
        assert reader.columns(TableName(schema="gone", table="Order")) is None


def test_times_are_in_utc(engine: Any) -> None:
    with reading(engine) as reader:
        (answer,) = reader.rows("SELECT TIMESTAMPTZ '2024-01-01 12:00:00+02' AS t")
    assert answer[0].astimezone(UTC) == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_rows_are_limited_and_streamed(engine: Any) -> None:
    engine.run("CREATE TABLE numbers AS SELECT * FROM generate_series(1, 25) AS s(n)")
    with reading(engine) as reader:
        assert len(reader.rows("SELECT * FROM numbers;", limit=3)) == 3
        batches = list(reader.stream("SELECT n FROM numbers ORDER BY n -- all\n;", batch_rows=10))
        assert [len(batch) for batch in batches] == [10, 10, 5]
        assert sum(n for batch in batches for (n,) in batch) == 325


def test_a_failed_statement_leaves_the_session_usable(engine: Any) -> None:
    with reading(engine) as reader:
        for wrong in ("SELECT no_such_column", "SELECT CAST('x' AS integer)"):
            with pytest.raises(WarehouseError, match="here"):
                reader.rows(wrong)
            assert reader.rows("SELECT 1") == [(1,)]
        with pytest.raises(WarehouseError):
            list(reader.stream("SELECT CAST('x' AS integer)"))
        assert reader.rows("SELECT 1") == [(1,)]


def test_nothing_can_be_written(engine: Any) -> None:
    engine.run("CREATE TABLE kept AS SELECT 1 AS n")
    with reading(engine) as reader:
        for statement in ("DELETE FROM kept RETURNING n", "DROP TABLE kept"):
            with pytest.raises(WarehouseError, match="read-only"):
                reader.rows(statement)
    assert engine.run("SELECT n FROM kept") == [(1,)]


def test_every_statement_is_recorded(engine: Any) -> None:
    queries = QueryRecorder()
    with reading(engine, queries=queries) as reader:
        queries.drain()
        reader.rows("SELECT 41")
        list(reader.stream("SELECT 42"))
        with pytest.raises(WarehouseError):
            reader.rows("SELECT no_such_column")
    assert [(log.text, log.rows) for log in queries.drain()] == [
        ("SELECT 41", 1),
        ("SELECT 42", 1),
        ("SELECT no_such_column", None),
    ]


def test_all_answers_come_from_one_snapshot(make_engine: Any) -> None:
    engine = make_engine("postgres")
    engine.run("CREATE TABLE t AS SELECT 1 AS n")
    with reading(engine) as reader, psycopg.connect(engine.place, autocommit=True) as writer:
        assert reader.rows("SELECT count(*) FROM t") == [(1,)]
        writer.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(WarehouseError):
            reader.rows("SELECT no_such_column")
        assert reader.rows("SELECT count(*) FROM t") == [(1,)]
        assert sum(len(batch) for batch in reader.stream("SELECT * FROM t")) == 1


def test_a_missing_file_and_a_wrong_password_are_named_without_secrets(make_engine: Any, tmp_path: Any) -> None:
    gone = make_engine("duckdb")
    gone.place = str(tmp_path / "gone.duckdb")
    with pytest.raises(ConnectionFailedError, match="there is no DuckDB file"), reading(gone):
        pass
    nobody = make_engine("postgres")
    nobody.place = "postgresql://nobody:hunter2@127.0.0.1:1/none"
    with pytest.raises(ConnectionFailedError) as failure, reading(nobody):
        pass
    assert "hunter2" not in str(failure.value)
