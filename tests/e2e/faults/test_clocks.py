"""The clock of the machine that syncs is an hour off between two runs: no row is lost, none is written twice."""

from datetime import UTC, datetime, timedelta

import pytest

from observe_dagster.errors import NothingToSyncError
from observe_dagster.records import RunStatus, SyncResult
from tests.e2e.faults.conftest import MakeShop
from tests.e2e.faults.faulty import FaultyShop
from tests.e2e.killed import RECORDED

HOUR = timedelta(hours=1)


def sync_at(shop: FaultyShop, believed: datetime) -> SyncResult:
    """Run the pipeline at a time that the machine believes it is; it has to succeed."""
    ended = shop.run_at(believed)
    assert isinstance(ended, SyncResult), ended
    return ended


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
@pytest.mark.parametrize("write_mode", ["append", "upsert"])
def test_a_clock_that_was_ahead_and_is_set_right_loses_no_row(
    make_shop: MakeShop, target: str, write_mode: str
) -> None:
    shop = make_shop(target, write_mode)
    shop.sell_now(5)
    ahead = sync_at(shop, datetime.now(UTC) + HOUR)
    assert ahead.watermark is not None
    assert datetime.fromisoformat(ahead.watermark) <= datetime.now(UTC)
    shop.sell_now(7)
    assert sync_at(shop, datetime.now(UTC)).counts.inserts == 7
    assert shop.settle() == []


@pytest.mark.parametrize("target", ["postgres", "duckdb"])
def test_a_clock_that_is_behind_finds_nothing_due_and_is_right_again_with_the_time(
    make_shop: MakeShop, target: str
) -> None:
    shop = make_shop(target, "append")
    shop.sell_now(5)
    sync_at(shop, datetime.now(UTC))
    shop.sell_now(7)
    ended = shop.run_at(datetime.now(UTC) - HOUR)
    assert isinstance(ended, NothingToSyncError), ended
    assert "has read everything before" in str(ended)
    assert sync_at(shop, datetime.now(UTC)).counts.inserts == 7
    assert shop.settle() == []


def test_a_killed_run_is_closed_by_one_whose_clock_is_behind(make_shop: MakeShop) -> None:
    shop = make_shop("postgres", "append")
    shop.sell_now(5)
    sync_at(shop, datetime.now(UTC))
    shop.sell_now(7)
    assert shop.kill(RECORDED)
    shop.now = datetime.now(UTC) - 2 * HOUR
    assert isinstance(shop.run_when_free(), NothingToSyncError)
    run = shop.executions()[-1]
    assert run.execution_key == shop.killed[0]
    assert run.status == RunStatus.FAILED
    assert run.end_date is not None
    assert run.end_date > run.start_date
    shop.now = datetime.now(UTC)
    assert shop.settle() == []
