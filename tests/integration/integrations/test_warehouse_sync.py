"""Pipelines that run at Warehouse Sync, against a server that follows its document."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    DataModelError,
    NotAppliedError,
    PublishError,
    RefusedCredentialsError,
    SyncError,
)
from observe_dagster.integrations.warehouse_sync.apply import apply_changes, planned, secrets_sent
from observe_dagster.integrations.warehouse_sync.client import PAGE_SIZE, WarehouseSyncClient
from observe_dagster.integrations.warehouse_sync.runner import RemoteRunner
from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.remote_runs import remote_runs_sensor, report_remote_run
from observe_dagster.orchestration.translator.keys import SYNC_JOB
from observe_dagster.records import RunStatus, RunType
from observe_dagster.settings import Settings
from tests.fakes.warehouse_sync import FakeWarehouseSync
from tests.integration.integrations.remote_project import PASSWORD, remote_project

PIPELINE = "tickets-to-mparticle"


class Remote:
    """A ledger, a workspace at the fake, and a runner between them that never really waits."""

    def __init__(self, api, ledger, project, clock):
        self.api, self.ledger, self.project, self.clock = api, ledger, project, clock
        self.waits = []
        ledger.declared.synchronise(project, now=clock())
        access = WarehouseSyncSettings.from_environment(api.environment)
        self.there = WarehouseSyncClient(access, secrets=secrets_sent(project))

    def apply(self, **options):
        changes = planned(self.project, self.there, **options)
        return [*apply_changes(changes, self.there, self.ledger)]

    @property
    def runner(self):
        return RemoteRunner(self.project, self.ledger, self.there, clock=self.clock, wait=self._wait)

    def _wait(self, seconds):
        self.waits.append(seconds)
        self.clock.advance(seconds=seconds)

    def run(self, key="run-1", run_type=RunType.MANUAL):
        return self.runner.run(PIPELINE, run_type=run_type, execution_key=key, dagster_run_id="dagster-1")

    @property
    def execution(self):
        return self.ledger.executions.latest(PIPELINE)


@pytest.fixture
def api():
    with FakeWarehouseSync() as running:
        yield running


@pytest.fixture
def remote(api, ledger, clock, tmp_path):
    made = Remote(api, ledger, remote_project(tmp_path), clock)
    yield made
    made.there.close()


def test_the_plan_creates_what_a_pipeline_needs_in_order_and_a_second_plan_is_empty(remote):
    first = planned(remote.project, remote.there)
    applied = remote.apply()
    again = planned(remote.project, remote.there)

    assert [(change.kind, change.action) for change in first] == [
        ("connection", "create"),
        ("data_model", "create"),
        ("pipeline", "create"),
    ]
    assert [change.id for change in applied] == ["snow", "tickets", PIPELINE]
    assert {change.action for change in again} == {"unchanged"}
    assert remote.api.bodies[2] == snapshot(
        {
            "id": "tickets-to-mparticle",
            "name": "Tickets",
            "connection_id": "snow",
            "data_model_id": "tickets",
            "pipeline_type": "user_attributes",
            "state": "active",
            "sync_mode": {
                "type": "incremental",
                "iterator_field": "updated_at",
                "iterator_data_type": "datetime_tz",
                "from": "2020-01-01T00:00:00Z",
            },
            "schedule": {"type": "on_demand", "delay": "0s"},
            "environment": "production",
        }
    )


def test_secrets_are_sent_and_never_shown(remote):
    plan = planned(remote.project, remote.there)
    remote.apply()

    assert remote.api.bodies[0]["config"]["password"] == PASSWORD
    for shown in (repr(plan), repr([change.differences for change in plan]), repr(remote.there), repr(remote.project)):
        assert PASSWORD not in shown
        assert remote.api.token not in shown
    assert "************" in repr(plan)


def test_an_update_names_each_field_and_secrets_only_when_asked(remote, tmp_path):
    remote.apply()
    remote.project = remote_project(tmp_path, name="Open tickets", state="paused")

    (change,) = [change for change in planned(remote.project, remote.there) if change.action != "unchanged"]
    sent = planned(remote.project, remote.there, send_secrets=True)

    assert [(each.path, each.was, each.becomes) for each in change.differences] == [
        ("name", "Tickets", "Open tickets"),
        ("state", "active", "paused"),
    ]
    assert [(each.path, each.was, each.becomes) for each in sent[0].differences] == [
        ("config.password", "************", "************")
    ]


def test_what_was_declared_and_is_left_out_now_is_cleared(remote, tmp_path):
    remote.apply()
    mode = {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "datetime_tz"}
    remote.project = remote_project(tmp_path, sync_mode=mode)

    applied = remote.apply()

    assert [each.path for change in applied for each in change.differences] == ["sync_mode.from"]
    assert "from" not in remote.api.bodies[-1]["sync_mode"]


def test_a_run_is_triggered_followed_and_recorded(remote):
    remote.apply()

    result = remote.run()

    execution, row = remote.execution, remote.ledger.declared.pipeline(PIPELINE)
    assert (result.counts.total_rows, result.counts.rejected) == (100, 0)
    assert (result.range.start, result.range.end) == ("2020-01-01T00:00:00.000000Z", "2023-02-04T08:30:17.000000Z")
    assert (execution.status, execution.counts.total_rows, execution.dagster_run_id) == (
        RunStatus.SUCCESS,
        100,
        "dagster-1",
    )
    assert execution.execution_metadata["warehouse_sync_run_id"] == 13_325
    assert (row.watermark, row.status, row.last_target_insert) == (
        "2023-02-04T08:30:17.000000Z",
        "idle",
        execution.end_date,
    )
    assert remote.waits == [1.0]


def test_the_next_run_goes_on_where_the_last_one_ended(remote):
    remote.apply()
    remote.run("run-1")
    remote.api.now += timedelta(days=4)

    second = remote.run("run-2")

    assert second.range.start == "2023-02-04T08:30:17.000000Z"
    assert remote.execution.range_start == "2023-02-04T08:30:17.000000Z"


def test_records_that_failed_are_counted_and_said(remote):
    remote.apply()
    remote.api.endings = [{"run": {"successful_records": 90, "failed_records": 10}}]

    result = remote.run()

    assert (result.counts.inserts, result.counts.rejected, result.counts.total_rows) == (90, 10, 100)
    assert result.notes == ("10 records failed at Warehouse Sync.",)


def test_a_pipeline_in_progress_is_refused_and_not_faulted(remote):
    remote.apply()
    remote.there.trigger(PIPELINE)

    with pytest.raises(AlreadyInProgressError, match="already in progress"):
        remote.run()
    assert remote.execution is None
    assert remote.ledger.declared.pipeline(PIPELINE).errors == ()


def test_a_pipeline_that_is_not_there_says_how_it_gets_there(remote):
    with pytest.raises(NotAppliedError, match="`observe warehouse-sync apply` creates it"):
        remote.run()
    assert remote.execution.status is RunStatus.FAILED


def test_applying_clears_the_fault_that_its_absence_left(remote):
    with pytest.raises(NotAppliedError):
        remote.run()
    faulted = remote.ledger.declared.pipeline(PIPELINE).errors
    remote.apply()

    assert faulted
    assert remote.ledger.declared.pipeline(PIPELINE).errors == ()
    assert remote.run("run-2", RunType.SCHEDULED).counts.total_rows == 100


def test_a_warehouse_that_cannot_be_reached_faults_the_connection(remote):
    remote.apply()
    remote.api.accounts_that_fail.add("snow")

    with pytest.raises(ConnectionFailedError, match="failed to connect to the warehouse account"):
        remote.run()
    assert remote.ledger.declared.connection("snow").status == "faulted"


@pytest.mark.parametrize(
    ("ending", "error", "said"),
    [
        (
            {
                "run": {"status": "failed"},
                "connection": {"status": "faulted", "errors": [{"message": "Wrong password."}]},
            },
            ConnectionFailedError,
            "Connection 'snow': Wrong password.",
        ),
        (
            {
                "run": {"status": "failed"},
                "data_model": {"status": "invalid", "errors": [{"message": "No such column."}]},
            },
            DataModelError,
            "Connection 'snow': data model 'tickets' is invalid: No such column.",
        ),
        (
            {"run": {"status": "failed", "errors": [{"message": "Quota is used up."}]}},
            SyncError,
            f"Run 13325 of pipeline {PIPELINE} at Warehouse Sync failed: Quota is used up.",
        ),
        (
            {"run": {"status": "stopped"}},
            SyncError,
            f"Run 13325 of pipeline {PIPELINE} at Warehouse Sync stopped: no reason was given.",
        ),
    ],
)
def test_a_run_that_ends_badly_is_our_error_and_on_record(remote, ending, error, said):
    remote.apply()
    remote.api.endings = [ending]

    with pytest.raises(error) as raised:
        remote.run()

    assert str(raised.value) == said
    assert (remote.execution.status, remote.execution.errors) == (RunStatus(ending["run"]["status"]), (said,))
    assert remote.ledger.declared.pipeline(PIPELINE).errors == (said,)


def test_a_trigger_whose_reply_is_lost_is_taken_up_and_not_sent_again(remote):
    remote.apply()
    remote.api.failures = [None, "reset"]

    result = remote.run()

    assert result.counts.total_rows == 100
    assert len([path for path in remote.api.sent("POST") if path.endswith("/trigger")]) == 1
    assert len(remote.api.runs) == 1


def test_a_look_that_fails_is_made_again(remote):
    remote.apply()
    remote.api.failures = [None, None, "garbage", (429, {"retry-after": "0"}), "reset"]

    assert remote.run().counts.total_rows == 100


def test_a_follower_that_dies_leaves_the_run_open_and_it_is_closed_when_it_ended(remote):
    remote.apply()

    class Killed(BaseException):
        pass

    def die(seconds):
        raise Killed

    dying = RemoteRunner(remote.project, remote.ledger, remote.there, clock=remote.clock, wait=die)
    with pytest.raises(Killed):
        dying.run(PIPELINE, run_type=RunType.MANUAL, execution_key="run-1")
    still_open = remote.execution
    seen = [len(remote.runner.reconcile()) for _ in range(3)]

    assert still_open.is_open
    assert sum(seen) == 1
    assert (remote.execution.status, remote.execution.counts.total_rows) == (RunStatus.SUCCESS, 100)


def test_an_answer_that_is_no_list_is_not_taken_for_an_empty_workspace(remote):
    remote.api.failures = ["garbage"]

    with pytest.raises(PublishError, match="is MPARTICLE_URL right"):
        planned(remote.project, remote.there)


def test_a_wrong_token_is_refused_without_showing_it(remote, clock):
    access = WarehouseSyncSettings(
        workspace_id=remote.api.workspace, token="wrong-token-77", url=f"{remote.api.url}/platform/v2"
    )
    there = WarehouseSyncClient(access)

    with pytest.raises(RefusedCredentialsError) as raised:
        there.resources("pipeline")
    assert "wrong-token-77" not in repr((access, there, str(raised.value)))


def test_an_error_that_repeats_a_secret_is_masked(remote):
    class Echoing(FakeWarehouseSync):
        def _validate(self, kind, body):
            raise_with = json.dumps(body)
            from tests.fakes.json_api import Refused

            raise Refused(400, {"statusCode": 400, "errors": [{"message": raise_with}]})

    with Echoing() as api:
        there = WarehouseSyncClient(
            WarehouseSyncSettings.from_environment(api.environment), secrets=secrets_sent(remote.project)
        )
        with pytest.raises(PublishError) as raised:
            list(apply_changes(planned(remote.project, there), there, remote.ledger))

    assert PASSWORD not in str(raised.value)


# Through Dagster


def test_materializing_the_asset_runs_it_there_and_its_checks_judge_it(remote, monkeypatch, ledger_url, tmp_path):
    remote.apply()
    for name, value in remote.api.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url)
    observe = ObserveResource(remote.project, settings)
    definitions = build_definitions(remote.project, observe=observe)
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def(SYNC_JOB).execute_in_process(instance=instance)
    finally:
        observe.close()

    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert event.asset_key == dg.AssetKey(["snow", "mparticle", PIPELINE])
    assert metadata["observe/total_rows"].value == 100
    assert metadata["observe/warehouse_sync_run_id"].value == 13_325
    assert metadata["observe/range_end"].value == "2023-02-04T08:30:17.000000Z"
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {"freshness": True}
    spec = definitions.resolve_asset_graph().get(event.asset_key)
    assert spec.kinds == {"snowflake", "mparticle"}
    assert "dagster/uri" not in spec.metadata


def test_a_refused_trigger_fails_the_step_with_the_reason(remote, monkeypatch, ledger_url, tmp_path):
    for name, value in remote.api.environment.items():
        monkeypatch.setenv(name, value)
    observe = ObserveResource(remote.project, Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url))
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            job = build_definitions(remote.project, observe=observe).resolve_job_def(SYNC_JOB)
            result = job.execute_in_process(instance=instance, raise_on_error=False)
    finally:
        observe.close()

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "`observe warehouse-sync apply` creates it" in failure.event_specific_data.user_failure_data.description


def test_times_are_read_whatever_their_form(remote):
    remote.apply()
    remote.api.endings = [{"run": {"range_end": "2023-02-04T09:00:00", "started_on": "never", "ended_on": None}}]

    assert remote.run().watermark == "2023-02-04T09:00:00.000000Z"
    assert datetime(2024, 3, 1, tzinfo=UTC) < remote.execution.end_date


# Runs that were started there


class Sensor:
    """The sensor that picks them up, over one Dagster instance."""

    def __init__(self, remote, settings, instance):
        self.observe = ObserveResource(remote.project, settings, clock=remote.clock)
        self.sensor = remote_runs_sensor(remote.project, scope="")
        self.instance, self.cursor = instance, None

    def tick(self):
        resources = {"observe": self.observe}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return data.skip_message

    @property
    def materialized(self):
        key = dg.AssetKey(["snow", "mparticle", PIPELINE])
        found = [record.asset_materialization for record in self.instance.fetch_materializations(key, limit=9).records]
        return [each.metadata["observe/warehouse_sync_run_id"].value for each in found][::-1]


@pytest.fixture
def sensor(remote, monkeypatch, ledger_url, tmp_path):
    for name, value in remote.api.environment.items():
        monkeypatch.setenv(name, value)
    remote.api.now = datetime(2024, 3, 1, 13, tzinfo=UTC)
    settings = Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url)
    with dg.DagsterInstance.ephemeral() as instance:
        made = Sensor(remote, settings, instance)
        yield made
        made.observe.close()


def test_runs_that_were_started_there_are_recorded_once_with_range_and_counts(remote, sensor):
    remote.apply()
    first = remote.api.started_there(PIPELINE, type="scheduled", failed_records=3)
    second = remote.api.started_there(PIPELINE)

    assert sensor.tick() == "Imported 2 runs that were started at Warehouse Sync."
    assert sensor.tick() == "Imported 0 runs that were started at Warehouse Sync."
    executions = remote.ledger.executions.page(PIPELINE).items
    assert [(each.type, each.status, each.counts.total_rows, each.counts.rejected) for each in executions] == [
        (RunType.SCHEDULED, RunStatus.SUCCESS, 103, 3),
        (RunType.MANUAL, RunStatus.SUCCESS, 100, 0),
    ]
    assert (executions[0].range_end, executions[1].range_start) == ("2024-03-01T13:00:00.000000Z",) * 2
    assert remote.ledger.declared.pipeline(PIPELINE).watermark == executions[1].range_end
    assert executions[0].duration_seconds == 60
    assert sensor.materialized == [first, second]


def test_a_run_of_ours_is_not_picked_up_and_one_that_goes_on_is_later(remote, sensor):
    remote.apply()
    remote.run()
    ours = sensor.tick()
    number = remote.there.trigger(PIPELINE)
    while_it_runs = sensor.tick()
    for _ in range(2):
        remote.there.run(PIPELINE, number)

    assert ours == while_it_runs == "Imported 0 runs that were started at Warehouse Sync."
    assert sensor.tick() == "Imported 1 run that was started at Warehouse Sync."
    assert sensor.materialized == [number]


def test_a_crash_after_people_were_told_tells_them_no_second_time(remote, sensor):
    remote.apply()
    number = remote.api.started_there(PIPELINE)

    class Killed(BaseException):
        pass

    def die(pipeline, run):
        report_remote_run(sensor.instance, pipeline, run)
        raise Killed

    with pytest.raises(Killed):
        remote.runner.import_runs(remote.project.pipeline(PIPELINE), die)
    assert remote.execution is None
    sensor.tick()

    assert sensor.materialized == [number]
    assert remote.execution.counts.total_rows == 100


def test_a_run_that_was_followed_by_one_of_ours_is_picked_up_and_moves_nothing_back(remote, sensor):
    remote.apply()
    theirs = remote.api.started_there(PIPELINE, status="failed", errors=[{"message": "Odd."}])
    before = remote.api.started_there(PIPELINE)
    remote.api.now += timedelta(hours=1)
    remote.run()
    reached = remote.ledger.declared.pipeline(PIPELINE).watermark
    sensor.tick()

    statuses = {each.execution_key: str(each.status) for each in remote.ledger.executions.page(PIPELINE).items}
    assert statuses == {
        "run-1": "success",
        f"warehouse_sync/{PIPELINE}/{theirs}": "failed",
        f"warehouse_sync/{PIPELINE}/{before}": "success",
    }
    assert (remote.ledger.declared.pipeline(PIPELINE).watermark, remote.ledger.declared.pipeline(PIPELINE).errors) == (
        reached,
        (),
    )
    assert sensor.materialized == [before]


def test_nothing_is_listed_when_nothing_is_new(remote, sensor):
    remote.apply()
    remote.api.started_there(PIPELINE)
    sensor.tick()
    before = len(remote.api.requests)
    sensor.tick()

    assert [path.rpartition("/")[2] for _, path in remote.api.requests[before:]] == ["report"]


def test_a_failed_run_faults_the_pipeline_until_a_good_one_comes(remote, sensor):
    remote.apply()
    remote.api.started_there(PIPELINE, status="failed", errors=[{"message": "No space left."}])
    sensor.tick()
    faulted = remote.ledger.declared.pipeline(PIPELINE).errors
    good = remote.api.started_there(PIPELINE)
    sensor.tick()

    assert faulted == (f"Run {good - 1} of pipeline {PIPELINE} at Warehouse Sync failed: No space left.",)
    assert remote.ledger.declared.pipeline(PIPELINE).errors == ()
    assert sensor.materialized == [good]


def test_many_runs_come_in_pages(remote, sensor):
    remote.apply()
    for _ in range(PAGE_SIZE + 5):
        remote.api.started_there(PIPELINE)

    assert len(remote.there.runs(PIPELINE, since=remote.clock())) == PAGE_SIZE + 5


def test_what_is_wrong_is_said_and_no_run_is_invented(remote, sensor, monkeypatch):
    not_applied = sensor.tick()
    remote.apply()
    remote.api.failures = [503, 503, 503]
    broken = sensor.tick()
    monkeypatch.delenv("MPARTICLE_TOKEN")
    monkeypatch.delenv("MPARTICLE_WORKSPACE_ID")

    assert f"Warehouse Sync has no pipeline {PIPELINE}; `observe warehouse-sync apply` creates it." in not_applied
    assert "Warehouse Sync answered 503" in broken
    assert sensor.tick() == "Warehouse Sync is off: MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN are not set."
    assert remote.execution is None
