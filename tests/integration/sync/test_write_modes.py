"""What each write mode does to the destination, and what it counts."""

import pytest

from observe_dagster.errors import LimitExceededError, RequestError
from observe_dagster.records import Counts

ITEMS = "CREATE TABLE items (id bigint, name varchar, updated_at timestamptz, is_deleted boolean)"
FIRST = """INSERT INTO items VALUES (1, 'a', '2024-03-01 10:00Z', false), (2, 'b', '2024-03-01 10:30Z', false),
           (3, NULL, '2024-03-01 11:00Z', false)"""


def told(counts: Counts) -> dict[str, int]:
    """The counts that are not zero, without bytes."""
    names = ("total_rows", "inserts", "updates", "unchanged", "soft_deletes", "rejected", "superseded", "late")
    return {name: value for name in names if (value := getattr(counts, name))}


def test_an_upsert_moves_only_what_changed_and_counts_it(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(destination={"soft_delete_field": "is_deleted"})
    first = world.sync()
    assert told(first.counts) == {"total_rows": 3, "inserts": 3}
    assert first.counts.table_rows == 3
    world.source.run(
        "UPDATE items SET name = 'A', updated_at = '2024-03-01 12:10Z' WHERE id = 1",
        "UPDATE items SET is_deleted = true, updated_at = '2024-03-01 12:11Z' WHERE id = 2",
        "UPDATE items SET updated_at = updated_at WHERE id = 3",
        "INSERT INTO items VALUES (4, 'd', '2024-03-01 12:12Z', false)",
    )
    world.now = world.now.replace(hour=13)
    second = world.sync()
    assert told(second.counts) == {"total_rows": 3, "inserts": 1, "updates": 1, "soft_deletes": 1}
    assert world.rows("id, name, is_deleted") == [(1, "A", False), (2, "b", True), (3, None, False), (4, "d", False)]
    assert second.range.start == first.range.end == first.watermark
    assert world.ledger.declared.pipeline("p").watermark == second.watermark == "2024-03-01T13:00:00.000000Z"


def test_a_row_read_again_without_a_change_is_unchanged(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(
        sync_mode={
            "type": "incremental",
            "iterator_field": "updated_at",
            "iterator_data_type": "timestamptz",
            "lag": "65m",
        }
    )
    world.sync()
    world.now = world.now.replace(hour=13)
    world.source.run("INSERT INTO items VALUES (9, 'late', '2024-03-01 11:30Z', false)")
    again = world.sync()
    assert told(again.counts) == {"total_rows": 2, "inserts": 1, "unchanged": 1, "late": 1}


def test_an_append_adds_each_row_once(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(destination={"write_mode": "append", "primary_key": []})
    world.sync()
    world.source.run("INSERT INTO items VALUES (1, 'again', '2024-03-01 12:30Z', false)")
    world.now = world.now.replace(hour=13)
    assert told(world.sync().counts) == {"total_rows": 1, "inserts": 1}
    assert world.rows("id, name", order="1, 2") == [(1, "a"), (1, "again"), (2, "b"), (3, None)]


def test_an_append_reads_an_old_range_again_without_doubling_it(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(destination={"write_mode": "append", "primary_key": []})
    first = world.sync()
    world.source.run("UPDATE items SET name = 'fixed' WHERE id = 2")
    again = world.sync(from_=world.now.replace(hour=10, minute=15), until=world.now.replace(hour=11))
    assert told(again.counts) == {"total_rows": 1, "inserts": 1}
    assert world.rows("id, name") == [(1, "a"), (2, "fixed"), (3, None)]
    assert world.ledger.declared.pipeline("p").watermark == first.watermark
    with pytest.raises(RequestError, match="only what is behind its watermark"):
        world.sync(from_=world.now.replace(hour=10), until=world.now.replace(hour=14))


def test_a_replace_leaves_exactly_what_was_read(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "replace"})
    world.sync()
    world.source.run("DELETE FROM items WHERE id < 3", "INSERT INTO items VALUES (7, 'g', now(), false)")
    assert told(world.sync().counts) == {"total_rows": 2, "inserts": 2}
    assert world.rows("id, name") == [(3, None), (7, "g")]


def test_a_mirror_marks_what_is_gone_and_brings_back_what_returns(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "mirror", "max_delete_percent": 50})
    world.sync()
    world.source.run("DELETE FROM items WHERE id = 2")
    assert told(world.sync().counts) == {"total_rows": 2, "unchanged": 2, "soft_deletes": 1}
    assert world.rows("id, _observe_deleted_at IS NULL") == [(1, True), (2, False), (3, True)]
    world.source.run("INSERT INTO items VALUES (2, 'b', '2024-03-01 10:30Z', false)")
    assert told(world.sync().counts) == {"total_rows": 3, "updates": 1, "unchanged": 2}
    assert world.rows("id, _observe_deleted_at IS NULL") == [(1, True), (2, True), (3, True)]


def test_a_mirror_that_would_delete_too_much_changes_nothing(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare(sync_mode={"type": "full"}, destination={"write_mode": "mirror"})
    world.sync()
    world.source.run("DELETE FROM items WHERE id < 3")
    with pytest.raises(LimitExceededError, match=r"2 of 3 rows are gone .* max_delete_percent 20"):
        world.sync()
    assert world.rows("count(*), count(_observe_deleted_at)") == [(3, 0)]
    assert world.ledger.declared.pipeline("p").status == "faulted"


def test_a_full_refresh_rebuilds_the_table(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare()
    world.sync()
    world.source.run("DELETE FROM items WHERE id = 1")
    world.now = world.now.replace(hour=13)
    again = world.sync(full_refresh=True)
    assert told(again.counts) == {"total_rows": 2, "inserts": 2}
    assert world.rows("id") == [(2,), (3,)]
    assert world.ledger.declared.pipeline("p").watermark == "2024-03-01T13:00:00.000000Z"


def test_of_two_rows_with_one_key_the_newest_wins(world) -> None:
    world.source.run(ITEMS, FIRST, "INSERT INTO items VALUES (1, 'newer', '2024-03-01 11:59Z', false)")
    world.source.run("INSERT INTO items VALUES (1, 'newest by text', '2024-03-01 11:59Z', false)")
    world.declare()
    assert told(world.sync().counts) == {"total_rows": 5, "inserts": 3, "unchanged": 2, "superseded": 2}
    assert world.rows("id, name") == [(1, "newest by text"), (2, "b"), (3, None)]


def test_an_empty_source_makes_the_table(world) -> None:
    world.source.run(ITEMS)
    world.declare()
    assert told(world.sync().counts) == {}
    assert world.rows() == []


def test_rows_that_cannot_be_loaded_are_kept_aside_with_the_reason(world) -> None:
    world.source.run(
        ITEMS,
        FIRST,
        "INSERT INTO items VALUES (NULL, 'no key', '2024-03-01 11:00Z', false), (5, 'no time', NULL, false)",
        "INSERT INTO items VALUES (6, '12', '2024-03-01 11:00Z', false)",
    )
    world.declare(field_transformation={"cast": {"name": "integer"}})
    counts = world.sync().counts
    assert told(counts) == {"total_rows": 6, "inserts": 2, "rejected": 4}
    assert world.rows("id, name") == [(3, None), (6, 12)]
    rejected = world.rows("reason, occurrences", table="items__rejected")
    assert [reason.split(" is not")[0] for reason, _ in rejected] == [
        'column "name": a',
        'column "name": b',
        'iterator "updated_at" is null',
        'primary key "id" is null',
    ]
    world.now = world.now.replace(hour=13)
    assert told(world.sync().counts) == {"total_rows": 1, "rejected": 1}
    assert world.rows("occurrences", "items__rejected", "1 DESC")[0] == (2,)


def test_a_run_says_how_much_room_the_table_takes(world) -> None:
    world.source.run(ITEMS, FIRST)
    world.declare()
    world.sync()
    world.now = world.now.replace(hour=13)
    size = world.sync().metadata["observe/table_bytes"]

    assert 0 < size < 10_000_000
    assert world.ledger.executions.latest("p").execution_metadata["table_bytes"] == size
