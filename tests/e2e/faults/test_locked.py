"""Somebody else holds what a sync needs: it waits its turn, and if that never comes it says what it waited for."""

import threading
from pathlib import Path

import psycopg
import pytest

from observe_dagster.errors import ConnectionFailedError, LedgerError, WarehouseError
from observe_dagster.records import RunStatus, SyncResult
from tests.e2e.faults.conftest import MakeShop
from tests.e2e.faults.faulty import MANY, MIDDLE, url_of
from tests.e2e.faults.holding import LEDGER, TARGET, hold_file
from tests.e2e.killed import PROCESSES


@pytest.mark.parametrize(("statement", "where"), [(LEDGER, "ledger"), (TARGET, "target")])
def test_a_sync_waits_for_a_lock_that_is_held_for_a_while(make_shop: MakeShop, statement: str, where: str) -> None:
    shop = make_shop("postgres", "append")
    with psycopg.connect(url_of(shop.ledger) if where == "ledger" else shop.place) as holder:
        shop.links["source"].when_sent(MIDDLE, lambda: holder.execute(statement.encode()))
        release = threading.Timer(1.0, holder.rollback)
        release.start()
        ended = shop.run()
        release.join()
    assert isinstance(ended, SyncResult), ended
    assert ended.counts.inserts == MANY
    assert shop.executions()[-1].attempts == 1
    assert shop.settle() == []


def test_a_ledger_that_stays_locked_ends_the_run_with_that_reason_and_the_next_enters_it(make_shop: MakeShop) -> None:
    shop = make_shop("postgres", "append")
    shop.ledger_options = "?options=-c%20lock_timeout%3D200"
    with psycopg.connect(url_of(shop.ledger)) as holder:
        shop.links["source"].when_sent(MIDDLE, lambda: holder.execute(LEDGER))
        ended = shop.run()
        assert isinstance(ended, LedgerError), ended
        assert str(ended) == "The ledger database: canceling statement due to lock timeout"
    assert shop.settle() == []
    assert [run.status for run in shop.executions()] == [RunStatus.SUCCESS] * 3


def test_a_destination_that_stays_locked_fails_the_run_with_that_reason(make_shop: MakeShop) -> None:
    shop = make_shop("postgres", "append")
    shop.lock_wait_seconds = 0.2
    with psycopg.connect(shop.place) as holder:
        shop.links["source"].when_sent(MIDDLE, lambda: holder.execute(TARGET))
        ended = shop.run()
        assert isinstance(ended, WarehouseError), ended
        assert str(ended).startswith("Connection 'target': canceling statement due to lock timeout")
    assert shop.executions()[-1].status == RunStatus.FAILED
    assert shop.settle() == []


@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_duckdb_file_that_another_process_holds_is_waited_for_and_then_named(
    make_shop: MakeShop, write_mode: str
) -> None:
    shop = make_shop("duckdb", write_mode)
    held, free = PROCESSES.Event(), PROCESSES.Event()
    holder = PROCESSES.Process(target=hold_file, args=(shop.place, held, free))
    holder.start()
    assert held.wait(60)
    shop.lock_wait_seconds, shop.attempts = 0.3, 1
    ended = shop.run()
    assert isinstance(ended, ConnectionFailedError), ended
    assert str(ended).startswith(f"Connection 'target': waited 0.3 s for {Path(shop.place)}, which another process")
    assert shop.executions()[-1].status == RunStatus.FAILED
    shop.lock_wait_seconds = 60
    release = threading.Timer(0.5, free.set)
    release.start()
    waited = shop.run()
    assert isinstance(waited, SyncResult), waited
    holder.join()
    assert shop.settle() == []
