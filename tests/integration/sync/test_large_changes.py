"""Changes that are too large to be held in memory as updates end as the same rows, with the same counts."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from observe_dagster.records import Counts
from tests.integration.sync.conftest import World

MANY, WIDE = 1_500, 50_000


@pytest.fixture
def world(make_world: Callable[[str, str], World]) -> World:
    """A table of wide rows, synced once, of which nearly all change, one is the same and one is new."""
    world = make_world("postgres", "duckdb")
    world.source.run(
        "CREATE TABLE items (id int, body text, updated_at timestamptz)",
        f"INSERT INTO items SELECT i, 'a', '2024-03-01 10:00Z' FROM generate_series(1, {MANY}) AS i",
    )
    world.declare()
    world.sync()
    world.now += timedelta(hours=1)
    world.source.run(
        "UPDATE items SET updated_at = '2024-03-01 12:30Z'",
        f"UPDATE items SET body = repeat('b', {WIDE}) WHERE id > 1",
        f"INSERT INTO items VALUES ({MANY + 1}, 'new', '2024-03-01 12:30Z')",
    )
    return world


def end(counts: Counts) -> tuple[int, int, int]:
    return counts.inserts, counts.updates, counts.unchanged


def test_they_are_written_whole(world: World) -> None:
    counts = world.sync().counts

    assert end(counts) == (1, MANY, 0)
    assert counts.bytes > 64_000_000
    assert world.rows("count(*), count(DISTINCT id), sum(length(body)), count(DISTINCT updated_at)") == [
        (MANY + 1, MANY + 1, (MANY - 1) * WIDE + len("a") + len("new"), 1)
    ]
    world.now += timedelta(hours=1)
    assert end(world.sync().counts) == (0, 0, 0)


@pytest.mark.parametrize(
    "own",
    ["ALTER TABLE analytics.items ADD COLUMN note VARCHAR", "CREATE UNIQUE INDEX own ON analytics.items (id)"],
)
def test_a_table_to_which_somebody_added_something_is_updated_in_place(world: World, own: str) -> None:
    world.target.run(own)
    if "note" in own:
        world.target.run("UPDATE analytics.items SET note = 'mine'")

    assert end(world.sync().counts) == (1, MANY, 0)
    assert world.rows("count(*), sum(length(body))") == [(MANY + 1, (MANY - 1) * WIDE + len("a") + len("new"))]
    if "note" in own:
        assert world.rows("count(*) FILTER (WHERE note = 'mine')") == [(MANY,)]
