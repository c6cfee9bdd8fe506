"""The SQL of one small load in both engines, with a column name that tries to end the statement."""

import textwrap
from datetime import UTC, datetime
from typing import Any

import duckdb as engine
import pytest
from inline_snapshot import snapshot
from psycopg import sql

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column, RunType, SyncRange, TableName
from observe_dagster.warehouse.duckdb import statements as duckdb
from observe_dagster.warehouse.port.load import Load, LoadColumn
from observe_dagster.warehouse.postgres import statements as postgres

EVIL = '"; drop table x; --'
_AT = "2024-03-01T00:00:00.000000Z"
_RANGE = SyncRange(
    start=None,
    end=_AT,
    read_from=None,
    read_until=_AT,
    logical_date=datetime(2024, 3, 1, tzinfo=UTC),
    run_type=RunType.SCHEDULED,
    moves_watermark=True,
)
_BIGINT, _TEXT, _BOOLEAN = (DataType(kind=kind) for kind in (Kind.BIGINT, Kind.TEXT, Kind.BOOLEAN))


def load(names: dict[Kind, str], **fields: Any) -> Load:
    """A load of a key, a badly named column, a flag and a constant."""
    staged = (
        Column(name="id", native=names[Kind.BIGINT], data_type=_BIGINT),
        Column(name=EVIL, native=names[Kind.TEXT], data_type=_TEXT),
        Column(name="gone", native=names[Kind.BOOLEAN], data_type=_BOOLEAN),
    )
    columns = tuple(
        LoadColumn(name=column.name, native=column.native, data_type=column.data_type, position=position)
        for position, column in enumerate(staged)
    )
    declared = {
        "pipeline_id": "it's",
        "execution_key": "run-1",
        "table": TableName(schema="my schema", table="Flights"),
        "write_mode": "upsert",
        "range": _RANGE,
        "expected_watermark": None,
        "watermark": _AT,
        "staged": staged,
        "columns": (
            *columns,
            LoadColumn(name="origin", native=names[Kind.TEXT], data_type=_TEXT, position=None, constant="o'ps"),
        ),
        "primary_key": ("id",),
        "existing": (),
    }
    return Load(**{**declared, **fields})


_POSTGRES = {Kind.BIGINT: "bigint", Kind.TEXT: "text", Kind.BOOLEAN: "boolean"}
_DUCKDB = {Kind.BIGINT: "BIGINT", Kind.TEXT: "VARCHAR", Kind.BOOLEAN: "BOOLEAN"}


def in_postgres(**fields: Any) -> postgres.LoadStatements:
    """The statements of the load in PostgreSQL, from a stage with the table's own types."""
    return postgres.LoadStatements(
        load(_POSTGRES, **fields),
        stage=sql.Identifier("my schema", "_stage"),
        staged_types=("bigint", "text", "boolean"),
    )


def in_duckdb(**fields: Any) -> duckdb.LoadStatements:
    """The statements of the load in DuckDB."""
    return duckdb.LoadStatements(load(_DUCKDB, **fields))


def lines(statement: str | sql.Composable) -> list[str]:
    """A statement in lines that fit the page; joined by a space they are the statement."""
    text = statement if isinstance(statement, str) else statement.as_string(None)
    found = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
    assert " ".join(found) == text
    return found


def test_a_table_is_created_with_quoted_names() -> None:
    assert lines(in_postgres().create_table()) == snapshot(
        [
            'CREATE TABLE "my schema"."Flights" ("id" bigint, """; drop table x; --" text, "gone" boolean,',
            '"origin" text)',
        ]
    )


def test_a_stage_becomes_a_table_with_quoted_names() -> None:
    assert [lines(statement) for statement in in_duckdb(existing=None).become_table()] == snapshot(
        [
            ['DELETE FROM "my schema"."_observe_stage_24ceef1cb6b0" WHERE rejected IS NOT NULL'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" DROP COLUMN iterator'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" DROP COLUMN rejected'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" DROP COLUMN row_values'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" RENAME COLUMN v0 TO "id"'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" RENAME COLUMN v1 TO """; drop table x; --"'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" RENAME COLUMN v2 TO "gone"'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" RENAME COLUMN v3 TO "origin"'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" ALTER COLUMN "id" SET NOT NULL'],
            ['ALTER TABLE "my schema"."_observe_stage_24ceef1cb6b0" RENAME TO "Flights"'],
        ]
    )


def test_a_stage_becomes_a_table_whose_names_are_those_of_its_own_columns() -> None:
    swapped = tuple(
        LoadColumn(name=name, native="BIGINT", data_type=_BIGINT, position=position)
        for position, name in enumerate(("V1", "v0", "rejected", "iterator"))
    )
    statements = in_duckdb(existing=None, columns=swapped, primary_key=("V1",))
    with engine.connect() as connection:
        connection.execute('CREATE SCHEMA "my schema"')
        connection.execute(f"CREATE TEMP TABLE {duckdb.ROWS} (c0, c1, c2, c3) AS VALUES (1, 2, 3, 4)")
        connection.execute(statements.stage(("BIGINT",) * 4))
        for statement in statements.become_table():
            connection.execute(statement)
        told = connection.execute(f"SELECT * FROM {statements.table}")
        assert [column[0] for column in told.description] == ["V1", "v0", "rejected", "iterator"]
        assert told.fetchall() == [(1, 2, 3, 4)]


def test_upsert_updates_only_what_differs_in_postgres() -> None:
    assert lines(in_postgres().upsert()) == snapshot(
        [
            'WITH written AS (INSERT INTO "my schema"."Flights" AS t ("id", """; drop table x; --", "gone",',
            '"origin") SELECT "s"."c0", "s"."c1", "s"."c2", \'o\'\'ps\'::text FROM "my schema"."_stage" AS s WHERE',
            'rejected IS NULL ORDER BY "s"."c0" ON CONFLICT ("id") DO UPDATE SET """; drop table x; --" =',
            'excluded."""; drop table x; --", "gone" = excluded."gone", "origin" = excluded."origin" WHERE t.""";',
            'drop table x; --" IS DISTINCT FROM excluded."""; drop table x; --" OR t."gone" IS DISTINCT FROM',
            'excluded."gone" OR t."origin" IS DISTINCT FROM excluded."origin" RETURNING (xmax = 0) AS inserted)',
            "SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written",
        ]
    )


def test_upsert_updates_only_what_differs_in_duckdb() -> None:
    assert lines(in_duckdb().merge()) == snapshot(
        [
            'MERGE INTO "my schema"."Flights" AS t USING (SELECT * FROM temp._observe_stage WHERE rejected IS',
            'NULL) AS s ON t."id" = s.v0 WHEN MATCHED AND (t."""; drop table x; --" IS DISTINCT FROM s.v1 OR',
            't."gone" IS DISTINCT FROM s.v2 OR t."origin" IS DISTINCT FROM s.v3) THEN UPDATE SET """; drop table',
            'x; --" = s.v1, "gone" = s.v2, "origin" = s.v3 WHEN NOT MATCHED THEN INSERT ("id", """; drop table x;',
            '--", "gone", "origin") VALUES (s.v0, s.v1, s.v2, s.v3)',
        ]
    )


def test_rows_that_become_soft_deleted_are_counted_before_the_merge() -> None:
    assert lines(in_postgres(soft_delete_field="gone").count_special()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE NOT t."id" IS NULL AND coalesce("s"."c2", false) AND NOT',
            'coalesce(t."gone", false)), count(*) FILTER (WHERE false) FROM "my schema"."_stage" AS s LEFT JOIN',
            '"my schema"."Flights" AS t ON t."id" = "s"."c0" WHERE s.rejected IS NULL',
        ]
    )
    assert lines(in_duckdb(soft_delete_field="gone").classify()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE t."id" IS NULL), count(*) FILTER (WHERE NOT t."id" IS NULL AND (t.""";',
            'drop table x; --" IS DISTINCT FROM s.v1 OR t."gone" IS DISTINCT FROM s.v2 OR t."origin" IS DISTINCT',
            'FROM s.v3)), count(*) FILTER (WHERE NOT t."id" IS NULL AND coalesce(s.v2, false) AND NOT',
            'coalesce(t."gone", false)), count(*) FILTER (WHERE false) FROM temp._observe_stage AS s LEFT JOIN',
            '"my schema"."Flights" AS t ON t."id" = s.v0 WHERE s.rejected IS NULL',
        ]
    )


def test_a_mirror_marks_what_is_gone_and_revives_what_is_back_in_postgres() -> None:
    mirror = in_postgres(write_mode="mirror")
    assert lines(mirror.upsert()) == snapshot(
        [
            'WITH written AS (INSERT INTO "my schema"."Flights" AS t ("id", """; drop table x; --", "gone",',
            '"origin") SELECT "s"."c0", "s"."c1", "s"."c2", \'o\'\'ps\'::text FROM "my schema"."_stage" AS s WHERE',
            'rejected IS NULL ORDER BY "s"."c0" ON CONFLICT ("id") DO UPDATE SET """; drop table x; --" =',
            'excluded."""; drop table x; --", "gone" = excluded."gone", "origin" = excluded."origin",',
            '"_observe_deleted_at" = NULL WHERE t."""; drop table x; --" IS DISTINCT FROM excluded."""; drop',
            'table x; --" OR t."gone" IS DISTINCT FROM excluded."gone" OR t."origin" IS DISTINCT FROM',
            'excluded."origin" OR t."_observe_deleted_at" IS NOT NULL RETURNING (xmax = 0) AS inserted) SELECT',
            "count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written",
        ]
    )
    assert lines(mirror.count_gone()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM "my schema"."_stage" AS s WHERE t."id" =',
            '"s"."c0")), count(*) FROM "my schema"."Flights" AS t WHERE t."_observe_deleted_at" IS NULL',
        ]
    )
    assert lines(mirror.delete_gone()) == snapshot(
        [
            'UPDATE "my schema"."Flights" AS t SET "_observe_deleted_at" = now() WHERE t."_observe_deleted_at" IS',
            'NULL AND NOT EXISTS (SELECT FROM "my schema"."_stage" AS s WHERE t."id" = "s"."c0")',
        ]
    )


def test_a_mirror_marks_what_is_gone_and_revives_what_is_back_in_duckdb() -> None:
    mirror = in_duckdb(write_mode="mirror")
    assert lines(mirror.merge()) == snapshot(
        [
            'MERGE INTO "my schema"."Flights" AS t USING (SELECT * FROM temp._observe_stage WHERE rejected IS',
            'NULL) AS s ON t."id" = s.v0 WHEN MATCHED AND (t."""; drop table x; --" IS DISTINCT FROM s.v1 OR',
            't."gone" IS DISTINCT FROM s.v2 OR t."origin" IS DISTINCT FROM s.v3 OR t."_observe_deleted_at" IS NOT',
            'NULL) THEN UPDATE SET """; drop table x; --" = s.v1, "gone" = s.v2, "origin" = s.v3,',
            '"_observe_deleted_at" = NULL WHEN NOT MATCHED THEN INSERT ("id", """; drop table x; --", "gone",',
            '"origin") VALUES (s.v0, s.v1, s.v2, s.v3)',
        ]
    )
    assert lines(mirror.count_gone()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM temp._observe_stage AS s WHERE t."id" =',
            's.v0)), count(*) FROM "my schema"."Flights" AS t WHERE t."_observe_deleted_at" IS NULL',
        ]
    )
    assert lines(mirror.delete_gone()) == snapshot(
        [
            'UPDATE "my schema"."Flights" AS t SET "_observe_deleted_at" = now() WHERE t."_observe_deleted_at" IS',
            'NULL AND NOT EXISTS (SELECT 1 FROM temp._observe_stage AS s WHERE t."id" = s.v0)',
        ]
    )


def test_replace_and_append_insert_every_staged_row() -> None:
    for write_mode in ("replace", "append"):
        assert lines(in_postgres(write_mode=write_mode).insert()) == snapshot(
            [
                'INSERT INTO "my schema"."Flights" ("id", """; drop table x; --", "gone", "origin") SELECT "s"."c0",',
                '"s"."c1", "s"."c2", \'o\'\'ps\'::text FROM "my schema"."_stage" AS s WHERE rejected IS NULL',
            ]
        )
        assert lines(in_duckdb(write_mode=write_mode).insert()) == snapshot(
            [
                'INSERT INTO "my schema"."Flights" ("id", """; drop table x; --", "gone", "origin") SELECT s.v0,',
                "s.v1, s.v2, s.v3 FROM temp._observe_stage AS s WHERE rejected IS NULL",
            ]
        )


def test_appending_a_range_again_first_removes_what_it_holds() -> None:
    bounds = {"iterator_column": EVIL, "delete_from": datetime(2024, 3, 1), "delete_until": datetime(2024, 3, 2)}
    assert lines(in_postgres(write_mode="append", **bounds).delete_range()) == snapshot(
        [
            'DELETE FROM "my schema"."Flights" WHERE """; drop table x; --" >= \'2024-03-01 00:00:00\'::timestamp',
            'AND """; drop table x; --" < \'2024-03-02 00:00:00\'::timestamp',
        ]
    )
    assert lines(in_duckdb(write_mode="append", **bounds).delete_range()) == snapshot(
        [
            'DELETE FROM "my schema"."Flights" WHERE """; drop table x; --" >= TIMESTAMP \'2024-03-01 00:00:00\'',
            'AND """; drop table x; --" < TIMESTAMP \'2024-03-02 00:00:00\'',
        ]
    )


def test_a_row_without_a_key_is_rejected_with_the_reason() -> None:
    rejected = in_postgres().mark_rejected()
    assert rejected is not None
    assert lines(rejected) == snapshot(
        [
            'UPDATE "my schema"."_stage" AS s SET rejected = CASE WHEN "s"."c0" IS NULL THEN \'primary key "id" is',
            'null\' END WHERE ("s"."c0" IS NULL)',
        ]
    )
    assert lines(in_duckdb().stage(("BIGINT", "VARCHAR", "BOOLEAN"))) == snapshot(
        [
            "CREATE OR REPLACE TEMP TABLE temp._observe_stage AS SELECT TRY_CAST(c0 AS BIGINT) AS v0, TRY_CAST(c1",
            "AS VARCHAR) AS v1, TRY_CAST(c2 AS BOOLEAN) AS v2, CAST('o''ps' AS VARCHAR) AS v3, NULL AS iterator,",
            "CASE WHEN c0 IS NULL THEN 'primary key \"id\" is null' END AS rejected, CASE WHEN rejected IS NOT NULL",
            "THEN json_object('id', CAST(c0 AS VARCHAR), '\"; drop table x; --', CAST(c1 AS VARCHAR), 'gone',",
            "CAST(c2 AS VARCHAR)) END AS row_values FROM _observe_rows",
        ]
    )


def test_new_and_widened_columns_are_altered_by_quoted_name() -> None:
    evil = LoadColumn(name=EVIL, native="text", data_type=_TEXT, position=1)
    assert [lines(statement) for statement in in_postgres(added=(evil,), widened=(evil,)).alter()] == snapshot(
        [
            ['ALTER TABLE "my schema"."Flights" ADD COLUMN """; drop table x; --" text'],
            ['ALTER TABLE "my schema"."Flights" ALTER COLUMN """; drop table x; --" TYPE text'],
        ]
    )
    assert [lines(statement) for statement in in_duckdb(added=(evil,), widened=(evil,)).alter()] == snapshot(
        [
            ['ALTER TABLE "my schema"."Flights" ADD COLUMN """; drop table x; --" text'],
            ['ALTER TABLE "my schema"."Flights" ALTER COLUMN """; drop table x; --" TYPE text'],
        ]
    )


@pytest.mark.parametrize("write_mode", ["upsert", "mirror", "append", "replace"])
def test_duckdb_runs_these_statements_and_takes_the_name_for_a_name(write_mode: str) -> None:
    fresh, statements = in_duckdb(existing=None), in_duckdb(write_mode=write_mode)
    with engine.connect() as connection:
        connection.execute('CREATE SCHEMA "my schema"; CREATE TABLE x (a INTEGER)')
        connection.execute(f"CREATE TEMP TABLE {duckdb.ROWS} (c0 BIGINT, c1 VARCHAR, c2 BOOLEAN)")
        for statement in (fresh.stage(("BIGINT", "VARCHAR", "BOOLEAN")), *fresh.become_table()):
            connection.execute(statement)
        connection.execute(statements.add_deleted_at())
        connection.execute(f"INSERT INTO {duckdb.ROWS} VALUES (1, 'a', false), (NULL, 'b', true)")
        connection.execute(statements.stage(("BIGINT", "VARCHAR", "BOOLEAN")))
        merges = write_mode in ("upsert", "mirror")
        connection.execute(statements.merge() if merges else statements.insert())
        rows = connection.execute(f"SELECT * EXCLUDE (_observe_deleted_at) FROM {statements.table}").fetchall()
        assert rows == [(1, "a", False, "o'ps")]
        assert connection.execute(statements.count_rejected()).fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM x").fetchall() == [(0,)]
