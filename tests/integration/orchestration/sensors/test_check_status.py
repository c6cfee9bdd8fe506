"""The sensor that keeps verdicts true between runs: what it reports to Dagster, and when."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from inline_snapshot import snapshot

from observe_dagster.orchestration.checks.kinds import check_keys
from observe_dagster.orchestration.checks.status import judge_and_report
from observe_dagster.orchestration.translator.keys import CHECK_STATUS_SENSOR, RUN_TYPE_TAG, SYNC_JOB, destination_key
from observe_dagster.records import Counts, RunType
from tests.integration.orchestration.conftest import Shop

HOUR = timedelta(hours=1)
FRESH = {"freshness_number": 2, "freshness_datepart": "hour"}
TIMELY = {"timeliness_number": 30, "timeliness_datepart": "minute"}
RULES = {"anomaly_detection_rules": [{"metric_field": "total_rows", "minimum_executions": 5}]}
ON_DEMAND = {"schedule": {"type": "on_demand"}}
SCHEDULED = {RUN_TYPE_TAG: "scheduled"}


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: a sensor's tick, and a second thread, open their own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def tick(shop: Shop, *, seconds: float = 60.0, loaded: Sequence[tuple[str, ...]] = ()) -> str:
    """What one tick of the sensor does: its sentence."""
    checks = {(tuple(key.asset_key.path), key.name) for key in check_keys(shop.project.pipelines[0], shop.project)}
    deadline = time.monotonic() + seconds
    return judge_and_report(shop.instance, shop.observe, ["orders-hourly"], checks, deadline=deadline, loaded=loaded)


def history(shop: Shop, name: str) -> list[AssetCheckExecutionRecord]:
    """What Dagster has of a check, the newest first."""
    key = dg.AssetCheckKey(destination_key(shop.project.pipelines[0]), name)
    return list(shop.instance.event_log_storage.get_asset_check_execution_history(key, limit=50))


def evaluation(record: AssetCheckExecutionRecord) -> dg.AssetCheckEvaluation:
    assert record.event is not None
    found = record.event.asset_check_evaluation
    assert found is not None
    return found


def told(shop: Shop, name: str) -> list[str]:
    """What was told of a check, the newest first."""
    records = [record for record in history(shop, name) if record.status is not AssetCheckExecutionRecordStatus.PLANNED]
    return [str(evaluation(record).metadata["observe/status"].value) for record in records]


def execute(shop: Shop, started: datetime, *, rows: int | None = None, key: str | None = None) -> str:
    """A run in the ledger that Dagster knows nothing of; it ends a minute later if it says how many rows it read."""
    key = key or started.isoformat()
    shop.ledger.executions.start(
        pipeline_id="orders-hourly",
        execution_key=key,
        run_type=RunType.SCHEDULED,
        logical_date=started.replace(minute=0) - HOUR,
        range_start=None,
        range_end=None,
        watermark=None,
        next_watermark=None,
        started_at=started,
        moves_watermark=True,
        dagster_run_id=None,
    )
    if rows is not None:
        ended = started + timedelta(minutes=1)
        shop.ledger.executions.succeed(
            key, ended_at=ended, counts=Counts(total_rows=rows, inserts=rows), watermark=None
        )
    return key


def test_the_sensor_judges_by_itself(shop: Shop, on_disk: dg.DagsterInstance) -> None:
    shop.instance = on_disk
    shop.declare(**FRESH)
    shop.ledger.declared.pipelines()
    shop.now += 3 * HOUR
    repository = shop.definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=on_disk, resources={"observe": shop.observe}, repository_def=repository
    ) as context:
        data = repository.get_sensor_def(CHECK_STATUS_SENSOR).evaluate_tick(context)
    assert (data.skip_message, told(shop, "freshness")) == ("1 result (1 failing); 1 reported.", ["fail"])


def test_a_table_that_becomes_stale_without_any_run_is_told_once_and_so_is_its_recovery(shop: Shop) -> None:
    shop.declare(**FRESH, **ON_DEMAND)
    execute(shop, shop.now, rows=10)
    said = [tick(shop)]
    shop.now += 3 * HOUR
    said += [tick(shop), tick(shop)]
    shop.now += timedelta(minutes=1)
    execute(shop, shop.now - timedelta(minutes=1), rows=10)
    said += [tick(shop), tick(shop)]
    assert told(shop, "freshness") == ["pass", "fail", "pass"]
    assert said == snapshot(
        [
            "1 result (1 passing); 1 reported.",
            "1 result (1 failing); 1 reported.",
            "1 result (1 failing); 0 reported.",
            "1 result (1 passing); 1 reported.",
            "1 result (1 passing); 0 reported.",
        ]
    )
    late = evaluation(history(shop, "freshness")[1])
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert late.description == snapshot(
        "Orders, hourly was last loaded 2 hours 59 minutes ago, by the insert at 2024-03-01 12:11:00 UTC; "
        "2 hours are allowed, so it is late since 2024-03-01 14:11:00 UTC."
    )


def test_a_verdict_that_stays_the_same_is_told_again_after_a_day(shop: Shop) -> None:
    shop.declare(**{**FRESH, "freshness_datepart": "month"}, **ON_DEMAND)
    execute(shop, shop.now, rows=10)
    for hours in (0, 23, 1, 23, 1):
        shop.now += hours * HOUR
        tick(shop)
    assert told(shop, "freshness") == ["pass", "pass", "pass"]


def test_a_run_that_goes_on_for_too_long_is_late_while_it_runs(shop: Shop) -> None:
    shop.declare(**TIMELY, **ON_DEMAND)
    execute(shop, shop.now)
    tick(shop)
    shop.now += timedelta(minutes=31)
    tick(shop)
    tick(shop)
    assert told(shop, "timeliness") == ["fail", "pass"]
    late = evaluation(history(shop, "timeliness")[0])
    assert late.description == snapshot(
        "The run of Orders, hourly that started at 2024-03-01 12:10:00 UTC has been running for 31 minutes; "
        "30 minutes are allowed, so it is late since 2024-03-01 12:40:00 UTC."
    )
    assert late.metadata["observe/value_seconds"].value == 31 * 60


def test_a_run_that_never_started_is_late(shop: Shop) -> None:
    shop.declare(**TIMELY)
    shop.ledger.declared.pipelines()
    tick(shop)
    shop.now += timedelta(hours=1, minutes=25)
    tick(shop)
    assert told(shop, "timeliness") == ["fail", "pass"]
    assert evaluation(history(shop, "timeliness")[0]).description == snapshot(
        "A run of Orders, hourly has been due for 35 minutes, since 2024-03-01 13:00:00 UTC, and has not started; "
        "30 minutes are allowed, so it is late since 2024-03-01 13:30:00 UTC."
    )


def test_a_run_that_nobody_judged_gets_its_anomaly_verdict_with_its_picture(shop: Shop) -> None:
    shop.declare(**RULES)
    shop.ledger.declared.pipelines()
    for hour in range(8):
        execute(shop, shop.now + hour * HOUR, rows=100 + hour % 3)
    shop.now += 8 * HOUR
    execute(shop, shop.now, rows=0)
    shop.now += timedelta(minutes=2)
    tick(shop)
    tick(shop)
    assert told(shop, "anomaly_total_rows") == ["fail", *["pass"] * 3, *["learning"] * 5]
    found = evaluation(history(shop, "anomaly_total_rows")[0])
    assert "data:image/svg+xml;base64," in str(found.metadata["observe/picture"].value)
    latest = shop.ledger.executions.latest("orders-hourly")
    assert latest is not None
    assert latest.anomaly_flags == {"total_rows": True}


def test_what_the_time_does_not_allow_waits_and_is_not_lost(shop: Shop) -> None:
    shop.declare(**FRESH, **RULES)
    execute(shop, shop.now, rows=100)
    said = [tick(shop, seconds=-1), tick(shop)]
    assert said == snapshot(
        [
            "2 results (1 learning, 1 passing); 0 reported, 2 left for the next tick.",
            "2 results (1 learning, 1 passing); 2 reported.",
        ]
    )
    assert told(shop, "freshness") == ["pass"]
    assert told(shop, "anomaly_total_rows") == ["learning"]


def test_two_sensors_at_once_do_no_harm(shop: Shop, on_disk: dg.DagsterInstance) -> None:
    shop.instance = on_disk
    shop.declare(**FRESH, **TIMELY, **RULES)
    execute(shop, shop.now, rows=100)
    both = threading.Barrier(2)
    said: list[str] = []

    def run() -> None:
        both.wait()
        said.append(tick(shop))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 2
    assert len(shop.ledger.checks.statuses()) == 3
    history_ = shop.ledger.checks.history(("lake", "analytics", "orders"), "anomaly_total_rows")
    assert [verdict.status.value for verdict in history_] == ["learning"]
    assert set(told(shop, "freshness")) == {"pass"}
    before = len(history(shop, "freshness"))
    tick(shop)
    assert len(history(shop, "freshness")) == before


def test_a_check_that_a_failed_run_never_came_to_says_again_how_it_stands(shop: Shop) -> None:
    shop.declare(**FRESH, **RULES)
    shop.order(1, "2024-03-01 11:30Z")
    assert shop.run(tags=SCHEDULED).success
    tick(shop)
    shop.source("ALTER TABLE orders RENAME TO hidden")
    shop.now += HOUR
    assert not shop.run(tags=SCHEDULED).success
    assert history(shop, "freshness")[0].status is AssetCheckExecutionRecordStatus.PLANNED
    tick(shop)
    tick(shop)
    names = ("freshness", "anomaly_total_rows")
    assert [[record.status.value for record in history(shop, name)] for name in names] == [
        ["SUCCEEDED", "PLANNED", "SUCCEEDED"],
        ["SUCCEEDED", "PLANNED", "SUCCEEDED"],
    ]
    assert [str(evaluation(history(shop, name)[0]).metadata["observe/status"].value) for name in names] == [
        "pass",
        "learning",
    ]


def test_checks_of_an_asset_that_was_loaded_without_them_are_told_once_more(shop: Shop) -> None:
    shop.declare(**FRESH, **RULES)
    execute(shop, shop.now, rows=100)
    tick(shop)
    assert tick(shop, loaded=[("lake", "analytics", "orders")]) == ("1 result (1 passing); 2 reported.")
    assert (told(shop, "freshness"), told(shop, "anomaly_total_rows")) == (["pass"] * 2, ["learning"] * 2)


def test_the_verdict_of_a_run_is_shown_although_the_sensor_told_another_one_meanwhile(shop: Shop) -> None:
    shop.declare(**FRESH, **ON_DEMAND)
    shop.order(1, "2024-03-01 12:30Z")
    shop.ledger.declared.pipelines()
    shop.now += 3 * HOUR
    job = shop.definitions.resolve_job_def(SYNC_JOB)
    run = shop.instance.create_run_for_job(job, asset_selection=frozenset({shop.key}))
    tick(shop)
    assert told(shop, "freshness") == ["fail"]
    execute_run(InMemoryJob(job), run, shop.instance)
    assert [record.run_id or "told" for record in history(shop, "freshness")] == ["told", "told", run.run_id]
    assert told(shop, "freshness") == ["pass", "fail", "pass"]


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"schedule": {"type": "interval", "frequency": "hourly", "start": "2024-03-01T08:00:00Z", "partitioned": True}},
    ],
)
def test_every_check_can_be_run_by_hand(shop: Shop, schedule: dict[str, Any]) -> None:
    shop.declare(**FRESH, **TIMELY, **RULES, verify="diff", **schedule)
    shop.ledger.declared.pipelines()
    shop.now += 3 * HOUR
    job = shop.definitions.resolve_job_def(SYNC_JOB)
    for key in check_keys(shop.project.pipelines[0], shop.project):
        result = job.get_subset(asset_check_selection={key}, asset_selection=set()).execute_in_process(
            instance=shop.instance
        )
        (found,) = result.get_asset_check_evaluations()
        assert found.check_name == key.name
        assert result.asset_materializations_for_node("sync_orders_hourly") == []
    assert {name: told(shop, name)[0] for name in ("freshness", "timeliness", "anomaly_total_rows", "verify_diff")} == {
        "freshness": "fail",
        "timeliness": "fail",
        "anomaly_total_rows": "skipped",
        "verify_diff": "skipped",
    }


@pytest.mark.parametrize("how", ["paused", "muted"])
def test_what_is_not_judged_is_skipped_and_says_why(shop: Shop, how: str) -> None:
    muted = {"mute_freshness_check": True, "mute_timeliness_check": True} if how == "muted" else {}
    shop.declare(**FRESH, **TIMELY, **muted)
    if how == "paused":
        shop.ledger.declared.pause("orders-hourly")
    shop.now += 9 * HOUR
    tick(shop)
    found = [evaluation(history(shop, name)[0]) for name in ("freshness", "timeliness")]
    assert [(each.passed, each.metadata["observe/status"].value) for each in found] == [(True, "skipped")] * 2
    assert all(how in (each.description or "") for each in found)


def test_what_a_pipeline_type_expects_is_a_check_of_its_pipelines(shop: Shop) -> None:
    types = [{"name": "hourly", **FRESH, "mute_timeliness_check": True, **TIMELY}]
    shop.declare(beside={"pipeline_types": types}, pipeline_type_name="hourly")
    shop.ledger.declared.pipelines()
    shop.now += 9 * HOUR
    tick(shop)
    assert {name: told(shop, name) for name in ("freshness", "timeliness")} == {
        "freshness": ["fail"],
        "timeliness": ["skipped"],
    }
