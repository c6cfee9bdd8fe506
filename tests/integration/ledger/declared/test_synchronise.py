"""What is declared becomes what the ledger knows: changed, cleared, removed, and untouched when nothing differs."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from observe_dagster.config.models.pipeline import PipelineType
from observe_dagster.ledger import ExecutionRow, Ledger, SynchroniseReport
from observe_dagster.records import TableName
from tests.integration.ledger.declared_project import NOW, SECRET, connection, data_model, pipeline, project

Query = Callable[[str], list[tuple[Any, ...]]]
LATER = NOW + timedelta(hours=1)
TABLES = ("connection", "data_model", "pipeline_type", "pipeline", "anomaly_detection_rule")
RULE = {"metric_field": "total_rows"}


def _versions(query: Query) -> list[list[tuple[Any, ...]]]:
    return [query(f"SELECT xmin::text, ctid::text FROM observe.{table} ORDER BY 1, 2") for table in TABLES]


def test_everything_declared_is_added_once(ledger: Ledger) -> None:
    everything = (
        "connection:ops",
        "connection:lake",
        "data_model:flights",
        "pipeline_type:extraction",
        "pipeline:flights-hourly",
        "pipeline:flights-daily",
    )
    assert ledger.declared.synchronise(project(), now=NOW) == SynchroniseReport(added=everything)
    assert ledger.declared.synchronise(project(), now=LATER) == SynchroniseReport(unchanged=everything)


def test_a_declared_pipeline_is_known_with_its_facts(declared: Ledger) -> None:
    row = declared.declared.pipeline("flights-hourly")
    assert (row.name, row.pipeline_type_name, row.connection_id) == ("Flights, hourly", "extraction", "ops")
    assert (row.destination_connection_id, row.destination) == ("lake", TableName(schema="analytics", table="flights"))
    assert (row.state, row.status, row.active, row.paused) == ("active", "idle", True, False)
    assert (row.created_at, row.updated_at, row.load_lineage) == (NOW, None, True)


def test_nothing_is_written_when_nothing_differs(ledger: Ledger, query: Query) -> None:
    declared = project(pipelines=(pipeline(anomaly_detection_rules=[RULE]),))
    ledger.declared.synchronise(declared, now=NOW)
    before = _versions(query)
    ledger.declared.synchronise(declared, now=LATER)
    assert _versions(query) == before


def test_a_changed_pipeline_is_updated_and_the_other_left_alone(declared: Ledger) -> None:
    changed = project(pipelines=(pipeline(name="Flüge 🛫"), pipeline(id="flights-daily", name="Flights, daily")))
    report = declared.declared.synchronise(changed, now=LATER)
    assert (report.added, report.changed, report.deactivated) == ((), ("pipeline:flights-hourly",), ())
    row = declared.declared.pipeline("flights-hourly")
    assert (row.name, row.created_at, row.updated_at) == ("Flüge 🛫", NOW, LATER)
    assert declared.declared.pipeline("flights-daily").updated_at is None


def test_a_key_that_was_removed_is_cleared(ledger: Ledger) -> None:
    full = pipeline(freshness_number=2, freshness_datepart="hour", pipeline_metadata={"team": "data"})
    ledger.declared.synchronise(project(pipelines=(full,)), now=NOW)
    assert ledger.declared.pipeline("flights-hourly").freshness_number == 2
    ledger.declared.synchronise(project(pipelines=(pipeline(pipeline_type_name=None),)), now=LATER)
    row = ledger.declared.pipeline("flights-hourly")
    assert (row.freshness_number, row.freshness_datepart) == (None, None)
    assert (row.pipeline_metadata, row.pipeline_type_name) == (None, None)


def test_a_pipeline_type_that_changed_is_updated(declared: Ledger, query: Query) -> None:
    slower = PipelineType(name="extraction", freshness_number=48, freshness_datepart="hour")
    assert declared.declared.synchronise(project(pipeline_types=(slower,)), now=LATER).changed == (
        "pipeline_type:extraction",
    )
    assert query("SELECT freshness_number FROM observe.pipeline_type") == [(48,)]


def test_a_pipeline_that_is_gone_is_inactive_and_comes_back_with_its_watermark(declared: Ledger) -> None:
    declared.declared.set_watermark("flights-hourly", "10")
    report = declared.declared.synchronise(project(pipelines=()), now=LATER)
    assert report.deactivated == ("pipeline:flights-daily", "pipeline:flights-hourly")
    assert declared.declared.pipelines() == []
    row = declared.declared.pipeline("flights-hourly")
    assert (row.active, row.status, row.updated_at) == (False, "stopped", LATER)
    assert declared.declared.synchronise(project(), now=LATER).changed == (
        "pipeline:flights-hourly",
        "pipeline:flights-daily",
    )
    row = declared.declared.pipeline("flights-hourly")
    assert (row.active, row.status, row.watermark) == (True, "idle", "10")


def test_connections_and_data_models_that_are_gone_are_no_longer_listed(declared: Ledger) -> None:
    declared.declared.synchronise(project(connections=(), data_models=(), pipelines=()), now=LATER)
    assert (declared.declared.connections(), declared.declared.data_models()) == ([], [])
    assert not declared.declared.connection("ops").active


def test_a_changed_pipeline_clears_its_fault_and_no_other(declared: Ledger) -> None:
    for pipeline_id in ("flights-hourly", "flights-daily"):
        declared.declared.fault_pipeline(pipeline_id, ["broken"])
    declared.declared.synchronise(project(pipelines=(pipeline(name="Changed"), project().pipelines[1])), now=LATER)
    hourly, daily = declared.declared.pipeline("flights-hourly"), declared.declared.pipeline("flights-daily")
    assert (hourly.status, hourly.errors) == ("idle", ())
    assert (daily.status, daily.errors) == ("faulted", ("broken",))


@pytest.mark.parametrize("kind", ["connections", "data_models"])
def test_a_changed_part_clears_its_fault_and_those_of_the_pipelines_that_use_it(declared: Ledger, kind: str) -> None:
    declared.declared.fault_pipeline("flights-hourly", ["broken"])
    declared.declared.fault_connection("ops", ["refused"])
    declared.declared.fault_connection("lake", ["locked"])
    declared.declared.invalidate_data_model("flights", ["no such column"])
    part = connection(name="Ops") if kind == "connections" else data_model(name="Mended")
    declared.declared.synchronise(project(**{kind: (part, *getattr(project(), kind)[1:])}), now=LATER)
    hourly = declared.declared.pipeline("flights-hourly")
    assert (hourly.status, hourly.errors) == ("idle", ())
    assert declared.declared.connection("ops").status == ("healthy" if kind == "connections" else "faulted")
    assert declared.declared.data_model("flights").status == ("valid" if kind == "data_models" else "invalid")
    assert declared.declared.connection("lake").errors == ("locked",)


def test_a_changed_password_counts_as_a_change_and_is_never_stored(declared: Ledger, query: Query) -> None:
    other = {"host": "db.example", "database": "ops", "user": "observe", "password": SECRET + "x"}
    report = declared.declared.synchronise(
        project(connections=(connection(config=other), project().connections[1])), now=LATER
    )
    assert report.changed == ("connection:ops",)
    assert declared.declared.connection("ops").config["password"] == "************"
    for table in TABLES:
        assert SECRET not in json.dumps(query(f"SELECT t::text FROM observe.{table} t"))


def test_a_change_during_a_run_leaves_the_pipeline_running(
    declared: Ledger, start: Callable[..., ExecutionRow]
) -> None:
    start()
    declared.declared.synchronise(project(pipelines=(pipeline(name="Changed"), project().pipelines[1])), now=LATER)
    assert declared.declared.pipeline("flights-hourly").status == "running"


def test_a_pipeline_declared_as_paused_is_stopped(declared: Ledger) -> None:
    declared.declared.synchronise(project(pipelines=(pipeline(state="paused"), project().pipelines[1])), now=LATER)
    row = declared.declared.pipeline("flights-hourly")
    assert (row.status, row.paused, row.paused_by_user) == ("stopped", True, False)


def test_rules_are_written_changed_and_removed(ledger: Ledger, query: Query) -> None:
    def declare(*rules: dict[str, Any]) -> list[tuple[Any, ...]]:
        ledger.declared.synchronise(project(pipelines=(pipeline(anomaly_detection_rules=rules),)), now=NOW)
        return query("SELECT metric_field, z_threshold, active FROM observe.anomaly_detection_rule ORDER BY 1")

    assert declare(RULE, {"metric_field": "inserts"}) == [("inserts", 3.5, True), ("total_rows", 3.5, True)]
    assert declare({**RULE, "z_threshold": 5}) == [("total_rows", 5.0, True)]
    assert declare() == []


def test_a_removed_rule_with_results_rests_so_that_they_stay(
    ledger: Ledger, start: Callable[..., ExecutionRow], query: Query
) -> None:
    ledger.declared.synchronise(project(pipelines=(pipeline(anomaly_detection_rules=[RULE]),)), now=NOW)
    run = start()
    query(
        "INSERT INTO observe.anomaly_detection_result "
        "(pipeline_execution_id, rule_id, violation_value, z_threshold, detected_at) "
        f"SELECT {run.id}, id, 2e300, 3, now() FROM observe.anomaly_detection_rule"
    )
    ledger.declared.synchronise(project(pipelines=(pipeline(),)), now=LATER)
    assert query("SELECT metric_field, active FROM observe.anomaly_detection_rule") == [("total_rows", False)]
    assert query("SELECT violation_value FROM observe.anomaly_detection_result") == [(2e300,)]


def test_two_processes_synchronising_at_once_agree(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: ledger.declared.synchronise(project(), now=NOW), range(4)))
    assert sorted(len(report.added) for report in reports) == [0, 0, 0, 6]
    assert len(ledger.declared.pipelines()) == 2


@pytest.fixture
def statements(ledger: Ledger) -> list[str]:
    """Every statement that the ledger sends, as it is sent."""
    sent: list[str] = []

    def listen(conn: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    sa.event.listen(ledger.engine, "before_cursor_execute", listen)
    return sent


def test_five_thousand_pipelines_take_as_many_statements_as_two(ledger: Ledger, statements: list[str]) -> None:
    many = tuple(pipeline(id=f"p{number}", anomaly_detection_rules=[RULE]) for number in range(5000))
    ledger.declared.synchronise(project(pipelines=many[:2]), now=NOW)
    few = len(statements)
    ledger.declared.synchronise(project(pipelines=many), now=NOW)
    assert len(statements) - few <= few
    statements.clear()
    ledger.declared.synchronise(project(pipelines=many), now=NOW)
    assert len(statements) <= 6
    statements.clear()
    ledger.declared.synchronise(project(pipelines=()), now=NOW)
    assert len(statements) <= 15
    assert ledger.declared.pipelines() == []
