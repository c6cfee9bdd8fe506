"""What stops a run, what is recorded then, and how the pipeline comes back."""

import threading
from datetime import UTC, datetime

import psycopg
import pytest

from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    DataModelError,
    LimitExceededError,
    NothingToSyncError,
    NullIteratorError,
    PipelineFaultedError,
    RequestError,
    SchemaChangedError,
    WarehouseError,
)
from observe_dagster.records import RunStatus, RunType
from observe_dagster.sync import SyncRequest

ITEMS = "CREATE TABLE items (id bigint, name varchar, updated_at timestamptz)"
FIRST = """INSERT INTO items VALUES (1, 'a', '2024-03-01 10:00Z'), (2, 'b', '2024-03-01 10:30Z'),
           (3, NULL, '2024-03-01 11:00Z')"""
BY_TIME = {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"}
HOURLY = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z"}


def latest(world):
    return world.ledger.executions.page("p").items[-1]


def test_a_faulted_pipeline_refuses_its_schedule_until_a_manual_run_succeeds(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.declare(schedule=HOURLY)
    with pytest.raises(DataModelError, match=r'data model .m. is invalid: relation "items" does not exist'):
        world.sync(run_type=RunType.SCHEDULED)
    assert world.ledger.declared.pipeline("p").status == "faulted"
    assert world.ledger.declared.data_model("m").status == "invalid"
    world.source.run(ITEMS, FIRST)
    with pytest.raises(PipelineFaultedError, match="Pipeline p is faulted"):
        world.sync(run_type=RunType.SCHEDULED)
    world.sync()
    assert world.ledger.declared.pipeline("p").status == "idle"
    assert world.ledger.declared.data_model("m").status == "valid"
    world.now = world.now.replace(hour=14)
    assert world.sync(run_type=RunType.SCHEDULED).range.end == "2024-03-01T14:00:00.000000Z"


def test_a_changed_declaration_clears_a_fault(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.declare("SELECT * FROM itemz", schedule=HOURLY)
    with pytest.raises(DataModelError):
        world.sync(run_type=RunType.SCHEDULED)
    world.source.run(ITEMS, FIRST)
    world.declare("SELECT * FROM items", schedule={**HOURLY, "delay": "1m"})
    assert world.sync(run_type=RunType.SCHEDULED).counts.inserts == 2


def test_wrong_credentials_name_the_connection_and_keep_the_password(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.source.place = "postgresql://nobody:s3cr%2Fet-Pass@127.0.0.1:1/none?connect_timeout=1"
    world.declare()
    with pytest.raises(ConnectionFailedError, match="Connection 'source'") as caught:
        world.sync()
    run = latest(world)
    assert (run.status, run.attempts) == (RunStatus.FAILED, 2)
    assert world.ledger.declared.connection("source").status == "faulted"
    assert world.ledger.declared.connection("target").status == "healthy"
    told = f"{caught.value} {run} {world.ledger.declared.connection('source')} {world.ledger.declared.pipeline('p')}"
    assert "s3cr" not in told
    assert "et-Pass" not in told


def test_a_missing_duckdb_source_is_a_clear_error(make_world, tmp_path) -> None:
    world = make_world("duckdb", "postgres")
    world.source.place = str(tmp_path / "nowhere.duckdb")
    world.declare()
    with pytest.raises(ConnectionFailedError, match=r"there is no DuckDB file at .*nowhere\.duckdb"):
        world.sync()


def test_limits_stop_a_run_before_anything_moves(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST)
    world.declare(sync_mode={**BY_TIME, "max_rows_per_run": 2})
    with pytest.raises(LimitExceededError, match="would read 3 rows, more than max_rows_per_run 2"):
        world.sync()
    assert world.target.run("SELECT count(*) FROM information_schema.tables WHERE table_name = 'items'") == [(0,)]
    world.declare(sync_mode={**BY_TIME, "max_catchup": "1d"})
    world.sync()
    world.now = world.now.replace(day=10)
    with pytest.raises(LimitExceededError, match="9 days, 0:00:00 behind, more than max_catchup"):
        world.sync()


def test_null_iterators_follow_the_policy_on_every_run(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST, "INSERT INTO items VALUES (7, 'timeless', NULL)")
    world.declare(sync_mode={**BY_TIME, "null_iterator": "fail"})
    with pytest.raises(NullIteratorError, match="1 rows have a null 'updated_at'"):
        world.sync()
    world.declare(sync_mode={**BY_TIME, "null_iterator": "include"})
    assert world.sync().counts.inserts == 4
    world.source.run("UPDATE items SET name = 'still timeless' WHERE id = 7")
    world.now = world.now.replace(hour=13)
    counts = world.sync().counts
    assert (counts.total_rows, counts.updates) == (1, 1)


def test_a_row_dated_in_the_future_waits_and_moves_nothing(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST, "INSERT INTO items VALUES (8, 'tomorrow', '2024-03-02 10:00Z')")
    world.declare()
    assert world.sync().counts.inserts == 3
    world.now = world.now.replace(day=3)
    assert world.sync().counts.inserts == 1


def test_a_row_committed_late_is_not_lost(target_world) -> None:
    world = target_world
    world.source.run(ITEMS)
    world.declare()
    world.now = datetime.now(UTC).replace(year=2100)
    with psycopg.connect(world.source.place) as slow:
        slow.execute("INSERT INTO items VALUES (1, 'slow', now())")
        world.source.run("INSERT INTO items VALUES (2, 'fast', now())")
        first = world.sync()
        assert first.counts.inserts == 0
        assert "oldest open transaction" in " ".join(first.notes)
        slow.commit()
    assert world.sync().counts.inserts == 2
    assert world.rows("id") == [(1,), (2,)]


def test_a_number_iterator_waits_for_transactions_that_hold_lower_numbers(target_world) -> None:
    world = target_world
    world.source.run("CREATE TABLE items (id bigserial, name varchar)")
    world.declare(sync_mode={"type": "incremental", "iterator_field": "id", "iterator_data_type": "integer"})
    slow = psycopg.connect(world.source.place)
    slow.execute("INSERT INTO items (name) VALUES ('slow')")
    world.source.run("INSERT INTO items (name) VALUES ('fast')")
    release = threading.Timer(0.5, lambda: (slow.commit(), slow.close()))
    release.start()
    first = world.sync()
    release.join()
    assert (first.counts.inserts, first.watermark) == (2, "3")
    world.source.run("INSERT INTO items (name) VALUES ('next')")
    assert world.sync().counts.inserts == 1
    assert world.rows("id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("data_type", "column", "values"),
    [
        ("timestamp_unixtime_s", "bigint", ["1709287200", "1709290800", "1709298000"]),
        ("timestamp_unixtime_ms", "bigint", ["1709287200000", "1709290800000", "1709298000000"]),
        ("date", "date", ["'2024-02-28'", "'2024-02-29'", "'2024-03-01'"]),
        ("timestamp", "timestamp", ["'2024-03-01 10:00'", "'2024-03-01 11:00'", "'2024-03-01 13:00'"]),
        ("timestamp", "timestamptz", ["'2024-03-01 10:00Z'", "'2024-03-01 11:00Z'", "'2024-03-01 13:00Z'"]),
    ],
)
def test_every_iterator_type_reads_each_row_once(make_world, data_type: str, column: str, values: list[str]) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(f"CREATE TABLE items (id bigint, at {column})")
    for number, value in enumerate(values):
        world.source.run(f"INSERT INTO items VALUES ({number}, {value})")
    world.source.run("ALTER ROLE CURRENT_USER SET timezone = 'Asia/Tokyo'")
    world.declare(
        sync_mode={"type": "incremental", "iterator_field": "at", "iterator_data_type": data_type},
        destination={"write_mode": "append", "primary_key": []},
    )
    assert world.sync().counts.inserts == 2
    world.now = world.now.replace(day=2)
    assert world.sync().counts.inserts == 1
    world.source.run("ALTER ROLE CURRENT_USER RESET timezone")


def test_nothing_due_is_said_and_leaves_no_run_behind(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare(schedule=HOURLY)
    world.sync(run_type=RunType.SCHEDULED)
    with pytest.raises(NothingToSyncError, match="nothing is due yet"):
        world.sync(run_type=RunType.SCHEDULED)
    assert world.ledger.executions.page("p").total_items == 1


def test_a_second_run_is_refused_while_one_is_in_progress(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare()
    with world.ledger.executions.lock("p"), pytest.raises(AlreadyInProgressError) as caught:
        world.sync()
    assert str(caught.value) == "Pipeline p is already in progress."


def test_columns_that_come_and_go_follow_the_policy(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST)
    world.declare()
    world.sync()
    world.source.run(
        "ALTER TABLE items ADD COLUMN note text", "UPDATE items SET note = 'n', updated_at = '2024-03-01 12:30Z'"
    )
    world.now = world.now.replace(hour=13)
    world.declare(destination={"schema_change": "freeze"})
    with pytest.raises(SchemaChangedError, match=r"'note' \(.*\) is new"):
        world.sync()
    world.declare(destination={"schema_change": "discard"})
    assert [change.action for change in world.sync(full_refresh=True).schema_changes] == ["discarded"]
    world.declare(destination={"schema_change": "evolve"})
    evolved = world.sync(full_refresh=True)
    assert [(change.column, change.change, change.action) for change in evolved.schema_changes] == [
        ("note", "added", "altered")
    ]
    assert world.rows("id, note") == [(1, "n"), (2, "n"), (3, "n")]
    world.source.run("ALTER TABLE items DROP COLUMN name")
    world.now = world.now.replace(hour=14)
    gone = world.sync(full_refresh=True)
    assert [(change.column, change.action) for change in gone.schema_changes] == [("name", "kept")]
    world.now = world.now.replace(hour=15)
    assert world.sync(full_refresh=True).schema_changes == ()


def test_a_column_grows_with_its_source_but_does_not_change_its_kind(target_world) -> None:
    world = target_world
    world.source.run("CREATE TABLE items (id bigint, n integer)", "INSERT INTO items VALUES (1, 1)")
    world.declare(sync_mode={"type": "full"})
    world.sync()
    world.source.run("ALTER TABLE items ALTER n TYPE bigint", "INSERT INTO items VALUES (2, 5000000000)")
    assert world.sync().counts.inserts == 1
    assert world.rows("n") == [(1,), (5_000_000_000,)]
    world.source.run("ALTER TABLE items ALTER n TYPE text")
    with pytest.raises(SchemaChangedError, match="declare a cast for it"):
        world.sync()


def test_a_text_column_grows_with_its_source(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run("CREATE TABLE items (id bigint, code varchar(2))", "INSERT INTO items VALUES (1, 'ab')")
    world.declare(sync_mode={"type": "full"})
    world.sync()
    world.source.run("ALTER TABLE items ALTER code TYPE varchar(4)", "INSERT INTO items VALUES (2, 'abcd')")
    assert world.sync().counts.rejected == 0
    assert world.rows("code") == [("ab",), ("abcd",)]


def test_fields_are_renamed_cast_dropped_and_added(world) -> None:
    world.source.run('CREATE TABLE items (id bigint, "Old Name" varchar, secret varchar, n varchar)')
    world.source.run("INSERT INTO items VALUES (1, 'x', 's', '42')")
    world.declare(
        sync_mode={"type": "full"},
        field_transformation={
            "rename": {"Old Name": "name"},
            "drop": ["secret"],
            "cast": {"n": "bigint"},
            "constant": {"origin": "shop", "version": 2, "huge": 2**64},
        },
    )
    world.sync()
    assert world.rows("id, name, n, origin, version, huge") == [(1, "x", 42, "shop", 2, 2**64)]
    names = world.target.run(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'items' AND table_schema = 'analytics'"
    )
    assert {name for (name,) in names} == {"id", "name", "n", "origin", "version", "huge"}


def test_an_identifier_cannot_break_out_of_its_quotes(world) -> None:
    nasty = '"; drop table items; --'
    quoted = '"' + nasty.replace('"', '""') + '"'
    world.source.run(f"CREATE TABLE items (id bigint, {quoted} varchar)", "INSERT INTO items VALUES (1, 'safe')")
    world.declare(sync_mode={"type": "full"}, destination={"primary_key": ["id"]})
    world.sync()
    assert world.sync().counts.unchanged == 1
    assert world.rows(f"id, {quoted}") == [(1, "safe")]
    assert world.source.run("SELECT count(*) FROM items") == [(1,)]


def test_a_data_model_cannot_write_even_through_a_function(make_world) -> None:
    world = make_world("postgres", "duckdb")
    world.source.run(
        ITEMS,
        FIRST,
        "CREATE FUNCTION wipe() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN DELETE FROM items; RETURN 1; END $$",
    )
    world.declare("SELECT id, wipe() AS w FROM items", sync_mode={"type": "full"})
    with pytest.raises(WarehouseError, match=r"Connection .source.: .*read-only transaction"):
        world.sync()
    assert world.source.run("SELECT count(*) FROM items") == [(3,)]


def test_a_replaced_table_keeps_its_views_grants_and_indexes(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})
    world.sync()
    world.target.run(
        "CREATE VIEW analytics.names AS SELECT name FROM analytics.items",
        "CREATE INDEX by_name ON analytics.items (name)",
        "GRANT SELECT ON analytics.items TO PUBLIC",
    )
    world.source.run("UPDATE items SET name = 'z'")
    world.sync()
    assert world.target.run("SELECT DISTINCT name FROM analytics.names") == [("z",)]
    assert world.target.run("SELECT count(*) FROM pg_indexes WHERE tablename = 'items'") == [(2,)]
    assert "=r/" in str(world.target.run("SELECT relacl FROM pg_class WHERE relname = 'items'"))


def test_a_lost_ledger_loses_no_watermark(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST)
    world.declare()
    world.sync()
    with world.ledger.engine.begin() as db:
        db.exec_driver_sql("TRUNCATE observe.pipeline, observe.pipeline_execution CASCADE")
    world.declare()
    world.now = world.now.replace(hour=13)
    again = world.sync()
    assert (again.range.start, again.counts.total_rows) == ("2024-03-01T12:00:00.000000Z", 0)


def test_a_dropped_table_is_loaded_from_the_beginning(target_world) -> None:
    world = target_world
    world.source.run(ITEMS, FIRST)
    world.declare()
    world.sync()
    world.target.run("DROP TABLE analytics.items")
    world.now = world.now.replace(hour=13)
    assert world.sync().counts.inserts == 3


def test_every_statement_is_on_record_without_the_password(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare()
    run = world.sync()
    with world.ledger.engine.begin() as db:
        logged = db.exec_driver_sql(
            "SELECT connection_id, query_text, returned_rows FROM observe.query_log WHERE pipeline_execution_id = %s",
            (run.execution_id,),
        ).all()
    assert any(
        text.startswith("COPY (SELECT") and rows == 3 for connection, text, rows in logged if connection == "source"
    )
    assert any("INSERT INTO" in text for connection, text, _ in logged if connection == "target")


def test_a_request_that_does_not_fit_leaves_no_trace(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare()
    with pytest.raises(RequestError, match="`from` must be before `until`"):
        world.sync(from_=world.now, until=world.now.replace(hour=1))
    assert world.ledger.declared.pipeline("p").status == "idle"
    assert world.ledger.executions.page("p").total_items == 0


def test_a_failed_backfill_does_not_stop_the_schedule(make_world) -> None:
    world = make_world("postgres", "postgres")
    world.source.run(ITEMS, FIRST)
    world.declare(schedule=HOURLY)
    world.sync(run_type=RunType.SCHEDULED)
    world.source.run("ALTER TABLE items RENAME TO hidden")
    with pytest.raises(DataModelError):
        world.sync(from_=world.now.replace(hour=9))
    assert latest(world).status == RunStatus.FAILED
    assert world.ledger.declared.pipeline("p").status == "idle"


def test_an_interrupted_run_is_recorded_as_stopped(make_world) -> None:
    world = make_world("postgres", "duckdb")
    world.source.run(ITEMS, FIRST)
    world.declare()

    def interrupt(rows: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.runner.run("p", SyncRequest(), execution_key="stopped", on_progress=interrupt)
    run = latest(world)
    assert (run.status, run.errors) == (RunStatus.STOPPED, ("KeyboardInterrupt ended the run.",))
    assert world.sync().counts.inserts == 3
