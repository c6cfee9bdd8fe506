"""Monitors at Datafold that run after materializations of any asset: started in one tick, looked at in later ones."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage

from observe_dagster import build_datafold_checks, build_datafold_sensor, observe_resource
from observe_dagster.errors import SpecError
from observe_dagster.settings import Settings
from tests.fakes.datafold import FakeDatafold

ORDERS = dg.AssetKey(["dbt", "orders"])


@dg.asset(key=ORDERS)
def orders() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


class Location:
    """Somebody's code location with monitors at Datafold."""

    def __init__(self, api: FakeDatafold, ledger_url: str, folder: Path) -> None:
        self.api = api
        for number in (501, 502):
            api.monitors[number] = {"name": str(number)}
        self.observe = observe_resource(
            settings=Settings(home=folder, defs=folder, database_url=ledger_url), environment={}
        )
        self.later = timedelta()
        self.observe.clock = lambda: datetime.now(UTC) + self.later
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        checks = build_datafold_checks([orders], monitor_ids=[501, 502])
        self.sensor = build_datafold_sensor(checks, settle_time=timedelta())
        self.definitions = dg.Definitions(
            assets=[orders], asset_checks=checks, sensors=[self.sensor], resources={"observe": self.observe}
        )

    def tick(self) -> str:
        resources = {"observe": self.observe}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        assert data.skip_message is not None
        return data.skip_message

    def loaded(self) -> None:
        self.instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))

    @property
    def verdicts(self) -> list[tuple[str, str]]:
        wanted = dg.EventRecordsFilter(event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        records = SqlEventLogStorage.get_event_records(self.instance.event_log_storage, wanted, ascending=True)
        found: list[Any] = [record.event_log_entry.asset_check_evaluation for record in records]
        return [(each.check_name, str(each.metadata["observe/status"].value)) for each in found]


@pytest.fixture
def here(ledger_url, tmp_path, monkeypatch) -> Iterator[Location]:
    with FakeDatafold() as api:
        for name, value in api.environment.items():
            monkeypatch.setenv(name, value)
        location = Location(api, ledger_url, tmp_path)
        location.tick()
        yield location
        location.observe.close()
        location.instance.dispose()


def test_a_monitor_is_started_in_one_tick_and_its_verdict_comes_in_a_later_one(here):
    here.api.run_states = ["queued", "checking", "alert"]
    here.loaded()

    said = [here.tick() for _ in range(4)]

    assert said == [
        "2 started, 0 reported, 2 running.",
        "0 started, 0 reported, 2 running.",
        "0 started, 0 reported, 2 running.",
        "0 started, 2 reported, 0 running.",
    ]
    assert here.verdicts == [("datafold_501", "fail"), ("datafold_502", "fail")]
    assert here.api.sent("POST") == ["/api/v1/monitors/501/run", "/api/v1/monitors/502/run"]
    standing = {each.check_name: str(each.status) for each in here.observe.ledger.checks.statuses()}
    assert standing == {"datafold_501": "fail", "datafold_502": "fail"}


def test_loads_while_a_monitor_runs_let_it_run_once_more(here):
    here.api.run_states = ["queued", "ok"]
    here.loaded()
    here.tick()
    here.loaded()
    here.loaded()
    for _ in range(5):
        here.tick()

    assert len(here.api.runs) == 4
    assert [status for _, status in here.verdicts] == ["pass"] * 4


def test_a_restart_in_between_forgets_nothing_and_a_failing_service_is_asked_again(here):
    here.loaded()
    here.api.failures = ["reset", 503, 503]
    first = here.tick()
    here.api.failures = []
    for _ in range(5):
        here.tick()

    assert "0 started" in first
    assert "2 to start." in first
    assert "Datafold could not be reached" in first
    assert sorted(here.verdicts) == [("datafold_501", "pass"), ("datafold_502", "pass")]


def test_a_wrong_key_lets_everything_wait(here, monkeypatch):
    here.loaded()
    monkeypatch.setenv("DATAFOLD_API_KEY", "wrong-key-991")
    said = here.tick()
    monkeypatch.setenv("DATAFOLD_API_KEY", here.api.key)
    here.tick()

    assert "2 to start." in said
    assert "wrong-key-991" not in said
    assert len(here.api.runs) == 2


def test_a_monitor_that_the_key_may_not_run_holds_no_other_back(here):
    here.loaded()
    here.api.failures = [403]
    for _ in range(5):
        here.tick()

    assert here.verdicts == [("datafold_501", "error"), ("datafold_502", "pass")]


def test_what_datafold_does_not_know_is_said_once(here):
    del here.api.monitors[502]
    here.api.run_states = ["skipped"]
    here.loaded()
    for _ in range(3):
        here.tick()

    assert here.verdicts == [("datafold_502", "error"), ("datafold_501", "skipped")]


def test_a_run_without_an_end_is_given_up_after_half_an_hour(here):
    here.api.run_states = ["checking"]
    here.loaded()
    here.tick()
    here.later = timedelta(minutes=31)
    here.tick()

    assert here.verdicts == [("datafold_501", "error"), ("datafold_502", "error")]
    assert here.tick() == "0 started, 0 reported, 0 running."


def test_a_run_that_has_the_checks_itself_is_left_alone(here):
    here.api.run_states = ["ok"]
    job = here.definitions.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(instance=here.instance)

    assert {each.check_name: each.passed for each in result.get_asset_check_evaluations()} == {
        "datafold_501": True,
        "datafold_502": True,
    }
    assert here.tick() == "0 started, 0 reported, 0 running."
    assert len(here.api.runs) == 2


def test_a_run_of_the_asset_alone_is_followed(here):
    job = here.definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={ORDERS}, asset_check_selection=set()
    )
    job.execute_in_process(instance=here.instance)

    assert here.tick() == "2 started, 0 reported, 2 running."


def test_without_a_key_nothing_happens_and_nothing_is_lost(here, monkeypatch):
    monkeypatch.delenv("DATAFOLD_API_KEY")
    here.loaded()
    off = here.tick()
    monkeypatch.setenv("DATAFOLD_API_KEY", here.api.key)

    assert off == "Datafold is off: DATAFOLD_API_KEY is not set."
    assert here.tick() == "2 started, 0 reported, 2 running."


@pytest.mark.parametrize("wrong", [["501"], [True], 501])
def test_monitors_are_named_by_their_numbers(wrong):
    with pytest.raises(SpecError, match="must be the numbers of monitors"):
        build_datafold_checks([orders], monitor_ids=wrong)


def test_another_check_is_no_monitor():
    @dg.asset_check(asset=orders)
    def other() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    with pytest.raises(TypeError, match="the check other was not made by build_datafold_checks"):
        build_datafold_sensor([other])
