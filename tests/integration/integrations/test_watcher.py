"""What a Watcher server is told, against one that follows its document."""

from datetime import timedelta

import dagster as dg
import pytest

from observe_dagster import build_watcher_sensor, observe_resource
from observe_dagster.config import project_from_attributes
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.integrations.watcher.enqueue import PUBLISHER
from observe_dagster.integrations.watcher.settings import WatcherSettings
from observe_dagster.ledger import EndedExecution, WatchedAsset
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publishing_sensors
from observe_dagster.records import Counts, RunType
from observe_dagster.settings import Settings
from tests.fakes.watcher import FakeWatcher


def project(tmp_path, **pipeline):
    attributes = {
        "connections": [
            {
                "id": "ops",
                "name": "Ops",
                "service_provider": "postgres",
                "config": {"host": "h", "database": "shop", "user": "u"},
            },
            {
                "id": "lake",
                "name": "Lake",
                "service_provider": "duckdb",
                "config": {"path": str(tmp_path / "l.duckdb")},
            },
        ],
        "data_models": [
            {"id": "orders", "name": "Orders", "config": {"sql_query": "SELECT id, at FROM public.orders"}}
        ],
        "pipeline_types": [{"name": "extraction", "timeliness_number": 2, "timeliness_datepart": "hour"}],
        "pipelines": [
            {
                "id": "Orders-hourly",
                "name": "Orders",
                "pipeline_type_name": "extraction",
                "connection_id": "ops",
                "data_model_id": "orders",
                "destination": {"connection_id": "lake", "schema": "a", "table": "orders", "primary_key": ["id"]},
                "sync_mode": {"type": "incremental", "iterator_field": "at", "iterator_data_type": "timestamptz"},
                "schedule": {"type": "on_demand"},
                "freshness_number": 2,
                "freshness_datepart": "hour",
                **pipeline,
            }
        ],
    }
    return project_from_attributes(attributes, source="w.yaml", base_dir=tmp_path, environment={})


class Reporting:
    """A ledger whose executions are told to a server, a tick at a time."""

    def __init__(self, server, ledger, ledger_url, clock, tmp_path):
        self.server, self.ledger, self.clock, self.folder = server, ledger, clock, tmp_path
        self.instance = dg.DagsterInstance.ephemeral()
        self.settings = Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url)
        self.declare()

    def declare(self, **pipeline):
        self.project = project(self.folder, **pipeline)
        self.ledger.declared.synchronise(self.project, now=self.clock())
        self.observe = ObserveResource(self.project, self.settings, clock=self.clock, declares=False)

    def tick(self, instance=None):
        try:
            (sensor,) = publishing_sensors(self.project, self.settings, environment={"WATCHER_URL": self.server.url})
            context = dg.build_sensor_context(instance=instance or self.instance, resources={"observe": self.observe})
            return sensor(context).skip_message
        finally:
            self.observe.close()

    def start(self, key, *, watermark=None, parent=None):
        return self.ledger.executions.start(
            pipeline_id="Orders-hourly",
            execution_key=key,
            run_type=RunType.SCHEDULED,
            logical_date=self.clock(),
            range_start=watermark,
            range_end="2024-03-01T12:00:00.000000Z",
            watermark=watermark,
            next_watermark="2024-03-01T12:00:00.000000Z",
            started_at=self.clock(),
            moves_watermark=True,
            parent_execution_key=parent,
        )

    def succeed(self, key, watermark, **counts):
        ended_at = self.clock.advance(minutes=5)
        given = Counts(**(counts or {"total_rows": 10, "inserts": 8, "updates": 2}))
        self.ledger.executions.succeed(key, ended_at=ended_at, counts=given, watermark=watermark)

    @property
    def states(self):
        return self.ledger.outbox.counts(PUBLISHER)


@pytest.fixture
def server():
    with FakeWatcher() as running:
        yield running


@pytest.fixture
def reporting(server, ledger, ledger_url, clock, tmp_path):
    made = Reporting(server, ledger, ledger_url, clock, tmp_path)
    yield made
    made.instance.dispose()


def test_a_pipeline_its_addresses_and_its_lineage_are_told_once(reporting, server):
    first = reporting.tick()
    requests = len(server.requests)
    second = reporting.tick()

    told = server.named("orders-hourly")
    assert (told["freshness_number"], told["freshness_datepart"], told["active"]) == (2, "hour", True)
    assert told["pipeline_metadata"]["observe_name"] == "Orders"
    assert server.types["extraction"] == {}
    assert server.edges == {("shop.public.orders", "l.a.orders")}
    assert server.addresses["l.a.orders"]["primary_key"] == "id"
    assert first == "2 enqueued, 2 sent (1 address lineage, 1 pipeline), 0 pending."
    assert second == "0 enqueued, 0 sent, 0 pending."
    assert len(server.requests) == requests


def test_what_is_no_longer_declared_is_cleared(reporting, server):
    reporting.tick()
    reporting.declare(freshness_number=None, freshness_datepart=None, mute_timeliness_check=True)
    reporting.tick()

    told = server.named("orders-hourly")
    assert (told["freshness_number"], told["freshness_datepart"], told["mute_timeliness_check"]) == (None, None, True)


def test_an_execution_is_told_when_it_starts_and_when_it_ends(reporting, server):
    reporting.start("run-1")
    reporting.tick()
    running = dict(server.executions[1])
    reporting.succeed("run-1", "2024-03-01T12:00:00.000000Z")
    reporting.tick()

    ended = server.executions[1]
    assert running["end_date"] is None
    assert (ended["completed_successfully"], ended["total_rows"], ended["inserts"], ended["updates"]) == (
        True,
        10,
        8,
        2,
    )
    assert ended["execution_metadata"]["type"] == "scheduled"
    assert server.named("orders-hourly")["watermark"] == "2024-03-01T12:00:00.000000Z"


def test_a_failure_moves_no_watermark(reporting, server, clock):
    reporting.start("run-1")
    reporting.succeed("run-1", "2024-03-01T12:00:00.000000Z")
    reporting.start("run-2", watermark="2024-03-01T12:00:00.000000Z")
    reporting.ledger.executions.fail("run-2", ended_at=clock.advance(minutes=1), errors=["It broke."])
    reporting.tick()

    assert server.executions[2]["completed_successfully"] is False
    assert server.executions[2]["execution_metadata"]["errors"] == ["It broke."]
    assert server.named("orders-hourly")["watermark"] == "2024-03-01T12:00:00.000000Z"


def test_children_are_told_with_their_parent(reporting, server):
    reporting.start("parent")
    reporting.clock.advance(seconds=1)
    reporting.start("child", parent="parent")
    reporting.clock.advance(seconds=1)
    reporting.start("grandchild", parent="child")
    reporting.tick()

    assert [server.executions[number]["parent_id"] for number in (1, 2, 3)] == [None, 1, 2]


def test_counts_that_a_watcher_cannot_hold_are_told_as_metadata(reporting, server):
    reporting.start("run-1")
    reporting.succeed("run-1", "2024-03-01T12:00:00.000000Z", total_rows=3_000_000_000, inserts=3_000_000_000)
    reporting.tick()

    ended = server.executions[1]
    assert "total_rows" not in ended
    assert ended["execution_metadata"]["total_rows"] == 3_000_000_000


def test_nothing_is_lost_or_out_of_order_while_the_server_fails(reporting, server, clock):
    for number in range(5):
        reporting.start(f"run-{number}", watermark=None if not number else f"2024-03-01T12:0{number}:00.000000Z")
        reporting.succeed(f"run-{number}", f"2024-03-01T12:0{number + 1}:00.000000Z")
    server.failures = [503, "reset", None, 500, None, "garbage", None, (429, {"retry-after": "7"}), None, "reset"]
    for _ in range(40):
        reporting.tick()
        if not reporting.states.get("pending"):
            break
        clock.advance(minutes=20)

    assert reporting.states == {"sent": 12}
    ended = [
        each["execution_metadata"]["observe_execution_id"] for each in server.executions.values() if each["end_date"]
    ]
    assert ended == sorted(ended)
    assert len(set(ended)) == 5
    assert server.named("orders-hourly")["watermark"] == "2024-03-01T12:05:00.000000Z"


def test_an_execution_that_the_server_forgot_is_given_up_and_holds_nothing_back(reporting, server, clock):
    reporting.start("run-1")
    reporting.tick()
    server.executions.clear()
    reporting.succeed("run-1", "2024-03-01T12:00:00.000000Z")
    reporting.start("run-2", watermark="2024-03-01T12:00:00.000000Z")
    said = reporting.tick()

    (dead,) = reporting.ledger.outbox.items(PUBLISHER, states=["dead"])
    assert dead.last_error == "does not know execution 1 any more."
    assert "1 dead-lettered" in said
    assert [each["pipeline_id"] for each in server.executions.values()] == [1]


def test_executions_of_long_ago_are_not_told(reporting, server, clock):
    reporting.start("run-1")
    reporting.succeed("run-1", "2024-03-01T12:00:00.000000Z")
    clock.now += timedelta(days=8)
    reporting.tick()

    assert server.executions == {}


def test_without_a_server_there_is_no_sensor_unless_it_was_asked_for(reporting, monkeypatch):
    monkeypatch.delenv("WATCHER_URL", raising=False)
    context = dg.build_sensor_context(resources={"observe": reporting.observe})

    assert publishing_sensors(reporting.project, reporting.settings) == []
    assert build_watcher_sensor()(context).skip_message == "Watcher is off: WATCHER_URL is not set."


def test_a_proxys_authorization_is_not_shown():
    access = WatcherSettings.from_environment(
        {"WATCHER_URL": "http://w.example/", "WATCHER_AUTHORIZATION": "Bearer proxy-7788"}
    )

    assert access.url == "http://w.example"
    assert "proxy-7788" not in repr(access)


def test_anomaly_rules_are_told_with_all_their_numbers_and_rest_once_they_are_gone(reporting, server):
    rules = [
        {"metric_field": "total_rows", "method": "zscore", "z_threshold": 2.5},
        {"metric_field": "observe/bytes"},
    ]
    reporting.declare(anomaly_detection_rules=rules)
    first = reporting.tick()
    told = dict(server.rules[1])
    reporting.declare(anomaly_detection_rules=[{**rules[0], "z_threshold": 4.0, "lookback_days": 60}])
    reporting.tick()
    changed = dict(server.rules[1])
    reporting.declare(anomaly_detection_rules=[])
    reporting.tick()

    assert "1 anomaly detection rule" in first
    assert told == {
        "pipeline_id": 1,
        "metric_field": "total_rows",
        "z_threshold": 2.5,
        "lookback_days": 30,
        "minimum_executions": 30,
        "active": True,
        "id": 1,
    }
    assert (changed["z_threshold"], changed["lookback_days"], changed["active"]) == (4.0, 60, True)
    assert (len(server.rules), server.rules[1]["active"]) == (1, False)
    assert reporting.tick() == "0 enqueued, 0 sent, 0 pending."


def test_assets_that_others_make_are_told_with_what_is_expected_of_them_and_what_they_did(reporting, server, clock):
    day = Expectations(freshness_number=1, freshness_datepart="day")
    rule = AnomalyDetectionRule(metric_field="total_rows")
    reporting.ledger.watched.upsert(
        [WatchedAsset(asset_key="dbt/orders", expectations=day, rules=(rule,))], now=clock()
    )
    began = clock()
    ended = EndedExecution(
        asset_key="dbt/orders",
        execution_key="event/1",
        started_at=began,
        ended_at=clock.advance(minutes=3),
        counts=Counts(total_rows=120),
    )
    reporting.ledger.watched.record([ended])
    with dg.DagsterInstance.ephemeral() as instance:
        reporting.tick(instance)
        shown = instance.fetch_observations(dg.AssetKey(["dbt", "orders"]), limit=5).records

    asset = server.named("dbt/orders")
    assert (asset["freshness_number"], asset["freshness_datepart"], asset["active"]) == (1, "day", True)
    assert "observed asset" in server.types
    (execution,) = server.executions.values()
    assert (execution["pipeline_id"], execution["total_rows"], execution["completed_successfully"]) == (
        asset["id"],
        120,
        True,
    )
    assert [rule["metric_field"] for rule in server.rules.values()] == ["total_rows"]
    (receipt,) = [record.asset_observation.metadata for record in shown]
    assert receipt["observe/watcher_id"].value == "1"
    assert (
        receipt["observe/watcher_receipts"].value == "`observe publications list --publisher watcher --key dbt/orders`"
    )


def test_a_location_without_pipelines_tells_a_watcher_too(server, ledger, ledger_url, tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHER_URL", server.url)
    settings = Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url)
    observe = observe_resource(settings=settings, environment={})
    ledger.watched.upsert([WatchedAsset(asset_key="orders")], now=observe.clock())
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"observe": observe})
        said = build_watcher_sensor()(context).skip_message
    observe.close()

    assert said == "1 enqueued, 1 sent (1 pipeline), 0 pending."
    assert server.named("/orders")["pipeline_metadata"]["asset_key"] == "/orders"
