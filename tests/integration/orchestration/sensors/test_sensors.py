"""The two sensors: pipelines that run once are started once, and runs whose process is gone are closed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.orchestration.translator.keys import REAPER_SENSOR, RUN_ONCE_SENSOR
from observe_dagster.records import RunStatus, RunType


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: ticks open their own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def tick(shop, name: str) -> list[dg.RunRequest] | str:
    """One tick of a sensor: what it requests, or why it requests nothing."""
    repository = shop.definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=shop.instance, resources={"observe": shop.observe}, repository_def=repository
    ) as context:
        data = repository.get_sensor_def(name).evaluate_tick(context)
    return data.skip_message or list(data.run_requests or ())


def test_a_pipeline_that_runs_once_is_requested_until_it_has_run(shop):
    shop.declare(schedule={"type": "once"})
    shop.order(1, "2024-03-01 09:00Z")

    (request,) = tick(shop, RUN_ONCE_SENSOR)
    assert shop.run_requested(request).success

    assert shop.rows() == [(1,)]
    assert tick(shop, RUN_ONCE_SENSOR) == snapshot("Every pipeline that runs once has run, or cannot run now.")


def test_a_pipeline_that_runs_once_waits_for_its_delay(shop):
    shop.declare(schedule={"type": "once", "delay": "15m"})
    assert isinstance(tick(shop, RUN_ONCE_SENSOR), str)

    shop.now += timedelta(minutes=15)

    assert len(tick(shop, RUN_ONCE_SENSOR)) == 1


@pytest.mark.parametrize("state", ["new", "paused"])
def test_a_pipeline_that_is_not_active_is_not_started(shop, state):
    shop.declare(schedule={"type": "once"}, state=state)

    assert isinstance(tick(shop, RUN_ONCE_SENSOR), str)


def test_a_pipeline_whose_run_is_queued_is_not_requested_twice(shop):
    shop.declare(schedule={"type": "once"})
    shop.unfinished()

    assert isinstance(tick(shop, RUN_ONCE_SENSOR), str)


def test_a_changed_pipeline_whose_run_failed_is_requested_under_another_key(shop):
    shop.declare(schedule={"type": "once"})
    shop.source("ALTER TABLE orders RENAME TO hidden")
    (first,) = tick(shop, RUN_ONCE_SENSOR)
    assert not shop.run_requested(first).success
    assert isinstance(tick(shop, RUN_ONCE_SENSOR), str)

    shop.declare(schedule={"type": "once"}, name="Orders, mended")

    (second,) = tick(shop, RUN_ONCE_SENSOR)
    assert second.run_key != first.run_key


def test_no_sensor_starts_pipelines_when_none_runs_once(shop):
    names = {sensor.name for sensor in shop.definitions.get_repository_def().sensor_defs}

    assert REAPER_SENSOR in names
    assert RUN_ONCE_SENSOR not in names


def test_a_run_whose_process_is_gone_is_closed(shop):
    shop.ledger.executions.start(
        pipeline_id="orders-hourly",
        execution_key="gone",
        run_type=RunType.MANUAL,
        logical_date=datetime(2024, 3, 1, tzinfo=UTC),
        range_start=None,
        range_end=None,
        watermark=None,
        next_watermark=None,
        started_at=datetime(2024, 3, 1, 1, tzinfo=UTC),
        moves_watermark=True,
        dagster_run_id=None,
    )

    said = [tick(shop, REAPER_SENSOR), tick(shop, REAPER_SENSOR)]

    assert said == snapshot(["Closed 1 abandoned run.", "No run was abandoned."])
    assert shop.ledger.executions.latest("orders-hourly").status is RunStatus.FAILED
