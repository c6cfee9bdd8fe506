"""The checks of a pipeline ride on its runs, and can be asked for alone."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.orchestration.translator.keys import RUN_TYPE_TAG, SYNC_JOB, destination_key
from tests.integration.orchestration.conftest import Shop

SCHEDULED = {RUN_TYPE_TAG: "scheduled"}
RULES = [{"metric_field": "total_rows", "minimum_executions": 5}]


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def said(evaluation: dg.AssetCheckEvaluation) -> str:
    return str(evaluation.metadata["observe/status"].value)


def alone(shop: Shop, *names: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run checks as somebody does who asks for them in the UI."""
    job = shop.definitions.resolve_job_def(SYNC_JOB)
    keys = {dg.AssetCheckKey(destination_key(shop.project.pipelines[0]), name) for name in names}
    subset = job.get_subset(asset_selection=set(), asset_check_selection=keys)
    return evaluations(subset.execute_in_process(instance=shop.instance))


def hours(shop: Shop, count: int, rows: int = 100) -> None:
    """Sync hour after hour, each with about so many rows."""
    for hour in range(count):
        shop.now += timedelta(hours=1)
        load(shop, rows + hour % 3)
        shop.run(tags=SCHEDULED)


def load(shop: Shop, rows: int) -> None:
    """Insert rows that the run of this hour reads."""
    first = shop.__dict__.setdefault("last_order", 0) + 1
    shop.__dict__["last_order"] = first + rows - 1
    stamp = (shop.now - timedelta(minutes=40)).isoformat()
    shop.source(f"INSERT INTO orders SELECT n, 1, '{stamp}' FROM generate_series({first}, {first + rows - 1}) AS n")


@pytest.fixture
def watched(shop: Shop) -> Shop:
    shop.declare(
        freshness_number=2,
        freshness_datepart="hour",
        timeliness_number=30,
        timeliness_datepart="minute",
        anomaly_detection_rules=RULES,
    )
    return shop


def test_a_sync_yields_the_verdict_of_each_declared_check(watched: Shop) -> None:
    load(watched, 10)
    found = evaluations(watched.run(tags=SCHEDULED))
    assert {name: (each.passed, said(each)) for name, each in found.items()} == {
        "freshness": (True, "pass"),
        "timeliness": (True, "pass"),
        "anomaly_total_rows": (True, "learning"),
    }
    assert "Learning: 0 of 5 runs" in (found["anomaly_total_rows"].description or "")


def test_a_pipeline_that_expects_nothing_has_no_checks(shop: Shop) -> None:
    assert evaluations(shop.run(tags=SCHEDULED)) == {}


def test_a_run_without_rows_where_there_always_were_some_fails_with_a_picture(watched: Shop) -> None:
    hours(watched, 8)
    watched.now += timedelta(hours=1)
    found = evaluations(watched.run(tags=SCHEDULED))["anomaly_total_rows"]
    assert (found.passed, found.severity, said(found)) == (False, dg.AssetCheckSeverity.ERROR, "fail")
    assert found.metadata["observe/value"].value == 0
    assert "data:image/svg+xml;base64," in str(found.metadata["observe/picture"].value)
    number = watched.observe.ledger.executions.latest_successful_id("orders-hourly")
    assert found.metadata["observe/execution_id"].value == str(number)


def test_a_manual_run_is_not_compared_with_scheduled_ones(watched: Shop) -> None:
    hours(watched, 8)
    load(watched, 1)
    found = evaluations(watched.run())["anomaly_total_rows"]
    assert (found.passed, said(found)) == (True, "skipped")
    assert "Only scheduled runs are compared" in (found.description or "")


def test_a_check_alone_judges_without_syncing(watched: Shop) -> None:
    hours(watched, 1)
    load(watched, 5)
    watched.now += timedelta(hours=3)
    found = alone(watched, "freshness")
    assert set(found) == {"freshness"}
    assert (found["freshness"].passed, said(found["freshness"])) == (False, "fail")
    assert len(watched.rows()) == 100


def test_a_flagged_run_is_left_out_of_the_baseline_until_it_is_unflagged(watched: Shop) -> None:
    hours(watched, 8)
    watched.now += timedelta(hours=1)
    watched.run(tags=SCHEDULED)
    ledger = watched.observe.ledger
    empty = ledger.executions.latest_successful_id("orders-hourly")
    assert empty is not None
    assert ledger.executions.get(empty).anomaly_flags == {"total_rows": True}
    assert ledger.checks.unflag("orders-hourly", empty, ["total_rows"]) == ("total_rows",)
    found = alone(watched, "anomaly_total_rows")["anomaly_total_rows"]
    assert (found.passed, said(found)) == (True, "pass")


def test_a_sync_is_verified_against_its_source(shop: Shop) -> None:
    shop.declare(verify="diff")
    load(shop, 20)
    found = evaluations(shop.run(tags=SCHEDULED))["verify_diff"]
    assert (found.passed, said(found), found.description) == (True, "pass", "No row differs.")


def test_verdicts_of_a_run_are_kept_in_the_ledger(watched: Shop) -> None:
    hours(watched, 1)
    standing = watched.observe.ledger.checks.statuses()
    assert {(check.check_name, check.status.value) for check in standing} == {
        ("freshness", "pass"),
        ("timeliness", "pass"),
        ("anomaly_total_rows", "learning"),
    }


def test_times_are_those_of_the_run(watched: Shop) -> None:
    watched.now = datetime(2024, 3, 1, 14, 10, tzinfo=UTC)
    hours(watched, 1)
    history = watched.observe.ledger.checks.history(("lake", "analytics", "orders"), "freshness")
    assert [verdict.evaluated_at.hour for verdict in history] == [15]


def test_the_weekly_job_deletes_what_is_older_than_is_kept(watched: Shop) -> None:
    hours(watched, 1)
    watched.now += timedelta(days=366)
    hours(watched, 1)
    result = watched.definitions.resolve_job_def("prune_ledger").execute_in_process(instance=watched.instance)
    (deleted,) = [event.step_output_data.metadata for event in result.all_events if event.is_successful_output]
    counts = {name: value.value for name, value in deleted.items() if value.value}
    assert counts.pop("observe/query_logs") > 1
    assert counts == snapshot(
        {
            "observe/pipeline_executions": 1,
            "observe/pipeline_execution_closure_parent": 1,
            "observe/check_results": 3,
        }
    )
    assert [each.start_date.year for each in watched.observe.ledger.executions.page("orders-hourly").items] == [2025]
    (schedule,) = [
        schedule
        for schedule in watched.definitions.get_repository_def().schedule_defs
        if schedule.job_name == "prune_ledger"
    ]
    assert (schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value) == (
        "0 3 * * 0",
        "UTC",
        "RUNNING",
    )
