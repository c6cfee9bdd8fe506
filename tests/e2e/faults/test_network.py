"""The network fails between a sync and each of its databases, at the worst moments; the next run makes it good."""

import re
import threading
from collections.abc import Callable

import pytest

from observe_dagster.errors import (
    ConnectionFailedError,
    LedgerError,
    LockLostError,
    NothingToSyncError,
    ObserveError,
    WarehouseError,
)
from observe_dagster.records import RunStatus, SyncResult
from tests.e2e.faults.conftest import MakeShop
from tests.e2e.faults.faulty import MANY, MIDDLE, RECORDED
from tests.e2e.faults.proxy import Proxy

LOST = re.compile(
    r"(server closed the connection|connection reset|connection .*lost|refused|no COPY in progress)", re.I
)
WAYS = [
    pytest.param("postgres", "append", id="postgres-append"),
    pytest.param("postgres", "upsert", id="postgres-upsert"),
    pytest.param("duckdb", "append", id="duckdb-append"),
]
LINKS = [
    pytest.param(target, link, id=f"{target}-{link}")
    for target, link in (
        ("postgres", "source"),
        ("postgres", "target"),
        ("postgres", "ledger"),
        ("duckdb", "source"),
        ("duckdb", "ledger"),
    )
]
BREAKS: dict[str, Callable[[Proxy], None]] = {"reset": Proxy.cut, "truncated": Proxy.truncate}


def counted(ended: SyncResult | ObserveError) -> int:
    """The rows of a run that ended well."""
    assert isinstance(ended, SyncResult), ended
    return ended.counts.inserts


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize(("target", "link"), LINKS)
def test_a_connection_lost_while_rows_stream_is_tried_again(
    make_shop: MakeShop, target: str, link: str, how: str
) -> None:
    shop = make_shop(target, "append")
    shop.links["source"].when_sent(MIDDLE, lambda: BREAKS[how](shop.links[link]))
    assert counted(shop.run()) == MANY
    assert shop.settle() == []


@pytest.mark.parametrize("write_mode", ["append", "upsert"])
@pytest.mark.parametrize("moment", ["asked", "answered"])
def test_a_commit_that_does_not_arrive_and_one_whose_answer_does_not_are_told_apart(
    make_shop: MakeShop, moment: str, write_mode: str
) -> None:
    shop = make_shop("postgres", write_mode)
    cut = shop.links["target"]
    watch = cut.when_asked if moment == "asked" else cut.when_answered
    watch(RECORDED, b"COMMIT", act=cut.cut)
    ended = shop.run()
    assert counted(ended) == MANY
    assert isinstance(ended, SyncResult)
    found = "The connection was lost during the commit; the destination shows that it succeeded." in ended.notes
    assert found == (moment == "answered")
    assert shop.settle() == []


@pytest.mark.parametrize(("target", "write_mode"), WAYS)
def test_a_source_that_stays_away_fails_the_run_and_is_named(make_shop: MakeShop, target: str, write_mode: str) -> None:
    shop = make_shop(target, write_mode)
    shop.links["source"].when_sent(MIDDLE, shop.links["source"].refuse)
    ended = shop.run()
    assert isinstance(ended, ConnectionFailedError)
    assert str(ended).startswith("Connection 'source': cannot connect: ")
    assert LOST.search(str(ended))
    run = shop.executions()[-1]
    assert (run.status, run.attempts, len(run.retry_errors)) == (RunStatus.FAILED, 3, 2)
    assert all(LOST.search(text) and "Connection 'source'" in text for text in (*run.retry_errors, *run.errors))
    assert shop.ledger.declared.connection("source").status == "faulted"
    assert shop.ledger.declared.connection("target").status == "healthy"
    assert shop.settle() == []
    assert shop.ledger.declared.connection("source").status == "healthy"


def test_a_destination_that_stays_away_fails_the_run_and_is_named(make_shop: MakeShop) -> None:
    shop = make_shop("postgres", "append")
    shop.links["source"].when_sent(MIDDLE, shop.links["target"].refuse)
    ended = shop.run()
    assert isinstance(ended, ConnectionFailedError)
    assert str(ended).startswith("Connection 'target': cannot connect: ")
    assert shop.executions()[-1].status == RunStatus.FAILED
    assert shop.ledger.declared.connection("target").status == "faulted"
    assert shop.settle() == []


@pytest.mark.parametrize("moment", ["asked", "answered"])
def test_a_commit_of_which_nothing_is_known_is_left_open_until_the_destination_can_be_asked(
    make_shop: MakeShop, moment: str
) -> None:
    shop = make_shop("postgres", "append")
    link = shop.links["target"]
    watch = link.when_asked if moment == "asked" else link.when_answered
    watch(RECORDED, b"COMMIT", act=link.refuse)
    ended = shop.run()
    assert isinstance(ended, ConnectionFailedError)
    assert str(ended).startswith("Connection 'target': cannot connect: ")
    left = shop.executions()[-1]
    assert (left.is_open, left.attempts, len(left.retry_errors)) == (True, 3, 3)
    assert shop.ledger.declared.pipeline("p").errors == (str(ended),)
    assert shop.ledger.declared.connection("target").status == "faulted"
    assert shop.settle() == []
    assert shop.executions()[-2].status == (RunStatus.SUCCESS if moment == "answered" else RunStatus.FAILED)
    assert shop.ledger.declared.connection("target").status == "healthy"


@pytest.mark.parametrize(("target", "write_mode"), WAYS)
def test_a_run_that_commits_without_its_ledger_is_entered_there_by_the_next(
    make_shop: MakeShop, target: str, write_mode: str
) -> None:
    shop = make_shop(target, write_mode)
    shop.links["source"].when_sent(MIDDLE, shop.links["ledger"].refuse)
    ended = shop.run()
    assert isinstance(ended, LedgerError)
    assert str(ended).startswith("The ledger database: ")
    assert LOST.search(str(ended))
    assert shop.ask("SELECT count(*) FROM analytics.items") == [(20 + MANY,)]
    assert shop.executions()[-1].is_open
    assert shop.settle() == []
    assert [run.status for run in shop.executions()] == [RunStatus.SUCCESS] * 3


def test_a_failure_is_told_by_its_cause_though_the_ledger_is_away_too(make_shop: MakeShop) -> None:
    shop = make_shop("postgres", "append")
    shop.attempts = 1

    def lose_both() -> None:
        shop.links["source"].refuse()
        shop.links["ledger"].refuse()

    shop.links["source"].when_sent(MIDDLE, lose_both)
    ended = shop.run()
    assert isinstance(ended, WarehouseError), ended
    assert str(ended).startswith("Connection 'source': ")
    assert LOST.search(str(ended))
    assert shop.executions()[-1].is_open
    assert shop.settle() == []
    assert shop.executions()[-2].status == RunStatus.FAILED


@pytest.mark.parametrize(("target", "link"), LINKS)
def test_a_network_that_is_slow_and_stalls_only_takes_longer(make_shop: MakeShop, target: str, link: str) -> None:
    shop = make_shop(target, "append")
    proxy = shop.links[link]
    proxy.delay_seconds = 0.002
    timer = threading.Timer(0.3, proxy.heal)

    def stall() -> None:
        proxy.stall()
        timer.start()

    shop.links["source"].when_sent(MIDDLE, stall)
    assert counted(shop.run()) == MANY
    timer.join()
    assert shop.executions()[-1].attempts == 1
    assert shop.settle() == []


@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_run_that_lost_its_lock_with_the_ledger_and_the_one_that_took_it_write_each_row_once(
    make_shop: MakeShop, write_mode: str
) -> None:
    shop = make_shop("postgres", write_mode)
    ended: list[SyncResult | ObserveError] = []
    rival = threading.Thread(target=lambda: ended.append(shop.run_when_free()))

    def overtake() -> None:
        shop.links["ledger"].cut()
        rival.start()

    shop.links["source"].when_sent(MIDDLE, overtake)
    ended.append(shop.run())
    rival.join()
    assert sum(each.counts.inserts for each in ended if isinstance(each, SyncResult)) == MANY
    failed = [each for each in ended if not isinstance(each, SyncResult)]
    assert all(isinstance(each, LockLostError | NothingToSyncError) for each in failed), failed
    assert shop.ledger.declared.pipeline("p").status == "idle"
    assert shop.settle() == []
