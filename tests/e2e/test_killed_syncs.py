"""Whenever a sync is killed, the next makes it good: no row lost, none written twice, and the ledger is true."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from observe_dagster.ledger import Ledger
from observe_dagster.records import RunStatus
from tests.e2e.killed import COMMITTED, RECORDED, Death, Shop

EVERY = 7
"""Between two kills of a series lie this many steps: each run takes about fifty."""

MakeShop = Callable[[str, str], Shop]


@pytest.fixture
def make_shop(make_database: Callable[[], str], ledger: Ledger, tmp_path: Path) -> MakeShop:
    def make(target: str, write_mode: str) -> Shop:
        place = make_database() if target == "postgres" else str(tmp_path / "lake.duckdb")
        return Shop(target, write_mode, source=make_database(), place=place, folder=tmp_path, ledger=ledger)

    return make


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_sync_killed_at_steps_from_its_start_to_its_end_is_made_good_by_the_next(
    make_shop: MakeShop, target: str, write_mode: str
) -> None:
    shop = make_shop(target, write_mode)
    shop.sell(20)
    shop.trigger()
    for steps in itertools.count(1 if target == "postgres" else 4, EVERY):
        shop.sell(7)
        if not shop.kill(Death(steps=steps)):
            break
        shop.sell(2)
        shop.trigger()
        assert shop.violations() == []
    assert steps > 20


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
def test_a_first_sync_killed_at_steps_from_its_start_to_its_end_is_made_good_by_the_next(
    make_shop: MakeShop, target: str
) -> None:
    shop = make_shop(target, "append")
    for steps in itertools.count(2, EVERY):
        shop.demolish()
        shop.killed.clear()
        shop.sell(7)
        if not shop.kill(Death(steps=steps)):
            break
        shop.trigger()
        assert shop.violations() == []
    assert steps > 20


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_sync_killed_on_either_side_of_its_commit_is_told_as_the_destination_shows(
    make_shop: MakeShop, target: str, write_mode: str
) -> None:
    shop = make_shop(target, write_mode)
    shop.sell(20)
    shop.trigger()
    shop.sell(7)
    assert shop.kill(RECORDED)
    assert shop.ask("SELECT count(*) FROM analytics.items") == [(20,)]
    assert shop.trigger().counts.inserts == 7
    assert shop.violations() == []
    shop.sell(5)
    assert shop.kill(COMMITTED)
    assert shop.ask("SELECT count(*) FROM analytics.items") == [(32,)]
    shop.sell(1)
    assert shop.trigger().counts.inserts == 1
    assert shop.violations() == []
    told = {run.execution_key: run.status for run in shop.executions()}
    assert [told[key] for key in shop.killed] == [RunStatus.FAILED, RunStatus.SUCCESS]


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_sync_killed_while_rows_stream_is_made_good_by_the_next(
    make_shop: MakeShop, target: str, write_mode: str
) -> None:
    shop = make_shop(target, write_mode)
    shop.sell(10)
    shop.trigger()
    shop.sell(60_000)
    assert shop.kill(Death(size=1_000_000))
    assert shop.ask("SELECT count(*) FROM analytics.items") == [(10,)]
    assert [run.status for run in shop.executions()] == [RunStatus.SUCCESS, RunStatus.RUNNING]
    assert shop.trigger().counts.inserts == 60_000
    assert shop.violations() == []
