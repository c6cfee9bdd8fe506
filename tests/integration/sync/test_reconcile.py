"""Closing what looks abandoned, while the process that ran it turns out to live."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from observe_dagster.errors import LedgerError
from observe_dagster.ledger import ExecutionRow, ExecutionStore, Ledger
from observe_dagster.records import RunStatus, RunType
from observe_dagster.sync.reconcile import close_abandoned
from tests.integration.sync.conftest import World


class MeanwhileExecutions(ExecutionStore):
    """A store in which something happens right after open executions were listed."""

    meanwhile: Callable[[ExecutionRow], Any]

    def open(self, pipeline_id: str | None = None) -> list[ExecutionRow]:
        found = super().open(pipeline_id)
        for execution in found:
            self.meanwhile(execution)
        return found


class MeanwhileLedger(Ledger):
    """A ledger with such executions."""

    meanwhile: Callable[[ExecutionRow], Any]

    @property
    def executions(self) -> MeanwhileExecutions:
        store = MeanwhileExecutions(self.engine)
        store.meanwhile = self.meanwhile
        return store


@pytest.fixture
def seen(ledger_url: str) -> Iterator[MeanwhileLedger]:
    ledger = MeanwhileLedger.open(ledger_url)
    assert isinstance(ledger, MeanwhileLedger)
    yield ledger
    ledger.close()


@pytest.fixture
def committed(make_world: Callable[[str, str], World], ledger_url: str) -> tuple[World, ExecutionRow]:
    """A world whose run is in the destination and open in the ledger, and what the ledger said of it before."""
    world = make_world("postgres", "postgres")
    world.source.run(
        "CREATE TABLE items (id int, updated_at timestamptz)", "INSERT INTO items VALUES (1, '2024-03-01 11:00Z')"
    )
    world.declare()
    ended = world.ledger.executions.get(world.sync().execution_id)
    with psycopg.connect(ledger_url) as direct:
        direct.execute(
            "UPDATE observe.pipeline_execution SET status = 'running', end_date = NULL, completed_successfully = NULL"
        )
    return world, ended


def test_a_run_that_records_its_own_success_meanwhile_keeps_it(
    committed: tuple[World, ExecutionRow], seen: MeanwhileLedger
) -> None:
    world, ended = committed
    assert ended.end_date is not None
    later = ended.end_date + timedelta(seconds=5)
    seen.meanwhile = lambda execution: world.ledger.executions.succeed(
        execution.execution_key, ended_at=later, counts=ended.counts, watermark=ended.reached_watermark
    )

    (closed,) = close_abandoned(world.project, seen, "p", clock=lambda: world.now)

    assert (closed.status, closed.end_date) == (RunStatus.SUCCESS, later)


def test_a_run_that_believes_it_failed_meanwhile_is_what_the_destination_says(
    committed: tuple[World, ExecutionRow], seen: MeanwhileLedger
) -> None:
    world, _ = committed
    seen.meanwhile = lambda execution: world.ledger.executions.fail(
        execution.execution_key, ended_at=world.now + timedelta(seconds=1), errors=["No answer came."]
    )

    (closed,) = close_abandoned(world.project, seen, "p", clock=lambda: world.now)

    assert (closed.status, closed.counts.inserts) == (RunStatus.SUCCESS, 1)


def test_a_run_that_records_its_own_failure_meanwhile_keeps_its_cause(
    make_world: Callable[[str, str], World], seen: MeanwhileLedger
) -> None:
    world = make_world("postgres", "postgres")
    world.declare("SELECT 1 AS id, now() AS updated_at")
    world.ledger.executions.start(
        pipeline_id="p",
        execution_key="lost",
        run_type=RunType.MANUAL,
        logical_date=world.now,
        range_start=None,
        range_end=None,
        watermark=None,
        next_watermark=None,
        started_at=world.now,
        moves_watermark=True,
    )
    seen.meanwhile = lambda execution: world.ledger.executions.fail(
        execution.execution_key, ended_at=world.now + timedelta(seconds=1), errors=["The disk is full."]
    )

    (closed,) = close_abandoned(world.project, seen, "p", clock=lambda: world.now)

    assert (closed.status, closed.errors) == (RunStatus.FAILED, ("The disk is full.",))


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
@pytest.mark.parametrize("breaking", [RuntimeError("no"), KeyboardInterrupt(), LedgerError("It is full.")])
def test_a_run_that_broke_off_after_its_commit_is_entered_by_the_next(
    make_world: Callable[[str, str], World], target: str, breaking: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise breaking

    world = make_world("postgres", target)
    world.source.run(
        "CREATE TABLE items (id int, updated_at timestamptz)", "INSERT INTO items VALUES (1, '2024-03-01 11:00Z')"
    )
    world.declare()
    with monkeypatch.context() as patched:
        patched.setattr(ExecutionStore, "succeed", break_off)
        with pytest.raises(type(breaking)):
            world.sync()
    assert world.rows("count(*)") == [(1,)]
    assert world.ledger.executions.page("p").items[-1].is_open

    world.now += timedelta(hours=1)
    world.sync()

    first, second = world.ledger.executions.page("p").items
    assert (first.status, second.status) == (RunStatus.SUCCESS, RunStatus.SUCCESS)
    assert first.counts is not None
    assert first.counts.inserts == 1
    assert world.ledger.declared.pipeline("p").errors == ()
