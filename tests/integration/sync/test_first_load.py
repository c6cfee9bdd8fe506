"""A table that is not there yet is made of what was staged, and what cannot stay in it goes where it belongs."""

import pytest

from observe_dagster.ledger.schema.executions import query_log

ITEMS = "CREATE TABLE items (id bigint, name varchar, updated_at timestamptz)"
GOOD = "INSERT INTO items SELECT n, 'item ' || n, timestamptz '2024-03-01 10:00Z' FROM generate_series(1, 50) AS n"


@pytest.fixture
def world(make_world):
    return make_world("postgres", "postgres")


def statements(world, execution_id) -> list[str]:
    """What the run sent to the destination."""
    with world.ledger.engine.begin() as db:
        sent = db.execute(query_log.select().where(query_log.c.pipeline_execution_id == execution_id)).mappings()
        return [row["query_text"] for row in sent if row["connection_id"] == "target"]


def columns(world) -> list[str]:
    told = world.target.run(
        "SELECT attname || ' ' || attnum || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = 'analytics.items'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return [row[0] for row in told]


def test_the_stage_becomes_the_table(world) -> None:
    world.source.run(ITEMS, GOOD)
    world.declare()
    result = world.sync()
    assert (result.counts.inserts, result.counts.table_rows) == (50, 50)
    assert columns(world) == ["id 1 bigint", "name 2 character varying", "updated_at 3 timestamp with time zone"]
    assert world.target.run(
        "SELECT relname, relpersistence::text, reloptions FROM pg_class "
        "WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'i') ORDER BY 1"
    ) == [
        ("_observe_sync_run", "p", None),
        ("_observe_sync_run_execution_key_key", "p", None),
        ("_observe_sync_run_pkey", "p", None),
        ("items", "p", None),
        ("items_pkey", "p", None),
    ]
    sent = statements(world, result.execution_id)
    assert [text for text in sent if text.startswith("INSERT")] == [text for text in sent if "(sequence," in text]


@pytest.mark.parametrize("mode", ["upsert", "mirror"])
def test_rows_that_cannot_stay_are_quarantined_and_the_newest_of_a_key_is_kept(world, mode) -> None:
    world.source.run(ITEMS, GOOD)
    world.source.run("INSERT INTO items VALUES (NULL, 'no key', '2024-03-01 10:00Z')")
    world.source.run("INSERT INTO items VALUES (7, 'newer', '2024-03-01 11:00Z')")
    world.declare(destination={"write_mode": mode}, **({"sync_mode": {"type": "full"}} if mode == "mirror" else {}))
    counts = world.sync().counts
    assert (counts.total_rows, counts.inserts, counts.rejected, counts.superseded, counts.unchanged) == (
        52,
        50,
        1,
        1,
        1,
    )
    assert world.rows("name", table="items", order="name DESC")[0] == ("newer",)
    assert world.rows("reason", table="items__rejected") == [('primary key "id" is null',)]
    assert world.target.run("SELECT count(*) FROM pg_index WHERE indrelid = 'analytics.items'::regclass") == [(1,)]


def test_rows_without_an_iterator_are_quarantined(world) -> None:
    world.source.run(ITEMS, GOOD, "INSERT INTO items VALUES (99, 'never', NULL)")
    world.declare()
    counts = world.sync().counts
    assert (counts.total_rows, counts.inserts, counts.rejected) == (51, 50, 1)
    assert world.rows("reason", table="items__rejected") == [('iterator "updated_at" is null',)]


def test_where_changes_are_published_subscribers_never_meet_the_stage(world) -> None:
    world.source.run(ITEMS, GOOD)
    world.target.run("CREATE PUBLICATION everything FOR ALL TABLES")
    world.declare()
    sent = statements(world, world.sync().execution_id)
    assert [text for text in sent if text.startswith("CREATE UNLOGGED TABLE")]
    assert world.rows("count(*)") == [(50,)]


def test_a_mirror_gets_its_column(world) -> None:
    world.source.run(ITEMS, GOOD)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "mirror"})
    world.sync()
    assert columns(world)[-1] == "_observe_deleted_at 4 timestamp with time zone"
    world.source.run("DELETE FROM items WHERE id = 3")
    assert world.sync().counts.soft_deletes == 1


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
def test_a_run_that_finds_nothing_stages_nothing_and_moves_the_watermark(make_world, target) -> None:
    world = make_world("postgres", target)
    world.source.run(ITEMS, GOOD)
    world.declare()
    first = world.sync()
    world.now = world.now.replace(hour=13)
    second = world.sync()
    assert (second.counts.total_rows, second.counts.table_rows) == (0, 50)
    assert second.watermark == "2024-03-01T13:00:00.000000Z"
    assert second.range.start == first.range.end
    assert not [text for text in statements(world, second.execution_id) if "TABLE" in text and "_observe_stage" in text]
    assert world.rows("watermark", table="_observe_sync_run", order="sequence")[-1] == (second.watermark,)


def test_a_first_run_that_finds_nothing_in_a_table_of_yours_is_recorded(world) -> None:
    world.source.run(ITEMS)
    world.target.run("CREATE SCHEMA analytics", ITEMS.replace("items", "analytics.items"))
    world.target.run("ALTER TABLE analytics.items ADD PRIMARY KEY (id)")
    world.target.run("INSERT INTO analytics.items VALUES (1, 'yours', now())")
    mode = {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"}
    world.declare(sync_mode={**mode, "from": "2024-01-01T00:00:00Z"})
    counts = world.sync().counts
    assert (counts.total_rows, counts.table_rows) == (0, 1)
    assert world.rows("total_rows", table="_observe_sync_run") == [(0,)]
