"""A partitioned pipeline: a window for each interval, filled by the schedule and by backfills."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.orchestration.translator.keys import destination_key
from observe_dagster.records import RunType

START = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T08:00:00Z", "partitioned": True}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: ticks open their own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def windows(shop):
    """The shop with partitions for each hour from 8 o'clock, and one order in each hour."""
    shop.declare(schedule=START)
    for hour in range(8, 12):
        shop.order(hour, f"2024-03-01 {hour}:30Z")
    return shop


def covered(requests: Sequence[dg.RunRequest]) -> list[tuple[str, str]]:
    """The first and last partition of each requested run."""
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return [(request.tags[names[0]], request.tags[names[1]]) for request in requests]


def partitions(shop) -> list[str]:
    """The partitions that are materialized."""
    return sorted(shop.instance.get_materialized_partitions(destination_key(shop.project.pipelines[0])))


def test_the_schedule_requests_all_missing_windows_as_one_run(windows):
    (request,) = windows.tick()

    result = windows.run_requested(request)

    assert covered([request]) == [("2024-03-01-08:00", "2024-03-01-11:00")]
    assert result.success
    assert windows.rows() == [(8,), (9,), (10,), (11,)]
    assert partitions(windows) == ["2024-03-01-08:00", "2024-03-01-09:00", "2024-03-01-10:00", "2024-03-01-11:00"]
    assert windows.tick() == snapshot("All closed windows of pipeline orders-hourly are materialized.")


def test_windows_that_are_not_neighbours_are_requested_apart(windows):
    assert windows.run(partition_key="2024-03-01-09:00").success

    assert covered(windows.tick()) == [
        ("2024-03-01-08:00", "2024-03-01-08:00"),
        ("2024-03-01-10:00", "2024-03-01-11:00"),
    ]


def test_a_window_reads_its_own_rows_and_says_how_many(windows):
    result = windows.run(partition_key="2024-03-01-09:00")

    assert windows.rows() == [(9,)]
    assert windows.metadata(result)["dagster/partition_row_count"] == 1


def test_a_backfill_from_the_ui_covers_several_windows_in_one_run_and_is_recorded_as_one(windows):
    tags = {
        "dagster/backfill": "abcdefgh",
        "dagster/asset_partition_range_start": "2024-03-01-08:00",
        "dagster/asset_partition_range_end": "2024-03-01-10:00",
    }

    result = windows.run(tags=tags)

    assert windows.rows() == [(8,), (9,), (10,)]
    assert len(result.asset_materializations_for_node("sync_orders_hourly")) == 3
    (execution,) = windows.ledger.executions.page("orders-hourly").items
    assert execution.type is RunType.BACKFILL


def test_running_windows_again_changes_nothing(windows):
    (request,) = windows.tick()
    windows.run_requested(request)
    before = windows.rows("*")

    again = windows.run_requested(request)

    assert again.success
    assert windows.rows("*") == before


def test_a_window_moves_no_watermark(windows):
    windows.run(partition_key="2024-03-01-09:00")

    assert windows.ledger.declared.pipeline("orders-hourly").watermark is None


def test_a_window_that_failed_is_requested_again_by_the_next_tick(windows):
    windows.source("ALTER TABLE orders RENAME TO hidden")
    (request,) = windows.tick()
    assert not windows.run_requested(request).success
    windows.source("ALTER TABLE hidden RENAME TO orders")
    windows.ledger.declared.clear_pipeline_fault("orders-hourly")
    windows.now = datetime(2024, 3, 1, 12, 11, tzinfo=UTC)

    (again,) = windows.tick()

    assert covered([again]) == covered([request])
    assert again.run_key != request.run_key


def test_a_time_range_in_the_run_config_is_refused(windows):
    result = windows.run({"from": "2024-03-01T08:00:00Z"}, partition_key="2024-03-01-09:00")

    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data.description == snapshot(
        "Pipeline orders-hourly is partitioned: choose the partitions to read instead of `from`, "
        "`until` and `full_refresh`."
    )
