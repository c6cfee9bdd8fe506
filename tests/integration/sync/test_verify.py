"""`verify: diff`: what a sync wrote is what its source has in that range, or the difference is found."""

from typing import Any

import pytest

from observe_dagster.monitoring.diff.compare import DiffResult
from observe_dagster.monitoring.diff.verify import verify_sync
from observe_dagster.records import SyncResult

HOUR = "2024-03-01 10:0{}:00+00"


@pytest.fixture(params=[("postgres", "postgres"), ("postgres", "duckdb"), ("duckdb", "postgres")], ids="-to-".join)
def filled(request: pytest.FixtureRequest, make_world: Any) -> Any:
    """A world whose source has five items."""
    world = make_world(*request.param)
    world.source.run(
        "CREATE TABLE items (id int, name text, amount numeric(9,2), updated_at timestamptz)",
        "INSERT INTO items VALUES " + ", ".join(f"({n}, 'n{n}', {n}.50, '{HOUR.format(n)}')" for n in range(1, 6)),
    )
    return world


def verified(world: Any, synced: SyncResult) -> DiffResult:
    return verify_sync(world.project, world.project.pipeline("p"), synced.range, now=world.now)


def found(result: DiffResult) -> list[tuple[str, str | None]]:
    return sorted((row.difference, row.key.get("id")) for row in result.sample)


def test_a_good_sync_has_no_difference_and_later_changes_are_no_fault(filled: Any) -> None:
    filled.declare()
    synced = filled.sync()
    filled.source.run(
        "UPDATE items SET name = 'later', updated_at = '2024-03-01 13:00:00+00' WHERE id = 1",
        "DELETE FROM items WHERE id = 2",
    )
    result = verified(filled, synced)
    assert (result.summary.equal, result.summary.values.total_rows) == (True, 3)


def test_rows_that_were_changed_or_lost_in_the_destination_are_found(filled: Any) -> None:
    filled.declare()
    synced = filled.sync()
    filled.target.run(
        "UPDATE analytics.items SET amount = amount + 1 WHERE id IN (2, 3)", "DELETE FROM analytics.items WHERE id = 4"
    )
    result = verified(filled, synced)
    assert found(result) == [("changed", "2"), ("changed", "3"), ("only_in_a", "4")]
    assert result.summary.different_rows == 3


def test_only_the_range_is_compared(filled: Any) -> None:
    filled.declare()
    filled.sync()
    filled.source.run("INSERT INTO items VALUES (9, 'new', 1, '2024-03-01 12:10:00+00')")
    filled.now = filled.now.replace(hour=13)
    synced = filled.sync()
    filled.target.run("UPDATE analytics.items SET name = 'spoilt'")
    assert found(verified(filled, synced)) == [("changed", "9")]


def test_field_transformations_are_applied(filled: Any) -> None:
    filled.declare(
        field_transformation={
            "rename": {"name": "title", "updated_at": "changed_at"},
            "cast": {"amount": "double"},
            "drop": [],
            "constant": {"origin": "ops"},
        }
    )
    synced = filled.sync()
    assert verified(filled, synced).summary.equal
    filled.target.run("UPDATE analytics.items SET title = NULL WHERE id = 5")
    assert found(verified(filled, synced)) == [("changed", "5")]


def test_rejected_and_superseded_rows_are_not_expected(filled: Any) -> None:
    filled.source.run(
        f"INSERT INTO items VALUES (NULL, 'no key', 1, '{HOUR.format(1)}'), (7, 'no time', 1, NULL), "
        f"(1, 'newer', 1, '{HOUR.format(8)}')"
    )
    filled.declare()
    result = verified(filled, filled.sync())
    assert result.summary.equal, result.sample


def test_appended_rows_without_a_key_are_matched_whole(filled: Any) -> None:
    filled.source.run("INSERT INTO items SELECT * FROM items WHERE id = 1", "UPDATE items SET name = NULL WHERE id = 2")
    filled.declare(destination={"write_mode": "append", "primary_key": []})
    synced = filled.sync()
    assert verified(filled, synced).summary.equal
    filled.target.run("DELETE FROM analytics.items WHERE id IN (2, 3)")
    assert verified(filled, synced).summary.different_rows == 2


def test_a_mirror_is_compared_without_what_is_gone(filled: Any) -> None:
    filled.declare(destination={"write_mode": "mirror", "max_delete_percent": 100}, sync_mode={"type": "full"})
    filled.sync()
    filled.source.run("DELETE FROM items WHERE id = 3")
    synced = filled.sync()
    assert verified(filled, synced).summary.equal
    filled.target.run("DELETE FROM analytics.items WHERE id = 4", "INSERT INTO analytics.items (id) VALUES (8)")
    assert found(verified(filled, synced)) == [("only_in_a", "4"), ("only_in_b", "8")]
