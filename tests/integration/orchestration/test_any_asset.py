"""Checks on assets that others make: learned from the event log, judged from the ledger, reported to Dagster."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from observe_dagster import (
    build_alert_sensor,
    build_anomaly_checks,
    build_definitions,
    build_freshness_checks,
    build_timeliness_checks,
    build_watch_sensor,
    observe_resource,
)
from observe_dagster.config import project_from_attributes
from observe_dagster.orchestration.checks.plots import PICTURE_KEY
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import CHECK_STATUS_SENSOR
from observe_dagster.settings import Settings
from tests.fakes.receiver import Receiver
from tests.integration.orchestration.conftest import attributes
from tests.integration.orchestration.watched_location import AT_ONCE, ORDERS, Location, name_of, status


def daily(*keys: Any) -> list[dg.AssetChecksDefinition]:
    return build_freshness_checks(keys or [ORDERS], number=1, datepart="day")


def timely(*keys: Any) -> list[dg.AssetChecksDefinition]:
    return build_timeliness_checks(keys or [ORDERS], number=1, datepart="minute")


def usual_rows(*keys: Any) -> list[dg.AssetChecksDefinition]:
    return build_anomaly_checks(keys or [ORDERS], metric_field="total_rows", minimum_executions=5)


@pytest.fixture
def locate(ledger_url: str, tmp_path: Path) -> Iterator[Callable[..., Location]]:
    """Make code locations on one ledger."""
    made: list[Location] = []

    def make(*checks: list[dg.AssetChecksDefinition], assets: Any = ()) -> Location:
        together = [each for some in checks for each in some]
        made.append(Location(together, ledger_url, tmp_path, assets))
        return made[-1]

    yield make
    for location in made:
        location.observe.close()
        location.instance.dispose()


def test_a_reported_materialization_is_learned_judged_and_reported_once(locate):
    here = locate(daily(), usual_rows(), assets=[dg.AssetSpec(ORDERS)])
    assert here.tick().startswith("Recorded 0 executions. 1 result")

    here.rows(120)
    assert here.tick().startswith("Recorded 1 execution. 2 results")
    assert here.tick().startswith("Recorded 0 executions. 1 result")

    (run,) = here.runs()
    assert (here.loaded(), run.duration_seconds, run.completed_successfully) == ([120], None, True)
    assert [(name_of(each), status(each)) for each in here.evaluations()] == [
        ("dbt/orders:freshness", "pass"),
        ("dbt/orders:anomaly_total_rows", "learning"),
        ("dbt/orders:freshness", "pass"),  # again, for Dagster asks for verdicts on the new materialization
    ]


def test_an_asset_that_was_never_loaded_counts_from_when_it_was_first_observed(locate):
    here = locate(daily())
    here.later = timedelta(hours=-25)
    here.tick()
    here.later = timedelta()
    here.tick()

    assert [status(each) for each in here.evaluations()] == ["pass", "fail"]
    assert "dbt/orders has never been loaded" in (here.evaluations()[-1].description or "")
    here.rows(3)
    here.tick()
    assert [status(each) for each in here.evaluations()] == ["pass", "fail", "pass"]


def test_the_past_is_learned_once_so_that_the_first_new_run_can_be_judged(locate):
    here = locate(daily(), usual_rows())
    here.rows(100, 103, 98, 101, 99, 102, 100)
    assert "Recorded 7 executions" in here.tick()
    assert here.said() == {"dbt/orders:freshness": "pass", "dbt/orders:anomaly_total_rows": "pass"}
    assert len(here.evaluations()) == 2

    here.rows(0)
    here.tick()
    last = [each for each in here.evaluations() if each.check_name == "anomaly_total_rows"][-1]
    assert (status(last), last.passed, last.metadata["observe/value"].value) == ("fail", False, 0)
    assert "data:image/svg+xml;base64," in str(last.metadata[PICTURE_KEY].value)


def test_learning_again_after_the_cursor_was_reset_changes_nothing(locate):
    here = locate(daily(), usual_rows())
    here.rows(100, 103, 98)
    here.tick()
    here.rows(101)
    here.tick()
    before, told = here.runs(), len(here.evaluations())

    here.tick(fresh=True)
    assert (here.runs(), len(here.evaluations())) == (before, told)


def test_an_asset_that_is_added_later_brings_its_past_and_one_that_is_removed_rests(locate):
    customers = dg.AssetKey("customers")
    here = locate(usual_rows())
    here.rows(5, 6, 5, key=customers)
    here.tick()
    here.watch(usual_rows(customers))
    here.tick()

    assert here.loaded("/customers") == [5, 6, 5]
    assert not here.ledger.declared.pipeline("dbt/orders").active
    assert json.loads(here.cursor or "")["known"] == [["customers"]]
    here.watch([*usual_rows(customers), *daily()])
    here.tick()
    assert here.ledger.declared.pipeline("dbt/orders").active


def test_a_removed_check_is_skipped_and_not_reported(locate):
    here = locate(daily())
    here.tick()
    here.watch(daily("customers"))
    here.tick()

    assert here.said() == {"dbt/orders:freshness": "pass", "customers:freshness": "pass"}
    standing = {"/".join(each.asset): each.status for each in here.ledger.checks.statuses()}
    assert standing == {"dbt/orders": "skipped", "customers": "pass"}


def test_unrelated_assets_are_ignored(locate):
    here = locate(daily())
    here.rows(5, key=dg.AssetKey("stranger"))
    here.tick()
    here.rows(5, key=dg.AssetKey("orders"))

    assert "Recorded 0 executions" in here.tick()
    assert [row.pipeline_id for row in here.ledger.declared.pipelines(watched=True)] == ["dbt/orders"]


def test_an_asset_run_by_dagster_brings_its_duration_and_its_numbers(locate):
    @dg.asset
    def orders() -> dg.MaterializeResult:
        numbers = {"dagster/row_count": 7, "bytes_billed": 12.5, "at": dg.MetadataValue.timestamp(1.0), "note": "3"}
        return dg.MaterializeResult(metadata=numbers)

    here = locate(daily(orders), timely(orders), assets=[orders])
    here.tick()
    run = dg.materialize([orders], instance=here.instance)
    here.tick()

    (learned,) = here.runs("/orders")
    assert learned.duration_seconds is not None
    assert 0 < learned.duration_seconds < 30
    assert (here.loaded("/orders"), learned.dagster_run_id) == ([7], run.run_id)
    assert learned.execution_metadata == {"dagster/row_count": 7, "bytes_billed": 12.5}
    assert here.said() == {"orders:freshness": "pass", "orders:timeliness": "pass"}


def test_a_check_in_the_run_of_its_asset_judges_that_run(locate):
    @dg.asset
    def orders() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"dagster/row_count": 7})

    here = locate(daily(orders), timely(orders), usual_rows(orders), assets=[orders])
    result = here.definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=here.instance)

    assert {each.check_name: status(each) for each in result.get_asset_check_evaluations()} == {
        "freshness": "pass",
        "timeliness": "pass",
        "anomaly_total_rows": "learning",
    }
    here.tick()
    assert len(here.runs("/orders")) == 1
    assert len(here.evaluations()) == 3


def test_an_execution_that_took_too_long_fails_and_one_of_unknown_length_is_not_judged(locate):
    here = locate(timely())
    here.rows(1)
    here.tick()
    assert [status(each) for each in here.evaluations()] == ["skipped"]

    here.report(**{"observe/duration_seconds": 90.0})
    here.tick()
    assert [status(each) for each in here.evaluations()] == ["skipped", "fail"]
    assert "took 1 minute 30 seconds; 1 minute is allowed" in (here.evaluations()[-1].description or "")


def test_each_partition_is_an_execution_with_the_rows_of_its_own(locate):
    days = dg.DailyPartitionsDefinition(start_date="2024-03-01", end_date="2024-03-05")

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def visits(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"dagster/row_count": 1000, "dagster/partition_row_count": 10})

    here = locate(daily(visits), usual_rows(visits), assets=[visits])
    here.tick()
    job = here.definitions.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=here.instance, partition_key="2024-03-01")
    tags = {"dagster/asset_partition_range_start": "2024-03-02", "dagster/asset_partition_range_end": "2024-03-03"}
    job.execute_in_process(instance=here.instance, tags=tags)
    here.tick()

    partitions = [(run.execution_metadata or {})["observe/partition"] for run in here.runs("/visits")]
    assert (sorted(partitions), here.loaded("/visits")) == (["2024-03-01", "2024-03-02", "2024-03-03"], [10, 10, 10])


def test_checks_can_be_run_by_hand_before_the_sensor_ever_ran(locate):
    here = locate(daily(), timely(), usual_rows(), assets=[dg.AssetSpec(ORDERS)])
    nothing = here.by_hand("anomaly_total_rows")["anomaly_total_rows"]
    assert (status(nothing), nothing.passed) == ("skipped", True)
    assert "no execution with this metric yet" in (nothing.description or "")

    here.rows(100, 103, 98, 101, 99, 102, 0)
    assert {name: status(each) for name, each in here.by_hand("freshness", "anomaly_total_rows").items()} == {
        "freshness": "pass",
        "anomaly_total_rows": "fail",
    }
    assert here.by_hand("timeliness")["timeliness"].passed
    before = here.ledger.declared.pipeline("dbt/orders")
    assert (before.freshness_number, before.timeliness_number) == (1, 1)

    here.tick()
    assert here.loaded() == [100, 103, 98, 101, 99, 102, 0]


def test_an_asset_that_cannot_be_judged_because_the_ledger_is_gone_is_an_error_and_no_exception(locate, tmp_path):
    here = locate(daily())
    nowhere = Settings(home=tmp_path, defs=tmp_path, database_url="postgresql://nobody:hush-4711@127.0.0.1:1/none")
    here.observe = observe_resource(settings=nowhere, environment={})
    here.watch(daily())

    found = here.by_hand("freshness")["freshness"]
    assert (status(found), found.passed, found.severity) == ("error", False, dg.AssetCheckSeverity.WARN)
    assert "The ledger database" in (found.description or "")
    assert "hush-4711" not in str(found)


def test_numbers_that_no_ledger_can_hold_do_not_stop_the_sensor(locate):
    here = locate(usual_rows())
    here.tick()
    here.report(**{"dagster/row_count": -1})
    here.report(**{"dagster/row_count": 2**70})
    here.report(**{"dagster/row_count": float("nan"), "a\0b": 4, "endless": float("inf")})
    here.report(**{"observe/duration_seconds": 1e300})

    assert "Recorded 4 executions" in here.tick()
    assert here.loaded() == [None] * 4


def test_two_locations_on_one_ledger_leave_one_another_alone(locate):
    here, there = locate(daily()), locate(usual_rows("customers"))
    environment = {"SHOP_URL": "postgresql://shop@db.example/shop", "LAKE_PATH": "lake.duckdb"}
    project = project_from_attributes(
        attributes({}), source="shop.yaml", base_dir=here.settings.home, environment=environment
    )
    declaring = ObserveResource(project, here.settings)
    first = declaring.ledger.declared.pipeline("orders-hourly")
    here.tick()
    there.rows(3, key=dg.AssetKey("customers"))
    there.tick()
    here.tick()
    declaring.close()

    again = declaring.ledger
    assert again.declared.pipeline("orders-hourly") == first
    known = {row.pipeline_id: row.active for row in again.declared.pipelines(watched=True)}
    assert known == {"orders-hourly": True, "dbt/orders": True, "/customers": True}
    assert (here.said(), there.said()) == (
        {"dbt/orders:freshness": "pass"},
        {"customers:anomaly_total_rows": "learning"},
    )
    declaring.close()


def test_a_location_that_declares_pipelines_lends_its_resource(locate):
    here = locate(daily())
    environment = {"SHOP_URL": "postgresql://shop@db.example/shop", "LAKE_PATH": "lake.duckdb"}
    project = project_from_attributes(
        attributes({"freshness_number": 1, "freshness_datepart": "day"}),
        source="shop.yaml",
        base_dir=here.settings.home,
        environment=environment,
    )
    checks = daily()
    together = dg.Definitions.merge(
        build_definitions(project, settings=here.settings),
        dg.Definitions(asset_checks=checks, sensors=[build_watch_sensor(checks)]),
    )
    dg.Definitions.validate_loadable(together)
    sensors = {sensor.name for sensor in together.get_repository_def().sensor_defs}
    assert sensors > {"watched_assets", CHECK_STATUS_SENSOR}


def test_people_hear_of_an_asset_that_fails_its_check_and_once_that_it_is_mended(locate):
    with Receiver() as receiver:
        here = locate(daily())
        alerts = {"channels": [{"id": "team", "url": "{{ env.TEAM_URL }}"}]}
        here.observe.close()
        here.observe = observe_resource(alerts, settings=here.settings, environment={"TEAM_URL": receiver.url()})
        here.observe.clock = lambda: datetime.now(UTC) + here.later
        sensor, cursor = build_alert_sensor(here.observe, settle_time=AT_ONCE), None

        def tell() -> None:
            nonlocal cursor
            resources = {"observe": here.observe}
            with dg.build_sensor_context(instance=here.instance, cursor=cursor, resources=resources) as context:
                cursor = sensor.evaluate_tick(context).cursor

        here.later = timedelta(hours=-25)
        here.tick()
        here.later = timedelta()
        tell()
        here.tick()
        tell()
        tell()
        here.rows(3)
        here.tick()
        tell()

    titles = [message["title"] for message in receiver.messages]
    assert len(titles) == 2
    assert all("dbt/orders" in title for title in titles)
    assert "recovered" in titles[1]


def test_many_assets_are_judged_in_as_many_statements_as_one(locate):
    def statements(count: int) -> int:
        keys: Mapping[int, dg.AssetKey] = {number: dg.AssetKey(f"asset_{count}_{number}") for number in range(count)}
        here = locate(daily(*keys.values()), usual_rows(*keys.values()))
        here.tick()
        sent: list[str] = []
        sa.event.listen(here.ledger.engine, "after_cursor_execute", lambda *facts: sent.append(facts[2]))
        here.tick()
        return len(sent)

    assert statements(12) == statements(1)
