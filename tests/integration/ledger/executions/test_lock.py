"""One run of a pipeline at a time, across connections, threads and processes."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from observe_dagster.errors import LedgerError
from observe_dagster.ledger import Ledger
from observe_dagster.ledger.database import advisory_key

HOLD = """
import sys
from observe_dagster.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.executions.lock("p") as lock:
    print("held" if lock else "refused", flush=True)
    sys.stdin.read()
"""


def test_only_one_holds_the_lock_and_the_next_gets_it_once_released(ledger: Ledger) -> None:
    with ledger.executions.lock("p") as first:
        with ledger.executions.lock("p") as second:
            assert (bool(first), bool(second)) == (True, False)
            assert (first.still_held(), second.still_held()) == (True, False)
        assert first.still_held()
    with ledger.executions.lock("p") as third:
        assert third.acquired


@pytest.mark.parametrize("pipeline_id", [f"pipeline-{number}" for number in range(6)])
def test_a_lock_knows_that_it_is_held_whatever_its_number(ledger: Ledger, pipeline_id: str) -> None:
    with ledger.executions.lock(pipeline_id) as lock:
        assert lock.still_held()


def test_locks_of_different_pipelines_do_not_meet(ledger: Ledger) -> None:
    with ledger.executions.lock("p") as one, ledger.executions.lock("P") as other:
        assert one.acquired
        assert other.acquired


def test_the_lock_is_released_when_the_block_raises(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="inside"), ledger.executions.lock("p"):
        raise RuntimeError("inside")
    with ledger.executions.lock("p") as lock:
        assert lock.acquired


def test_of_many_threads_racing_exactly_one_wins(ledger: Ledger) -> None:
    gate, everybody_tried = threading.Barrier(8), threading.Barrier(8)

    def race(_: int) -> bool:
        gate.wait()
        with ledger.executions.lock("p") as lock:
            everybody_tried.wait()
            return lock.acquired

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == [False] * 7 + [True]


def test_the_lock_of_a_killed_process_is_free_again(ledger: Ledger, ledger_url: str) -> None:
    command = [sys.executable, "-c", HOLD, ledger_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with ledger.executions.lock("p") as lock:
            assert not lock
        # Waiting in the server, so that the test goes on the moment that the lock is free.
        with psycopg.connect(ledger_url) as waiting:
            waiting.execute("SET lock_timeout = '30s'")
            holder.kill()
            waiting.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_key("pipeline:p"),))


def test_a_lock_whose_connection_was_lost_is_no_longer_held(ledger: Ledger, ledger_url: str) -> None:
    with ledger.executions.lock("p") as lock:
        with psycopg.connect(ledger_url, autocommit=True) as direct:
            direct.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'observe lock'"
            )
        assert lock.acquired
        assert not lock.still_held()


def test_the_number_of_a_lock_is_the_same_in_every_process_and_version() -> None:
    assert advisory_key("pipeline:flights-hourly") == 8586692409198504947


def test_a_lock_on_a_database_that_is_away_is_a_transient_error() -> None:
    away = Ledger.open("postgresql://nobody:hunter2@127.0.0.1:1/x")
    with away as ledger, pytest.raises(LedgerError) as caught, ledger.executions.lock("p"):
        pass
    assert caught.value.transient
    assert "hunter2" not in str(caught.value)
