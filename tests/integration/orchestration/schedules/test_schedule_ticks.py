"""A tick of a schedule requests exactly what is due, or says in a sentence why it requests nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.errors import LedgerError
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.resource import ObserveResource


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: ticks open their own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def the_request(tick: list[dg.RunRequest] | str) -> dg.RunRequest:
    """The one run that a tick requests."""
    assert not isinstance(tick, str), tick
    (request,) = tick
    return request


def test_a_due_interval_is_requested_with_its_logical_date_and_range(shop):
    request = the_request(shop.tick())

    assert request.asset_selection == [shop.key]
    assert request.run_key == snapshot("orders-hourly/2024-03-01T11:00:00Z")
    assert {key: value for key, value in request.tags.items() if key.startswith("observe/")} == snapshot(
        {
            "observe/pipeline": "orders-hourly",
            "observe/connection": "lake",
            "observe/run_type": "scheduled",
            "observe/logical_date": "2024-03-01T11:00:00Z",
            "observe/range_end": "2024-03-01T12:00:00.000000Z",
        }
    )


def test_the_requested_run_reads_the_range_and_the_next_tick_has_nothing_to_do(shop):
    shop.order(1, "2024-03-01 11:59Z")
    shop.order(2, "2024-03-01 12:05Z")

    result = shop.run_requested(the_request(shop.tick()))

    assert shop.rows() == [(1,)]
    assert shop.metadata(result)["observe/run_type"] == "scheduled"
    assert shop.tick() == snapshot(
        "Pipeline orders-hourly has read everything before 2024-03-01T12:00:00.000000Z; nothing is due yet."
    )


def test_after_a_downtime_one_run_covers_the_whole_gap(shop):
    shop.run_requested(the_request(shop.tick()))
    shop.now = datetime(2024, 3, 3, 7, 10, tzinfo=UTC)

    tags = the_request(shop.tick()).tags

    assert (tags["observe/range_start"], tags["observe/range_end"]) == (
        "2024-03-01T12:00:00.000000Z",
        "2024-03-03T07:00:00.000000Z",
    )


def test_a_delay_keeps_the_interval_back(shop):
    shop.declare(schedule={"type": "interval", "frequency": "hourly", "start": "2024-03-01T12:00:00Z", "delay": "30m"})
    shop.now = datetime(2024, 3, 1, 12, 29, tzinfo=UTC)
    assert shop.tick() == "The first interval of pipeline orders-hourly is due after 2024-03-01T12:00:00.000000Z."
    shop.now = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)
    assert the_request(shop.tick()).tags["observe/range_end"] == "2024-03-01T12:00:00.000000Z"


def test_an_ended_schedule_requests_nothing(shop):
    schedule = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z"}
    shop.declare(schedule={**schedule, "end": "2024-03-01T10:00:00Z"})
    shop.run_requested(the_request(shop.tick()))

    assert shop.tick() == snapshot(
        "Pipeline orders-hourly has read everything before 2024-03-01T10:00:00.000000Z; nothing is due yet."
    )


@pytest.mark.parametrize("state", ["new", "paused"])
def test_a_pipeline_that_is_not_active_is_skipped_and_its_schedule_is_off(shop, state):
    shop.declare(state=state)

    assert shop.tick() == f"Pipeline orders-hourly is {state}" + (
        "; set state: active to run it." if state == "new" else " in its declaration; set state: active to run it."
    )
    schedule = shop.definitions.get_repository_def().get_schedule_def("orders_hourly_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_an_active_pipeline_s_schedule_is_on(shop):
    schedule = shop.definitions.get_repository_def().get_schedule_def("orders_hourly_schedule")

    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_pipeline_paused_by_hand_is_skipped_until_resumed(shop):
    shop.ledger.declared.pause("orders-hourly")
    assert shop.tick() == snapshot(
        "Pipeline orders-hourly was paused by hand; `observe resume orders-hourly` lets it run again."
    )
    shop.ledger.declared.resume("orders-hourly")
    assert not isinstance(shop.tick(), str)


def test_a_faulted_pipeline_is_skipped_with_its_error_until_a_manual_run_succeeds(shop):
    shop.order(1, "2024-03-01 11:00Z")
    shop.source("ALTER TABLE orders RENAME TO hidden")
    assert not shop.run().success
    reason = shop.tick()
    assert isinstance(reason, str)
    assert reason.startswith("Pipeline orders-hourly is faulted: ")
    assert '"orders" does not exist' in reason

    shop.source("ALTER TABLE hidden RENAME TO orders")
    assert shop.run().success
    shop.now = datetime(2024, 3, 1, 14, 10, tzinfo=UTC)

    assert not isinstance(shop.tick(), str)


def test_a_run_in_progress_holds_the_next_one_back(shop):
    run = shop.unfinished()

    assert shop.tick() == f"Run {run.run_id} of pipeline orders-hourly has not finished."


def test_a_gap_beyond_max_catchup_is_requested_so_that_the_fault_is_on_record(shop):
    mode = {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"}
    shop.declare(sync_mode={**mode, "max_catchup": "2h"})
    shop.run_requested(the_request(shop.tick()))
    shop.now = datetime(2024, 3, 2, 12, 10, tzinfo=UTC)

    result = shop.run_requested(the_request(shop.tick()))

    assert not result.success
    assert "max_catchup" in str(shop.tick())


def test_a_tick_without_a_ledger_fails_and_says_so(shop):
    shop.observe.close()
    nowhere = type(shop.settings)(
        home=shop.settings.home, defs=shop.settings.defs, database_url="postgresql://nobody@127.0.0.1:1/none"
    )
    shop.observe = ObserveResource(shop.project, nowhere, clock=lambda: shop.now)
    shop.definitions = build_definitions(shop.project, observe=shop.observe)

    with pytest.raises(LedgerError, match="port 1 failed"):
        shop.tick()
