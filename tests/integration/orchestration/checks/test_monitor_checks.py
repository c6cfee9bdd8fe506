"""Monitors as asset checks: judged through Dagster, remembered in the ledger, run when they say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from inline_snapshot import snapshot

from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.checks.monitors import check_keys_of_syncs
from observe_dagster.orchestration.translator.keys import MONITORS_JOB, SYNC_JOB
from observe_dagster.orchestration.translator.specs import TableKeys
from tests.integration.orchestration.conftest import Shop, attributes

ORDERS = dg.AssetKey(["lake", "analytics", "orders"])
BY_HAND = {"type": "none"}
ROW_COUNT = {"type": "metric", "schedule": BY_HAND, "metric": {"type": "table", "metric": "row_count"}}
CHANGE = {**ROW_COUNT, "alert": {"type": "percentage", "increase": 50, "decrease": 50}}
NO_FREE_ORDERS = {
    "type": "test",
    "schedule": BY_HAND,
    "query": "SELECT id, amount FROM analytics.orders WHERE amount = 0",
}
SAME_AS_SOURCE = {
    "type": "diff",
    "schedule": BY_HAND,
    "datadiff": {
        "diff_type": "inmem",
        "primary_key": ["id"],
        "dataset_a": {"connection_id": "shop", "table": "public.orders"},
        "dataset_b": {"connection_id": "lake", "table": "analytics.orders"},
        "include_columns": ["amount"],
    },
}


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk: a schedule's tick opens its own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def monitored(shop: Shop, **monitors: dict[str, Any]) -> Shop:
    """The shop with three orders in its lake and monitors beside its pipeline."""
    for number in range(1, 4):
        shop.order(number, f"2024-03-01 0{number}:30Z")
    declare(shop, **monitors)
    assert sync(shop).success
    return shop


def declare(shop: Shop, **monitors: dict[str, Any]) -> None:
    placed = {name: {"connection_id": "lake", **monitor} for name, monitor in monitors.items()}
    for monitor in placed.values():
        if "metric" in monitor and monitor["metric"]["type"] == "table":
            monitor["metric"] = {"table": "analytics.orders", **monitor["metric"]}
        if monitor["type"] == "diff":
            del monitor["connection_id"]
    shop.declare(beside={"monitors": placed})


def sync(shop: Shop, *others: dg.AssetKey) -> dg.ExecuteInProcessResult:
    """What the pipeline's schedule requests, and assets downstream."""
    checks = check_keys_of_syncs(shop.project, TableKeys(shop.project))["orders-hourly"]
    job = shop.definitions.resolve_job_def(SYNC_JOB)
    subset = job.get_subset(asset_selection={shop.key, *others}, asset_check_selection=set(checks))
    return subset.execute_in_process(instance=shop.instance, raise_on_error=False)


def judge(shop: Shop, name: str, asset: dg.AssetKey = ORDERS) -> dg.AssetCheckEvaluation:
    """Run a monitor as its schedule does, or somebody by hand."""
    job = shop.definitions.resolve_job_def(MONITORS_JOB)
    subset = job.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(asset, name)})
    (found,) = subset.execute_in_process(instance=shop.instance).get_asset_check_evaluations()
    return found


def said(found: dg.AssetCheckEvaluation) -> tuple[bool, str, str | None]:
    return found.passed, str(found.metadata["observe/status"].value), found.description


def table(found: dg.AssetCheckEvaluation, key: str) -> list[dict[str, Any]]:
    metadata = found.metadata[key]
    assert isinstance(metadata, dg.TableMetadataValue)
    return [dict(record.data) for record in metadata.records]


def ticks(shop: Shop, name: str) -> list[dg.RunRequest]:
    schedule = shop.definitions.get_repository_def().get_schedule_def(name)
    with dg.build_schedule_context(instance=shop.instance, scheduled_execution_time=shop.now) as context:
        return list(schedule.evaluate_tick(context).run_requests or ())


def test_a_metric_remembers_what_it_was_the_last_time(shop: Shop) -> None:
    monitored(shop, rows=CHANGE)
    first = judge(shop, "rows")
    shop.order(4, "2024-03-01 12:30Z")
    shop.source("INSERT INTO orders SELECT n, 1, '2024-03-01 12:30Z' FROM generate_series(5, 9) AS n")
    shop.now = shop.now.replace(hour=13)
    sync(shop)
    second = judge(shop, "rows")
    assert [said(first), said(second)] == snapshot(
        [
            (True, "learning", "Learning: there is no earlier row_count of analytics.orders to compare 3 with."),
            (False, "fail", "Row_count of analytics.orders is 9, +200.0% from 3; it must be between 1.5 and 4.5."),
        ]
    )
    assert second.metadata["observe/value"].value == 9
    (kept, _) = shop.ledger.checks.history(("lake", "analytics", "orders"), "rows")
    assert (kept.status.value, kept.value, kept.pipeline_id) == ("fail", 9.0, "orders-hourly")


def test_a_schema_is_learned_and_then_compared(shop: Shop) -> None:
    monitored(shop, columns={"type": "schema", "schedule": BY_HAND, "table": "analytics.orders"})
    first = judge(shop, "columns")
    with duckdb.connect(shop.lake) as lake:
        lake.execute("ALTER TABLE analytics.orders ADD COLUMN note varchar")
    shop.now = shop.now.replace(hour=13)
    assert [said(first)[1], *said(judge(shop, "columns"))[1:]] == snapshot(
        ["learning", "fail", "The columns of analytics.orders changed: note (VARCHAR) was added."]
    )


def test_rows_that_fail_a_test_are_shown_as_a_table(shop: Shop) -> None:
    monitored(shop, paid=NO_FREE_ORDERS)
    assert said(judge(shop, "paid", dg.AssetKey(["lake", "analytics", "orders"])))[1] == "pass"
    shop.order(9, "2024-03-01 12:30Z", amount="0")
    shop.now = shop.now.replace(hour=13)
    sync(shop)
    found = judge(shop, "paid")
    assert said(found) == snapshot((False, "fail", "1 row fails paid."))
    assert table(found, "observe/rows") == [{"id": "9", "amount": "0.00"}]


def test_rows_that_differ_are_shown_as_a_table(shop: Shop) -> None:
    monitored(shop, same=SAME_AS_SOURCE)
    assert said(judge(shop, "same"))[1] == "pass"
    shop.source("UPDATE orders SET amount = 7 WHERE id = 2")
    shop.source("DELETE FROM orders WHERE id = 3")
    found = judge(shop, "same")
    assert said(found) == snapshot((False, "fail", "2 of 3 rows differ (66.7 %): 1 only in b, 1 changed; none may."))
    assert table(found, "observe/rows") == snapshot(
        [
            {"id": "2", "difference": "changed", "amount (a)": "7", "amount (b)": "1.5"},
            {"id": "3", "difference": "only in b", "amount (a)": "", "amount (b)": "1.5"},
        ]
    )


def test_a_monitor_that_warns_fails_without_an_error(shop: Shop) -> None:
    monitored(shop, same={**SAME_AS_SOURCE, "severity": "warn", "blocking": True, "after_sync": True})
    shop.source("DELETE FROM orders")
    found = judge(shop, "same")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_warehouse_that_cannot_be_read_is_no_failed_run(shop: Shop) -> None:
    monitored(shop, gone={**NO_FREE_ORDERS, "query": "SELECT 1 FROM analytics.gone"})
    (key,) = [key for key in shop.definitions.resolve_asset_graph().asset_check_keys if key.name == "gone"]
    found = judge(shop, "gone", key.asset_key)
    assert (found.passed, found.severity, said(found)[1]) == (False, dg.AssetCheckSeverity.WARN, "error")


def test_schedules_are_as_declared(shop: Shop) -> None:
    declare(
        shop,
        hourly={**ROW_COUNT, "schedule": {"interval": {"every": "hour"}}},
        daily={**ROW_COUNT, "schedule": {"interval": {"every": "day", "utc_at": "06:30"}}},
        weekly={**ROW_COUNT, "schedule": {"cron": "0 4 * * 1"}, "enabled": False},
        never=ROW_COUNT,
    )
    found = {
        schedule.name: (schedule.cron_schedule, schedule.execution_timezone, schedule.default_status.value)
        for schedule in shop.definitions.get_repository_def().schedule_defs
        if schedule.name.startswith("monitor")
    }
    assert found == snapshot(
        {
            "monitor_daily_schedule": ("30 6 * * *", "UTC", "RUNNING"),
            "monitor_hourly_schedule": ("0 * * * *", "UTC", "RUNNING"),
            "monitor_weekly_schedule": ("0 4 * * 1", "UTC", "STOPPED"),
        }
    )
    (request,) = ticks(shop, "monitor_hourly_schedule")
    assert request.asset_check_keys == [dg.AssetCheckKey(ORDERS, "hourly")]
    assert request.run_key == "hourly/2024-03-01T12:10:00+00:00"


def test_a_disabled_monitor_is_skipped_by_hand(shop: Shop) -> None:
    monitored(shop, rows={**ROW_COUNT, "enabled": False, "after_sync": True})
    assert said(judge(shop, "rows")) == (True, "skipped", "The monitor rows is not enabled.")


def test_only_monitors_that_say_so_run_after_a_sync(shop: Shop, on_disk: dg.DagsterInstance) -> None:
    monitored(
        shop,
        now=ROW_COUNT | {"after_sync": True},
        later=ROW_COUNT,
        off=ROW_COUNT | {"after_sync": True, "enabled": False},
    )
    shop.now = shop.now.replace(hour=13)
    shop.instance = on_disk
    requests = shop.tick()
    assert isinstance(requests, list)
    (request,) = requests
    assert [key.name for key in request.asset_check_keys or ()] == ["now"]
    result = sync(shop)
    assert [each.check_name for each in result.get_asset_check_evaluations()] == ["now"]


@pytest.mark.parametrize("blocking", [True, False])
def test_a_blocking_monitor_stops_what_is_downstream(shop: Shop, blocking: bool) -> None:
    beside = attributes({})
    copy = {
        **beside["pipelines"][0],
        "id": "copy",
        "name": "Copy",
        "connection_id": "lake",
        "data_model_id": "copy",
        "destination": {"connection_id": "lake", "schema": "analytics", "table": "copied", "primary_key": ["id"]},
        "sync_mode": {"type": "full"},
        "schedule": {"type": "on_demand"},
    }
    monitor = {**NO_FREE_ORDERS, "connection_id": "lake", "after_sync": True, "blocking": blocking}
    pipeline = {**beside["pipelines"][0], "monitors": {"paid": monitor}}
    models = [
        *beside["data_models"],
        {"id": "copy", "name": "Copy", "config": {"sql_query": "SELECT * FROM analytics.orders"}},
    ]
    shop.declare(beside={"pipelines": [pipeline, copy], "data_models": models})
    shop.order(1, "2024-03-01 10:30Z", amount="0")
    result = sync(shop, dg.AssetKey(["lake", "analytics", "copied"]))
    assert result.success is not blocking
    with duckdb.connect(shop.lake, read_only=True) as lake:
        names = {name for (name,) in lake.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert ("copied" in names) is not blocking


def test_a_monitor_may_watch_a_source_or_a_query_of_no_pipeline(shop: Shop) -> None:
    shop.source("CREATE TABLE stock (id int)")
    stock = {"type": "table", "table": "public.stock", "metric": "row_count"}
    shop.declare(
        beside={
            "monitors": {
                "source": {**ROW_COUNT, "connection_id": "shop", "metric": {**stock, "table": "public.orders"}},
                "stock": {**ROW_COUNT, "connection_id": "shop", "metric": stock},
                "one": {**ROW_COUNT, "connection_id": "shop", "metric": {"type": "custom", "query": "SELECT 1 AS n"}},
            }
        }
    )
    dg.Definitions.validate_loadable(shop.definitions)
    found = {
        name: said(judge(shop, name, dg.AssetKey(asset)))[2]
        for name, asset in {
            "source": ["shop", "public", "orders"],
            "stock": ["shop", "public", "stock"],
            "one": ["shop", "one"],
        }.items()
    }
    assert found == snapshot(
        {
            "source": "Row_count of public.orders is 0; the monitor has no alert, so the value is only recorded.",
            "stock": "Row_count of public.stock is 0; the monitor has no alert, so the value is only recorded.",
            "one": "Value of one is 1; the monitor has no alert, so the value is only recorded.",
        }
    )


def test_names_that_only_dagster_would_mix_up_stay_apart(shop: Shop) -> None:
    declare(
        shop,
        **{"sync": ROW_COUNT, "monitors": ROW_COUNT, "orders_hourly": ROW_COUNT, "orders-hourly-schedule": ROW_COUNT},
    )
    dg.Definitions.validate_loadable(shop.definitions)
    shop.ledger.declared.pipelines()
    assert {key.name for key in shop.definitions.resolve_asset_graph().asset_check_keys} == {
        "sync",
        "monitors",
        "orders_hourly",
        "orders_hourly_schedule",
    }


def test_scoped_builds_have_jobs_and_schedules_of_their_own(shop: Shop) -> None:
    declare(shop, rows={**ROW_COUNT, "schedule": {"interval": {"every": "hour"}}})
    one = build_definitions(shop.project, observe=shop.observe, scope="crm")
    names = {job.name for job in one.get_repository_def().get_all_jobs() if not job.name.startswith("__")}
    assert names - {"prune_ledger"} == {"warehouse_sync_crm", "warehouse_monitors_crm"}
    schedules = {schedule.name for schedule in one.get_repository_def().schedule_defs}
    assert schedules - {"prune_ledger_weekly"} == {"orders_hourly_schedule", "warehouse_monitor_crm_rows_schedule"}
