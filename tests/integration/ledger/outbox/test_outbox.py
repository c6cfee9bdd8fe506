"""The outbox: order, leases, waits and dead letters, with several workers at once."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.ledger import Ledger, NewPublication, Outbox, Publication
from observe_dagster.ledger.outbox.outbox import LONGEST_WAIT, wait_before
from tests.integration.ledger.declared_project import NOW

LEASE = timedelta(minutes=1)


@pytest.fixture
def outbox(ledger: Ledger) -> Outbox:
    """An empty outbox."""
    return ledger.outbox


@pytest.fixture
def put(ledger: Ledger):
    """Put items in, each as `key:text`."""

    def add(*items: str, **more: str) -> list[bool]:
        with ledger.transaction() as tx:
            return [
                tx.outbox.enqueue(
                    NewPublication(publisher="p", kind="k", ordering_key=key, record={"text": text}, **more),
                    now=NOW,
                )
                for key, _, text in (item.partition(":") for item in items)
            ]

    return add


def claim(outbox: Outbox, limit: int = 10, minutes: float = 0) -> list[Publication]:
    return outbox.claim("p", limit=limit, lease=LEASE, now=NOW + timedelta(minutes=minutes))


def texts(items: list[Publication]) -> list[str]:
    return [item.record["text"] for item in items]


def test_the_oldest_of_each_ordering_key_are_claimed(outbox, put):
    put("a:1", "a:2", "b:3", "c:4")

    assert texts(claim(outbox, limit=2)) == ["1", "3"]
    assert texts(claim(outbox)) == ["4"]
    assert claim(outbox) == []


def test_the_next_of_a_key_follows_once_the_one_before_is_sent(outbox, put):
    put("a:1", "a:2")
    (first,) = claim(outbox)
    assert outbox.sent(first, now=NOW)

    assert texts(claim(outbox)) == ["2"]


@pytest.mark.parametrize("count", [400, 12_000])
def test_a_burst_into_a_table_without_statistics_is_claimed_without_comparing_all_with_all(outbox, ledger, count):
    keys = [f"warehouse/analytics/a_schema_of_some_length/table_{number}" for number in range(count)]
    drafts = (
        NewPublication(publisher="p", kind="k", ordering_key=key, record={}, after=["before", "else"]) for key in keys
    )
    assert outbox.enqueue_all(drafts, now=NOW) == count
    asked: list[tuple[str, object]] = []
    sa.event.listen(
        ledger.engine, "before_cursor_execute", lambda _, __, text, chosen, *___: asked.append((text, chosen))
    )
    assert len(claim(outbox, limit=count)) == count
    ((text, chosen),) = (each for each in asked if "heads" in each[0])

    with ledger.engine.begin() as db:
        db.execute(sa.text("UPDATE observe.publication SET lease = NULL, leased_until = NULL"))
        (plan,) = db.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", chosen).scalar_one()

    assert 0 < rows_touched(plan["Plan"]) < 30 * count


def rows_touched(node: dict[str, object]) -> float:
    """How many rows the nodes of a plan gave or threw away."""
    each = sum(value for name, value in node.items() if name == "Actual Rows" or name.startswith("Rows Removed"))
    return each * node["Actual Loops"] + sum(rows_touched(inner) for inner in node.get("Plans", ()))


def test_another_publishers_items_are_left_alone(outbox, put):
    put("a:1")

    assert outbox.claim("other", limit=5, lease=LEASE, now=NOW) == []


def test_a_transaction_that_fails_puts_nothing_in(outbox, ledger):
    with contextlib.suppress(RuntimeError), ledger.transaction() as tx:
        tx.outbox.enqueue(NewPublication(publisher="p", kind="k", ordering_key="a", record={}), now=NOW)
        raise RuntimeError

    assert claim(outbox) == []


def test_the_same_dedupe_key_is_put_in_once(outbox, put):
    assert put("a:1", dedupe_key="event-7") + put("a:2", dedupe_key="event-7") == [True, False]
    assert texts(claim(outbox)) == ["1"]


def test_a_killed_workers_item_comes_back_before_what_follows_it(outbox, put):
    put("a:1", "a:2")
    (lost,) = claim(outbox)

    assert claim(outbox, minutes=0.9) == []
    (again,) = claim(outbox, minutes=1)
    assert (texts([again]), again.attempts) == (["1"], 2)
    assert not outbox.sent(lost, now=NOW)
    assert outbox.sent(again, now=NOW)


def test_a_failed_item_waits_and_holds_back_what_follows_it(outbox, put):
    put("a:1", "a:2")
    (item,) = claim(outbox)
    due = outbox.retry_later(item, "busy", now=NOW)

    assert timedelta(seconds=5) <= due - NOW <= timedelta(seconds=10)
    assert claim(outbox) == []
    (again,) = claim(outbox, minutes=1)
    assert (again.record["text"], again.last_error) == ("1", "busy")


def test_what_the_receiver_asks_for_is_waited(outbox, put):
    put("a:1")
    (item,) = claim(outbox)

    assert outbox.retry_later(item, "429", now=NOW, retry_after=timedelta(hours=2)) == NOW + timedelta(hours=2)
    assert claim(outbox, minutes=119) == []


def test_a_dead_item_holds_nothing_back_and_can_be_put_in_again(outbox, put):
    put("a:1", "a:2")
    (item,) = claim(outbox)
    outbox.dead_letter(item, "404")

    assert texts(claim(outbox)) == ["2"]
    assert outbox.counts("p") == {"dead": 1, "pending": 1}
    (dead,) = outbox.items("p", states=["dead"])
    assert dead.last_error == "404"
    assert outbox.requeue("p", now=NOW, ids=[dead.id + 1000]) == 0
    assert outbox.requeue("p", now=NOW) == 1
    (again,) = claim(outbox, minutes=5)
    assert (again.record["text"], again.attempts) == ("1", 1)


def test_workers_at_once_never_hold_one_item_twice_and_keep_the_order(outbox, put):
    put(*(f"{key}:{number}" for number in range(10) for key in "abc"))

    done: list[Publication] = []

    def work(_: int) -> None:
        while outbox.counts("p").get("pending"):
            for item in claim(outbox, limit=1):
                done.append(item)
                assert outbox.sent(item, now=NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert {key: texts([item for item in done if item.ordering_key == key]) for key in "abc"} == {
        key: [str(number) for number in range(10)] for key in "abc"
    }


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_to_a_limit_and_never_vanish(attempt: int, share: float):
    wait = wait_before(attempt, share=share)

    assert timedelta(seconds=5) <= wait <= LONGEST_WAIT
    assert wait_before(attempt + 1, share=share) >= wait
