"""The SQL of one small load in both engines, with a column name that tries to end the statement."""

import textwrap
from datetime import UTC, datetime
from typing import Any

import duckdb as engine
import pytest
from inline_snapshot import snapshot

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column, RunType, SyncRange, TableName
from observe_dagster.warehouse.duckdb.destination import ROWS, DuckDBStage
from observe_dagster.warehouse.duckdb.dialect import DIALECT as DUCKDB
from observe_dagster.warehouse.load.merge import MergeStatements
from observe_dagster.warehouse.load.tables import add_deleted_at, alter, create_quarantine, create_table
from observe_dagster.warehouse.port.load import LoadColumn, LoadPlan, LoadRules, LoadRun, LoadSchema, LoadTarget
from observe_dagster.warehouse.postgres.dialect import DIALECT as POSTGRES
from observe_dagster.warehouse.postgres.stage import PostgresMerge, PostgresStage

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


def load(names: dict[Kind, str], *, existing: tuple[Column, ...] | None = (), **fields: Any) -> LoadPlan:
    """A load of a key, a badly named column, a flag and a constant; `fields` are of its schema and its rules."""
    staged = (
        Column(name="id", native=names[Kind.BIGINT], data_type=_BIGINT),
        Column(name=EVIL, native=names[Kind.TEXT], data_type=_TEXT),
        Column(name="gone", native=names[Kind.BOOLEAN], data_type=_BOOLEAN),
    )
    columns = tuple(
        LoadColumn(name=column.name, native=column.native, data_type=column.data_type, position=position)
        for position, column in enumerate(staged)
    )
    schema = {
        "staged": staged,
        "columns": (
            *columns,
            LoadColumn(name="origin", native=names[Kind.TEXT], data_type=_TEXT, position=None, constant="o'ps"),
        ),
    }
    rules = {"write_mode": "upsert", "primary_key": ("id",)}
    for name, value in fields.items():
        (rules if name in LoadRules.__slots__ else schema)[name] = value
    return LoadPlan(
        run=LoadRun(pipeline_id="it's", execution_key="run-1", range=_RANGE, watermark=_AT),
        target=LoadTarget(table=TableName(schema="my schema", table="Flights"), existing=existing),
        schema=LoadSchema(**schema),
        rules=LoadRules(**rules),
    )


_POSTGRES = {Kind.BIGINT: "bigint", Kind.TEXT: "text", Kind.BOOLEAN: "boolean"}
_DUCKDB = {Kind.BIGINT: "BIGINT", Kind.TEXT: "VARCHAR", Kind.BOOLEAN: "BOOLEAN"}
_TYPES = tuple(_DUCKDB.values())


def postgres_stage(**fields: Any) -> PostgresStage:
    """The stage of the load in PostgreSQL, of the table's own types."""
    return PostgresStage(load(_POSTGRES, **fields), tuple(_POSTGRES.values()))


def in_postgres(**fields: Any) -> PostgresMerge:
    """The statements of the load in PostgreSQL."""
    stage = postgres_stage(**fields)
    return PostgresMerge(stage.plan, POSTGRES, stage)


def in_duckdb(**fields: Any) -> MergeStatements:
    """The statements of the load in DuckDB."""
    plan = load(_DUCKDB, **fields)
    return MergeStatements(plan, DUCKDB, DuckDBStage(plan))


def duckdb_stage(**fields: Any) -> DuckDBStage:
    """The stage of the load in DuckDB."""
    return DuckDBStage(load(_DUCKDB, **fields))


def lines(text: str) -> list[str]:
    """A statement in lines that fit the page; joined by a space they are the statement."""
    found = textwrap.wrap(text, 96, break_long_words=False, break_on_hyphens=False)
    assert " ".join(found) == text
    return found


def test_a_table_is_created_with_quoted_names() -> None:
    assert lines(create_table(load(_POSTGRES), POSTGRES)) == snapshot(
        [
            'CREATE TABLE IF NOT EXISTS "my schema"."Flights" ("id" bigint, """; drop table x; --" text,',
            '"gone" boolean, "origin" text, PRIMARY KEY ("id"))',
        ]
    )


def test_a_stage_becomes_a_table_with_quoted_names() -> None:
    assert [lines(statement) for statement in duckdb_stage(existing=None).become_table()] == snapshot(
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
    stage = duckdb_stage(existing=None, columns=swapped, primary_key=("V1",))
    with engine.connect() as connection:
        connection.execute('CREATE SCHEMA "my schema"')
        connection.execute(f"CREATE TEMP TABLE {ROWS} (c0, c1, c2, c3) AS VALUES (1, 2, 3, 4)")
        connection.execute(stage.create(("BIGINT",) * 4))
        for statement in stage.become_table():
            connection.execute(statement)
        table = connection.execute('SELECT * FROM "my schema"."Flights"')
        assert [column[0] for column in table.description] == ["V1", "v0", "rejected", "iterator"]
        assert table.fetchall() == [(1, 2, 3, 4)]


def test_upsert_updates_only_what_differs_in_postgres() -> None:
    assert lines(in_postgres().upsert()) == snapshot(
        [
            'WITH written AS (INSERT INTO "my schema"."Flights" AS t ("id", """; drop table x; --", "gone",',
            "\"origin\") SELECT s.c0, s.c1, s.c2, CAST('o''ps' AS text) FROM \"my",
            'schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s WHERE s.rejected IS NULL ORDER BY s.c0',
            'ON CONFLICT ("id") DO UPDATE SET """; drop table x; --" = excluded."""; drop table x; --",',
            '"gone" = excluded."gone", "origin" = excluded."origin" WHERE t."""; drop table x; --" IS',
            'DISTINCT FROM excluded."""; drop table x; --" OR t."gone" IS DISTINCT FROM excluded."gone" OR',
            't."origin" IS DISTINCT FROM excluded."origin" RETURNING (xmax = 0) AS inserted) SELECT count(*)',
            "FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written",
        ]
    )


def test_upsert_updates_only_what_differs_in_duckdb() -> None:
    assert lines(in_duckdb().merge()) == snapshot(
        [
            'MERGE INTO "my schema"."Flights" AS t USING (SELECT * FROM temp._observe_stage WHERE rejected IS',
            'NULL) AS s ON t."id" = s.v0 WHEN MATCHED AND (t."""; drop table x; --" IS DISTINCT FROM s.v1 OR',
            't."gone" IS DISTINCT FROM s.v2 OR t."origin" IS DISTINCT FROM s.v3) THEN UPDATE SET """; drop',
            'table x; --" = s.v1, "gone" = s.v2, "origin" = s.v3 WHEN NOT MATCHED THEN INSERT ("id", """;',
            'drop table x; --", "gone", "origin") VALUES (s.v0, s.v1, s.v2, s.v3)',
        ]
    )


def test_rows_that_become_soft_deleted_are_counted_before_the_merge() -> None:
    assert lines(in_postgres(soft_delete_field="gone").classify()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE t."id" IS NULL), count(*) FILTER (WHERE NOT t."id" IS NULL AND',
            '(t."""; drop table x; --" IS DISTINCT FROM s.c1 OR t."gone" IS DISTINCT FROM s.c2 OR t."origin"',
            "IS DISTINCT FROM CAST('o''ps' AS text))), count(*) FILTER (WHERE NOT t.\"id\" IS NULL AND",
            'coalesce(s.c2, false) AND NOT coalesce(t."gone", false)), count(*) FILTER (WHERE false) FROM "my',
            'schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s LEFT JOIN "my schema"."Flights" AS t ON',
            't."id" = s.c0 WHERE s.rejected IS NULL',
        ]
    )
    assert lines(in_duckdb(soft_delete_field="gone").classify()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE t."id" IS NULL), count(*) FILTER (WHERE NOT t."id" IS NULL AND',
            '(t."""; drop table x; --" IS DISTINCT FROM s.v1 OR t."gone" IS DISTINCT FROM s.v2 OR t."origin"',
            'IS DISTINCT FROM s.v3)), count(*) FILTER (WHERE NOT t."id" IS NULL AND coalesce(s.v2, false) AND',
            'NOT coalesce(t."gone", false)), count(*) FILTER (WHERE false) FROM temp._observe_stage AS s LEFT',
            'JOIN "my schema"."Flights" AS t ON t."id" = s.v0 WHERE s.rejected IS NULL',
        ]
    )


def test_a_mirror_marks_what_is_gone_and_revives_what_is_back_in_postgres() -> None:
    mirror = in_postgres(write_mode="mirror")
    assert lines(mirror.upsert()) == snapshot(
        [
            'WITH written AS (INSERT INTO "my schema"."Flights" AS t ("id", """; drop table x; --", "gone",',
            "\"origin\") SELECT s.c0, s.c1, s.c2, CAST('o''ps' AS text) FROM \"my",
            'schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s WHERE s.rejected IS NULL ORDER BY s.c0',
            'ON CONFLICT ("id") DO UPDATE SET """; drop table x; --" = excluded."""; drop table x; --",',
            '"gone" = excluded."gone", "origin" = excluded."origin", "_observe_deleted_at" = NULL WHERE',
            't."""; drop table x; --" IS DISTINCT FROM excluded."""; drop table x; --" OR t."gone" IS',
            'DISTINCT FROM excluded."gone" OR t."origin" IS DISTINCT FROM excluded."origin" OR',
            't."_observe_deleted_at" IS NOT NULL RETURNING (xmax = 0) AS inserted) SELECT count(*) FILTER',
            "(WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written",
        ]
    )
    assert lines(mirror.count_gone()) == snapshot(
        [
            'SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM "my',
            'schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s WHERE t."id" = s.c0)), count(*) FROM "my',
            'schema"."Flights" AS t WHERE t."_observe_deleted_at" IS NULL',
        ]
    )
    assert lines(mirror.delete_gone()) == snapshot(
        [
            'UPDATE "my schema"."Flights" AS t SET "_observe_deleted_at" = now() WHERE',
            't."_observe_deleted_at" IS NULL AND NOT EXISTS (SELECT 1 FROM "my',
            'schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s WHERE t."id" = s.c0)',
        ]
    )


def test_a_mirror_marks_what_is_gone_and_revives_what_is_back_in_duckdb() -> None:
    mirror = in_duckdb(write_mode="mirror")
    assert lines(mirror.merge()) == snapshot(
        [
            'MERGE INTO "my schema"."Flights" AS t USING (SELECT * FROM temp._observe_stage WHERE rejected IS',
            'NULL) AS s ON t."id" = s.v0 WHEN MATCHED AND (t."""; drop table x; --" IS DISTINCT FROM s.v1 OR',
            't."gone" IS DISTINCT FROM s.v2 OR t."origin" IS DISTINCT FROM s.v3 OR t."_observe_deleted_at" IS',
            'NOT NULL) THEN UPDATE SET """; drop table x; --" = s.v1, "gone" = s.v2, "origin" = s.v3,',
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
            'UPDATE "my schema"."Flights" AS t SET "_observe_deleted_at" = now() WHERE',
            't."_observe_deleted_at" IS NULL AND NOT EXISTS (SELECT 1 FROM temp._observe_stage AS s WHERE',
            't."id" = s.v0)',
        ]
    )


def test_replace_and_append_insert_every_staged_row() -> None:
    for write_mode in ("replace", "append"):
        assert lines(in_postgres(write_mode=write_mode).insert()) == snapshot(
            [
                'INSERT INTO "my schema"."Flights" ("id", """; drop table x; --", "gone", "origin") SELECT s.c0,',
                "s.c1, s.c2, CAST('o''ps' AS text) FROM \"my schema\".\"_observe_stage_24ceef1cb6b0_4e65d3fbe8ad\" AS",
                "s WHERE s.rejected IS NULL",
            ]
        )
        assert lines(in_duckdb(write_mode=write_mode).insert()) == snapshot(
            [
                'INSERT INTO "my schema"."Flights" ("id", """; drop table x; --", "gone", "origin") SELECT s.v0,',
                "s.v1, s.v2, s.v3 FROM temp._observe_stage AS s WHERE s.rejected IS NULL",
            ]
        )


def test_appending_a_range_again_first_removes_what_it_holds() -> None:
    bounds = {"iterator_column": EVIL, "delete_from": datetime(2024, 3, 1), "delete_until": datetime(2024, 3, 2)}
    assert lines(in_postgres(write_mode="append", **bounds).delete_range()) == snapshot(
        [
            'DELETE FROM "my schema"."Flights" WHERE """; drop table x; --" >= TIMESTAMP \'2024-03-01',
            '00:00:00\' AND """; drop table x; --" < TIMESTAMP \'2024-03-02 00:00:00\'',
        ]
    )
    assert lines(in_duckdb(write_mode="append", **bounds).delete_range()) == snapshot(
        [
            'DELETE FROM "my schema"."Flights" WHERE """; drop table x; --" >= TIMESTAMP \'2024-03-01',
            '00:00:00\' AND """; drop table x; --" < TIMESTAMP \'2024-03-02 00:00:00\'',
        ]
    )


def test_a_row_without_a_key_is_rejected_with_the_reason() -> None:
    rejected = postgres_stage().mark_rejected()
    assert rejected is not None
    assert lines(rejected) == snapshot(
        [
            'UPDATE "my schema"."_observe_stage_24ceef1cb6b0_4e65d3fbe8ad" AS s SET rejected = CASE WHEN s.c0',
            "IS NULL THEN 'primary key \"id\" is null' END WHERE (s.c0 IS NULL)",
        ]
    )
    assert lines(duckdb_stage().create(_TYPES)) == snapshot(
        [
            "CREATE OR REPLACE TEMP TABLE temp._observe_stage AS SELECT TRY_CAST(c0 AS BIGINT) AS v0,",
            "TRY_CAST(c1 AS VARCHAR) AS v1, TRY_CAST(c2 AS BOOLEAN) AS v2, CAST('o''ps' AS VARCHAR) AS v3,",
            "NULL AS iterator, CASE WHEN c0 IS NULL THEN 'primary key \"id\" is null' END AS rejected, CASE",
            "WHEN rejected IS NOT NULL THEN json_object('id', CAST(c0 AS VARCHAR), '\"; drop table x; --',",
            "CAST(c1 AS VARCHAR), 'gone', CAST(c2 AS VARCHAR)) END AS row_values FROM _observe_rows",
        ]
    )


def test_new_and_widened_columns_are_altered_by_quoted_name() -> None:
    evil = LoadColumn(name=EVIL, native="text", data_type=_TEXT, position=1)
    changed = {"added": (evil,), "widened": (evil,)}
    assert [lines(statement) for statement in alter(load(_POSTGRES, **changed), POSTGRES)] == snapshot(
        [
            ['ALTER TABLE "my schema"."Flights" ADD COLUMN """; drop table x; --" text'],
            ['ALTER TABLE "my schema"."Flights" ALTER COLUMN """; drop table x; --" TYPE text'],
        ]
    )
    assert [lines(statement) for statement in alter(load(_DUCKDB, **changed), DUCKDB)] == snapshot(
        [
            ['ALTER TABLE "my schema"."Flights" ADD COLUMN """; drop table x; --" text'],
            ['ALTER TABLE "my schema"."Flights" ALTER COLUMN """; drop table x; --" TYPE text'],
        ]
    )


@pytest.mark.parametrize("write_mode", ["upsert", "mirror", "append", "replace"])
def test_duckdb_runs_these_statements_and_takes_the_name_for_a_name(write_mode: str) -> None:
    statements, plan = in_duckdb(write_mode=write_mode), load(_DUCKDB)
    with engine.connect() as connection:
        connection.execute('CREATE SCHEMA "my schema"; CREATE TABLE x (a INTEGER)')
        connection.execute(f"CREATE TEMP TABLE {ROWS} (c0 BIGINT, c1 VARCHAR, c2 BOOLEAN)")
        first = duckdb_stage(existing=None)
        for statement in (first.create(_TYPES), *first.become_table()):
            connection.execute(statement)
        for statement in (add_deleted_at(plan, DUCKDB), create_quarantine(plan, DUCKDB)):
            connection.execute(statement)
        connection.execute(f"INSERT INTO {ROWS} VALUES (1, 'a', false), (NULL, 'b', true)")
        connection.execute(duckdb_stage(write_mode=write_mode).create(_TYPES))
        for _ in range(2):
            connection.execute(statements.quarantine())
        merges = write_mode in ("upsert", "mirror")
        connection.execute(statements.merge() if merges else statements.insert())
        rows = connection.execute(f"SELECT * EXCLUDE (_observe_deleted_at) FROM {statements.table}").fetchall()
        assert rows == [(1, "a", False, "o'ps")]
        assert connection.execute(statements.count_rejected()).fetchall() == [(1,)]
        kept = connection.execute('SELECT reason, row_values, occurrences FROM "my schema"."Flights__rejected"')
        assert kept.fetchall() == [
            ('primary key "id" is null', '{"id":null,"\\"; drop table x; --":"b","gone":"true"}', 2)
        ]
        assert connection.execute("SELECT count(*) FROM x").fetchall() == [(0,)]
