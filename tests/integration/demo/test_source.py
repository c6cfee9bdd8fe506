"""The example's source: the real data, and how it lives on."""

import itertools
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from inline_snapshot import snapshot

from observe_dagster.demo.changes import Changes, change_rows
from observe_dagster.demo.source import advance, connect, load_source
from observe_dagster.errors import LedgerError

NOW = datetime(2026, 11, 21, 11, 40, tzinfo=UTC)
LIVE_FROM = datetime(2026, 11, 14, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def source_url(postgres_url):
    from observe_dagster.embedded import create_database

    name = "example_source"
    yield create_database(postgres_url, name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def loaded(source_url):
    seen: dict[str, float] = {}
    source = load_source(source_url, now=NOW, live_from=LIVE_FROM, progress=seen.__setitem__)
    return source, seen


@pytest.fixture
def source(source_url, loaded):
    """A connection whose changes are undone after the test."""
    with connect(source_url) as connection, connection.transaction(force_rollback=True):
        yield connection


def one(connection, query, *values):
    return connection.execute(query, values).fetchone()


def test_all_five_tables_are_loaded_and_progress_is_told_to_the_end(loaded):
    source, seen = loaded

    assert source.rows == snapshot(
        {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}
    )
    assert seen == dict.fromkeys(source.rows, 1.0)


def test_the_data_is_moved_by_whole_days_to_end_within_the_last_day(loaded):
    source, _ = loaded

    assert timedelta(0) <= NOW - source.newest < timedelta(days=1)
    assert source.newest.time() == (source.newest - timedelta(days=source.shift_days)).time()


def test_a_flight_of_2013_keeps_its_values_at_its_moved_date(source, loaded):
    moved = timedelta(days=loaded[0].shift_days)
    first = one(
        source,
        "SELECT flight_date, carrier, flight, tailnum, origin, dest, scheduled_at, sched_dep_time, dep_time, dep_delay,"
        " arr_time, arr_delay, air_time, distance, is_deleted FROM flights WHERE flight_id = 1",
    )

    assert first == (
        datetime(2013, 1, 1).date() + moved,
        *("UA", 1545, "N14228", "EWR", "IAH"),
        datetime(2013, 1, 1, 10, 15, tzinfo=UTC) + moved,
        *(515, 517, 2, 830, 11, 227, 1400, False),
    )


def test_before_the_replay_the_source_knows_nothing_of_what_comes(source):
    assert one(source, "SELECT count(*) FROM flights WHERE updated_at >= %s", LIVE_FROM) == (0,)
    assert one(source, "SELECT count(*) FROM weather WHERE time_hour >= %s", LIVE_FROM) == (0,)


def test_announced_flights_have_not_departed(source):
    announced, departed = one(
        source,
        "SELECT count(*), count(known.dep_time) FROM flights AS known"
        " JOIN upcoming.flights AS new ON new.flight_id = known.flight_id",
    )

    assert announced > 50
    assert departed == 0


@pytest.mark.parametrize("steps", [1, 50])
def test_when_all_has_happened_the_source_holds_the_real_data_however_time_was_cut(source, steps):
    moments = [LIVE_FROM + (NOW - LIVE_FROM) * step / steps for step in range(steps + 1)]
    for since, until in itertools.pairwise(moments):
        advance(source, since=since, until=until)

    assert one(source, "SELECT count(*), count(*) FILTER (WHERE is_deleted) FROM flights") == (336_776, 8_255)
    assert one(source, "SELECT count(*) FROM weather") == (26_115,)
    assert one(source, "SELECT count(*) FROM (TABLE upcoming.flights EXCEPT TABLE flights) AS missing") == (0,)


def test_changing_rows_changes_as_many_as_asked_and_stamps_them(source):
    changed = change_rows(source, Changes(inserts=20, updates=60, soft_deletes=30))

    assert changed == Changes(inserts=20, updates=60, soft_deletes=30)
    assert one(source, "SELECT count(*) FROM flights WHERE updated_at = now()") == (110,)
    assert one(source, "SELECT count(*) FROM flights WHERE updated_at = now() AND is_deleted") == (30,)


def test_a_database_that_cannot_be_reached_is_reported_without_the_driver(tmp_path):
    with (
        pytest.raises(LedgerError, match="The example's database refused"),
        connect(f"postgresql://x@/y?host={tmp_path}"),
    ):
        pass
