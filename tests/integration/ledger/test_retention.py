"""Old things are deleted by their date, in an order that the database allows, and nothing that still matters."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import Counts, QueryLog, SchemaChange, Status
from tests.integration.ledger.declared_project import NOW, pipeline, project
from tests.integration.ledger.judged import verdict

Query = Callable[..., list[tuple[Any, ...]]]
LONG_AGO = NOW - timedelta(days=100)
NOTHING = {
    "total_pipeline_executions_deleted": 0,
    "total_timeliness_pipeline_execution_logs_deleted": 0,
    "total_anomaly_detection_results_deleted": 0,
    "total_pipeline_execution_closure_parent_deleted": 0,
    "total_pipeline_execution_closure_child_deleted": 0,
    "total_freshness_pipeline_logs_deleted": 0,
    "total_check_results_deleted": 0,
    "total_check_statuses_deleted": 0,
    "total_query_logs_deleted": 0,
    "total_schema_changes_deleted": 0,
    "total_publications_deleted": 0,
    "total_alerts_deleted": 0,
}


@pytest.fixture
def run(declared: Ledger, start: Callable[..., ExecutionRow]) -> Callable[..., int]:
    """Run `flights-hourly` some days ago and return the run's number."""

    def ran(execution_key: str, *, days_ago: int, **changes: Any) -> int:
        began = NOW - timedelta(days=days_ago)
        start(execution_key, started_at=began, logical_date=began, **changes)
        ended = began + timedelta(minutes=1)
        return declared.executions.succeed(
            execution_key, ended_at=ended, counts=Counts(total_rows=1), watermark=None
        ).id

    return ran


@pytest.fixture
def full(declared: Ledger, run: Callable[..., int], query: Query) -> Ledger:
    """The ledger with an old run and its child, a new one, and something of every kind that refers to them."""
    declared.declared.synchronise(
        project(pipelines=(pipeline(anomaly_detection_rules=[{"metric_field": "total_rows"}]),)), now=LONG_AGO
    )
    run("new", days_ago=1)
    old = run("old", days_ago=100)
    run("child", days_ago=100, parent_execution_key="old")
    run("new child", days_ago=1, parent_execution_key="old")
    book = declared.checks
    book.record_results(
        [
            verdict("anomaly", Status.FAIL, at=LONG_AGO, execution_id=old),
            verdict("timeliness", Status.FAIL, at=LONG_AGO, execution_id=old),
            verdict("freshness", Status.FAIL, at=LONG_AGO, last_dml_timestamp=LONG_AGO.isoformat()),
            verdict("metric", Status.PASS, at=LONG_AGO),
        ]
    )
    newest = run("newest", days_ago=0)
    book.record_results(
        [
            verdict("anomaly", Status.PASS, execution_id=newest),
            verdict("timeliness", Status.PASS, execution_id=newest),
            verdict("freshness", Status.PASS),
        ]
    )
    log = QueryLog(connection_id="ops", started_at=LONG_AGO, ended_at=LONG_AGO, text="SELECT 1", user="u", query_id="q")
    declared.executions.record_queries(old, [log])
    change = SchemaChange(column="a", change="added", old_type=None, new_type="int", action="altered")
    declared.executions.record_schema_changes(old, [change])
    for state in ("sent", "pending"):
        query(
            "INSERT INTO observe.publication"
            " (publisher, kind, ordering_key, pipeline_execution_id, record, state, sent_at)"
            f" VALUES ('p', 'k', 'o', {old}, '{{}}', '{state}', timestamptz '{LONG_AGO.isoformat()}')"
        )
    for status in ("open", "resolved"):
        query(
            "INSERT INTO observe.alert (subject, check_name, severity, status, description, opened_at, last_seen_at,"
            f" resolved_at) SELECT 'a', '{status}', 'error', '{status}', 'd', t, t, t"
            f" FROM (VALUES (timestamptz '{LONG_AGO.isoformat()}')) v(t)"
        )
    return declared


DELETED = {
    **NOTHING,
    "total_pipeline_executions_deleted": 2,
    "total_timeliness_pipeline_execution_logs_deleted": 1,
    "total_anomaly_detection_results_deleted": 1,
    "total_pipeline_execution_closure_parent_deleted": 4,
    "total_freshness_pipeline_logs_deleted": 1,
    "total_check_results_deleted": 4,
    "total_check_statuses_deleted": 1,
    "total_query_logs_deleted": 1,
    "total_schema_changes_deleted": 1,
    "total_publications_deleted": 1,
    "total_alerts_deleted": 1,
}


@pytest.mark.parametrize("batch_size", [1, 10_000])
def test_what_a_dry_run_counts_is_what_is_deleted_in_batches_of_any_size(
    full: Ledger, query: Query, batch_size: int
) -> None:
    promised = full.prune(now=NOW, dry_run=True)
    deleted = full.prune(now=NOW, batch_size=batch_size)
    of_closure = ("total_pipeline_execution_closure_parent_deleted", "total_pipeline_execution_closure_child_deleted")
    assert promised == DELETED
    assert {**deleted, **dict.fromkeys(of_closure, 0)} == {**DELETED, **dict.fromkeys(of_closure, 0)}
    assert sum(deleted[name] for name in of_closure) == 4
    assert full.prune(now=NOW) == NOTHING
    kept = query("SELECT execution_key, parent_id FROM observe.pipeline_execution ORDER BY start_date, id")
    assert kept == [("new", None), ("new child", None), ("newest", None)]
    assert query("SELECT state, pipeline_execution_id FROM observe.publication") == [("pending", None)]
    assert query("SELECT status FROM observe.alert") == [("open",)]
    assert (
        query("SELECT child_execution_id = parent_execution_id FROM observe.pipeline_execution_closure")
        == [(True,)] * 3
    )


def test_a_dry_run_deletes_nothing(full: Ledger, query: Query) -> None:
    full.prune(now=NOW, dry_run=True)
    assert query("SELECT count(*) FROM observe.pipeline_execution") == [(5,)]


def test_a_run_that_was_recorded_late_goes_by_its_date_and_not_by_its_number(
    declared: Ledger, run: Callable[..., int], query: Query
) -> None:
    run("young", days_ago=1)
    run("recorded late", days_ago=200)
    assert declared.prune(now=NOW)["total_pipeline_executions_deleted"] == 1
    assert query("SELECT execution_key FROM observe.pipeline_execution") == [("young",)]


def test_runs_that_go_on_and_runs_that_a_check_stands_by_stay(
    declared: Ledger, run: Callable[..., int], start: Callable[..., ExecutionRow], query: Query
) -> None:
    start("open", started_at=LONG_AGO)
    judged = run("judged", days_ago=100)
    declared.checks.record_results([verdict("timeliness", Status.PASS, execution_id=judged)])
    assert declared.prune(now=NOW) == NOTHING
    assert query("SELECT count(*) FROM observe.pipeline_execution") == [(2,)]


def test_a_late_table_that_has_not_recovered_stays_on_record(declared: Ledger, query: Query) -> None:
    late = verdict("freshness", Status.FAIL, last_dml_timestamp=LONG_AGO.isoformat())
    declared.checks.record_results([late])
    assert declared.prune(now=NOW) == NOTHING
    assert query("SELECT count(*) FROM observe.freshness_pipeline_log") == [(1,)]


@pytest.mark.parametrize("wrong", [{"retention_days": 89}, {"batch_size": 0}])
def test_less_than_ninety_days_and_no_batches_are_refused(ledger: Ledger, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is at least"):
        ledger.prune(now=NOW, **wrong)
