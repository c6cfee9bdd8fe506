"""Dividing items into batches: nothing is left out, limits are kept, order is kept among equals."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.ledger import Publication, batches

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SIZES = st.lists(st.tuples(st.integers(1, 120), st.integers(1, 15)), max_size=80)


def items(sizes: list[tuple[int, int]]) -> list[Publication]:
    return [
        Publication(
            id=number,
            publisher="p",
            kind="k",
            ordering_key=str(number),
            record={"size": size},
            state="pending",
            attempts=attempts,
            next_attempt_at=NOW,
            last_error=None,
            created_at=NOW,
            sent_at=None,
            lease="1",
        )
        for number, (size, attempts) in enumerate(sizes)
    ]


def divide(given_items: list[Publication], most: int = 10, most_bytes: int = 100) -> list[list[Publication]]:
    return batches(given_items, lambda item: item.record["size"], most_bytes=most_bytes, most=most)


@given(SIZES)
def test_every_item_is_in_one_batch_and_the_limits_hold(sizes):
    divided = divide(items(sizes))

    assert sorted(item.id for batch in divided for item in batch) == list(range(len(sizes)))
    for batch in divided:
        assert 1 <= len(batch) <= 10
        assert len(batch) == 1 or sum(item.record["size"] for item in batch) <= 100


@given(SIZES)
def test_the_oldest_that_failed_often_stands_alone(sizes):
    divided = divide(items([(size, attempts + 5) for size, attempts in sizes]))

    assert not sizes or len(divided[0]) == 1


def test_after_an_outage_batches_grow_again():
    divided = divide(items([(1, 12)] * 1000), most=500, most_bytes=1_000_000)

    assert [len(batch) for batch in divided] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 489]
