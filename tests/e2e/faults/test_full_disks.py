"""The destination's disk is full in the middle of a sync: nothing is written, it says so, and with room all is well."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from observe_dagster.errors import WarehouseError
from observe_dagster.records import RunStatus
from tests.e2e.faults.conftest import MakeShop
from tests.e2e.faults.disks import NotAllowedError, database_on, leave_room, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    with ExitStack() as opened:
        try:
            yield opened.enter_context(small_disk(tmp_path / "disk"))
        except NotAllowedError:
            pytest.skip("to fill a disk, one must be allowed to mount a small one (root)")


@pytest.mark.parametrize(("target", "write_mode"), [("postgres", "append"), ("duckdb", "append"), ("duckdb", "upsert")])
def test_a_full_disk_fails_the_run_with_nothing_written_and_with_room_the_next_is_right(
    make_shop: MakeShop, postgres_url: str, disk: Path, target: str, write_mode: str
) -> None:
    with ExitStack() as opened:
        if target == "postgres":
            place = opened.enter_context(database_on(disk, postgres_url))
        else:
            place = str(disk / "lake.duckdb")
        shop = make_shop(target, write_mode, place=place)
        leave_room(disk, 200)
        ended = shop.run()
        assert isinstance(ended, WarehouseError), ended
        assert str(ended).startswith("Connection 'target': ")
        assert "No space left on device" in str(ended)
        assert shop.executions()[-1].status == RunStatus.FAILED
        assert shop.ask("SELECT count(*) FROM analytics.items") == [(20,)]
        leave_room(disk, 50_000)
        assert shop.settle() == []
