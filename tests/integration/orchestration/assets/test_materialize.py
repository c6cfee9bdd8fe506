"""Materializing an asset runs the sync and says what it did."""

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.records import RunStatus, RunType


def messages(result: dg.ExecuteInProcessResult) -> list[str]:
    """What each failed step says."""
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [failure.user_failure_data.description for failure in failures if failure.user_failure_data]


def test_a_manual_run_moves_the_rows_and_plots_its_numbers(shop):
    shop.order(1, "2024-03-01 09:00Z")
    shop.order(2, "2024-03-01 10:00Z")
    shop.run()
    shop.now = shop.now.replace(minute=20)
    shop.order(2, "2024-03-01 12:15Z", "9.99")
    shop.order(3, "2024-03-01 12:16Z")

    found = shop.metadata(shop.run())

    assert shop.rows("id") == [(1,), (2,), (3,)]
    numbers = {key: value for key, value in found.items() if isinstance(value, int | float)}
    for changing in ("duration_seconds", "throughput_rows_per_second", "bytes", "table_bytes", "execution_id"):
        assert numbers.pop(f"observe/{changing}") >= 0
    assert numbers == snapshot(
        {
            "observe/total_rows": 2,
            "observe/inserts": 1,
            "observe/updates": 1,
            "observe/unchanged": 0,
            "observe/soft_deletes": 0,
            "observe/failed_records": 0,
            "observe/late": 0,
            "dagster/row_count": 3,
        }
    )
    texts = {key: value for key, value in found.items() if isinstance(value, str)}
    assert texts == snapshot(
        {
            "observe/watermark": "2024-03-01T12:20:00.000000Z",
            "observe/range_start": "2024-03-01T12:10:00.000000Z",
            "observe/range_end": "2024-03-01T12:20:00.000000Z",
            "observe/logical_date": "2024-03-01T12:20:00Z",
            "observe/run_type": "manual",
        }
    )


def test_a_materialization_carries_the_schema_and_the_lineage_of_its_columns(shop):
    shop.order(1, "2024-03-01 09:00Z")

    found = shop.metadata(shop.run())

    columns = found["dagster/column_schema"].columns
    assert [(column.name, column.type, column.description) for column in columns] == snapshot(
        [
            ("id", "INTEGER", "From shop.public.orders.id"),
            ("amount", "DECIMAL(10,2)", "From shop.public.orders.amount"),
            ("updated_at", "TIMESTAMP WITH TIME ZONE", "From shop.public.orders.updated_at"),
        ]
    )
    lineage = found["dagster/column_lineage"].deps_by_column
    assert {name: [(dep.asset_key.path, dep.column_name) for dep in deps] for name, deps in lineage.items()} == (
        snapshot(
            {
                "id": [(["shop", "public", "orders"], "id")],
                "amount": [(["shop", "public", "orders"], "amount")],
                "updated_at": [(["shop", "public", "orders"], "updated_at")],
            }
        )
    )


def test_the_ledger_knows_the_run_by_its_dagster_run(shop):
    shop.order(1, "2024-03-01 09:00Z")

    result = shop.run()

    execution = shop.ledger.executions.latest("orders-hourly")
    assert (execution.status, execution.type, execution.dagster_run_id) == (
        RunStatus.SUCCESS,
        RunType.MANUAL,
        result.run_id,
    )
    assert execution.id == shop.metadata(result)["observe/execution_id"]


def test_a_run_is_tagged_with_its_pipeline_connection_and_range(shop):
    shop.order(1, "2024-03-01 09:00Z")

    result = shop.run()

    tags = shop.instance.get_run_by_id(result.run_id).tags
    assert {key: value for key, value in tags.items() if key.startswith("observe/")} == snapshot(
        {
            "observe/connection": "lake",
            "observe/logical_date": "2024-03-01T12:10:00Z",
            "observe/pipeline": "orders-hourly",
            "observe/range_end": "2024-03-01T12:10:00.000000Z",
        }
    )


def test_a_backfill_by_run_config_reads_an_old_range_and_leaves_the_watermark(shop):
    shop.order(1, "2024-03-01 09:00Z")
    shop.run()
    before = shop.ledger.declared.pipeline("orders-hourly").watermark
    shop.order(2, "2024-03-01 09:30Z")

    result = shop.run({"from": "2024-03-01T09:00:00Z", "until": "2024-03-01T10:00:00+00:00"})

    assert shop.rows("id") == [(1,), (2,)]
    assert shop.metadata(result)["observe/run_type"] == "backfill"
    assert shop.ledger.declared.pipeline("orders-hourly").watermark == before


def test_a_full_refresh_reads_everything_again(shop):
    shop.order(1, "2024-03-01 09:00Z")
    shop.run()
    shop.order(2, "2024-03-01 08:00Z")

    result = shop.run({"full_refresh": True})

    assert shop.metadata(result)["observe/total_rows"] == 2
    assert shop.rows("id") == [(1,), (2,)]


@pytest.mark.parametrize("wrong", ["2024-03-01", "yesterday", "2024-03-01T09:00:00"])
def test_a_time_without_a_zone_fails_the_run_with_one_sentence(shop, wrong):
    result = shop.run({"from": wrong})

    assert messages(result) == [f"`from` is {wrong!r}; write a time with its zone, such as 2024-03-01T00:00:00Z."]


def test_a_run_beside_another_one_fails_with_the_documented_message(shop):
    with shop.ledger.executions.lock("orders-hourly") as lock:
        assert lock
        result = shop.run()

    assert not result.success
    assert messages(result) == ["Pipeline orders-hourly is already in progress."]


def test_a_manual_run_with_nothing_to_read_fails_and_a_scheduled_one_does_not(shop):
    shop.declare(
        sync_mode={
            "type": "incremental",
            "iterator_field": "updated_at",
            "iterator_data_type": "timestamptz",
            "from": "2030-01-01T00:00:00Z",
        }
    )

    by_hand, by_schedule = shop.run(), shop.run(tags={"observe/run_type": "scheduled"})

    assert messages(by_hand) == snapshot(
        ["Pipeline orders-hourly has read everything before 2030-01-01T00:00:00.000000Z; nothing is due yet."]
    )
    assert by_schedule.success
    assert by_schedule.asset_materializations_for_node("sync_orders_hourly") == []


def test_a_failing_data_model_fails_the_run_with_the_engine_s_own_words(shop):
    shop.source("DROP TABLE orders")

    result = shop.run()

    assert not result.success
    assert len(messages(result)) == 1
    assert "orders" in messages(result)[0]
    assert shop.ledger.declared.pipeline("orders-hourly").status == "faulted"


def test_no_event_of_any_run_holds_the_password(shop):

    shop.order(1, "2024-03-01 09:00Z")
    assert shop.password in shop.environment["SHOP_URL"]
    runs = [shop.run()]
    shop.source("DROP TABLE orders")
    runs.append(shop.run())

    entries = [str(entry) for run in runs for entry in shop.instance.all_logs(run.run_id)]

    assert len(entries) > 20
    assert not [entry for entry in entries if shop.password in entry]
