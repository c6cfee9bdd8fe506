"""Verdicts are kept when they say something new, and what follows from them is written once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from observe_dagster.config.project import Project
from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import Counts, Status
from tests.integration.ledger.declared_project import NOW, pipeline, project
from tests.integration.ledger.judged import ASSET, verdict

Query = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., ExecutionRow]
TIMELINESS_LOG = "observe.timeliness_pipeline_execution_log"
MINUTE = timedelta(minutes=1)
RULES = [{"metric_field": "total_rows"}, {"metric_field": "duration_seconds"}]


@pytest.fixture
def ruled(declared: Ledger) -> Ledger:
    """The ledger with two rules for `flights-hourly`."""
    declared.declared.synchronise(project(pipelines=(pipeline(anomaly_detection_rules=RULES),)), now=NOW)
    return declared


@pytest.fixture
def ended(ruled: Ledger, start: Start) -> Callable[[str], int]:
    """Run `flights-hourly` to a good end and return the run's number."""

    def run(execution_key: str) -> int:
        start(execution_key)
        counts = Counts(total_rows=5, inserts=5)
        return ruled.executions.succeed(execution_key, ended_at=NOW + MINUTE, counts=counts, watermark=None).id

    return run


def test_a_standing_check_that_says_the_same_every_minute_is_kept_once_a_day(declared: Ledger) -> None:
    book = declared.checks
    for minute in range(0, 26 * 60, 30):
        book.record_results([verdict("freshness", Status.PASS, at=NOW + minute * MINUTE)])
    kept = [found.judged_at - NOW for found in book.history(ASSET, "freshness")]
    assert kept == [timedelta(days=1), timedelta(0)]


def test_a_change_is_kept_and_the_standing_says_since_when(declared: Ledger) -> None:
    book = declared.checks
    for minute, status in enumerate([Status.PASS, Status.FAIL, Status.FAIL, Status.PASS]):
        book.record_results([verdict("freshness", status, at=NOW + minute * MINUTE)])
    (standing,) = book.statuses()
    assert (standing.asset, standing.check_name, standing.pipeline_id) == (ASSET, "freshness", "flights-hourly")
    assert (standing.status, standing.since) == (Status.PASS, NOW + 3 * MINUTE)
    history = book.history(ASSET, "freshness")
    assert [found.status for found in history] == [Status.PASS, Status.FAIL, Status.PASS]


def test_what_is_measured_on_a_schedule_is_kept_each_time(declared: Ledger) -> None:
    book = declared.checks
    for minute in range(3):
        book.record_results([verdict("metric", Status.PASS, at=NOW + minute * MINUTE, value=float(minute))])
    book.record_results([verdict("metric", Status.PASS, at=NOW + 2 * MINUTE, value=2.0)])
    assert [found.value for found in book.history(ASSET, "metric")] == [2.0, 1.0, 0.0]
    assert [found.value for found in book.history(ASSET, "metric", limit=1, before=NOW + MINUTE)] == [0.0]


def test_a_failing_measurement_is_flagged_and_so_no_part_of_its_own_baseline(declared: Ledger) -> None:
    declared.checks.record_results([verdict("metric", Status.FAIL)])
    assert [found.flagged for found in declared.checks.history(ASSET, "metric")] == [True]


def test_a_late_table_is_logged_once_per_alert_until_it_recovers(declared: Ledger, query: Query) -> None:
    def log() -> list[tuple[Any, ...]]:
        return query(
            "SELECT freshness_number, recovered_at IS NOT NULL FROM observe.freshness_pipeline_log ORDER BY id"
        )

    for minute in range(3):
        declared.checks.record_results([verdict("freshness", Status.FAIL, at=NOW + minute * MINUTE)])
    assert log() == [(2, False)]
    declared.checks.record_results([verdict("freshness", Status.PASS, at=NOW + 3 * MINUTE)])
    assert log() == [(2, True)]
    later = {"last_dml_timestamp": (NOW + 3 * MINUTE).isoformat()}
    declared.checks.record_results([verdict("freshness", Status.FAIL, at=NOW + timedelta(hours=9), **later)])
    assert log() == [(2, True), (2, False)]


def test_a_late_run_is_logged_once_and_its_end_is_noted(
    declared: Ledger, ended: Callable[[str], int], query: Query
) -> None:
    number = ended("run-1")
    going = verdict("timeliness", Status.FAIL, execution_id=number, execution_status="running", value=700.0)
    done = verdict("timeliness", Status.FAIL, at=NOW + MINUTE, execution_id=number, value=900.0)
    for result in (going, going):
        declared.checks.record_results([result])
    assert query("SELECT timeliness_judged_at FROM observe.pipeline_execution") == [(None,)]
    for result in (done, done):
        declared.checks.record_results([result])
    log = query(f"SELECT pipeline_execution_id, duration_seconds, execution_status FROM {TIMELINESS_LOG}")
    assert log == [(number, 900.0, "completed")]
    assert query("SELECT timeliness_judged_at IS NULL FROM observe.pipeline_execution") == [(False,)]


def test_an_anomaly_is_written_once_and_flags_are_added_to_those_that_are_there(
    ruled: Ledger, ended: Callable[[str], int], query: Query
) -> None:
    number = ended("run-1")
    rows = verdict("anomaly", Status.FAIL, execution_id=number)
    took = verdict(
        "anomaly",
        Status.FAIL,
        execution_id=number,
        check_name="anomaly_duration_seconds",
        metric_field="duration_seconds",
    )
    for results in ([rows], [took], [rows, took]):
        ruled.checks.record_results(results)
    assert ruled.executions.get(number).anomaly_flags == {"total_rows": True, "duration_seconds": True}
    assert query("SELECT count(*), min(violation_value) FROM observe.anomaly_detection_result") == [(2, 1.0)]
    assert len(ruled.checks.history(ASSET, "anomaly_total_rows")) == 1


def test_a_run_that_is_judged_again_and_passes_is_no_anomaly_any_more(
    ruled: Ledger, ended: Callable[[str], int], query: Query
) -> None:
    number = ended("run-1")
    ruled.checks.record_results([verdict("anomaly", Status.FAIL, execution_id=number)])
    ruled.checks.record_results([verdict("anomaly", Status.PASS, at=NOW + MINUTE, execution_id=number)])
    assert ruled.executions.get(number).anomaly_flags is None
    assert query("SELECT count(*) FROM observe.anomaly_detection_result") == [(0,)]
    (found,) = ruled.checks.history(ASSET, "anomaly_total_rows")
    assert (found.status, found.flagged) == (Status.PASS, False)


def test_an_older_runs_verdict_does_not_change_how_the_check_stands(ruled: Ledger, ended: Callable[[str], int]) -> None:
    older, newer = ended("run-1"), ended("run-2")
    ruled.checks.record_results([verdict("anomaly", Status.PASS, judged_at=NOW, execution_id=newer)])
    ruled.checks.record_results([verdict("anomaly", Status.FAIL, judged_at=NOW - MINUTE, execution_id=older)])
    (standing,) = ruled.checks.statuses()
    assert (standing.status, standing.execution_id) == (Status.PASS, newer)
    assert len(ruled.checks.history(ASSET, "anomaly_total_rows")) == 2


def test_unflagging_takes_back_what_was_found_and_leaves_the_other_flags(
    ruled: Ledger, ended: Callable[[str], int], query: Query
) -> None:
    number = ended("run-1")
    took = {"check_name": "anomaly_duration_seconds", "metric_field": "duration_seconds"}
    found = [
        verdict("anomaly", Status.FAIL, execution_id=number),
        verdict("anomaly", Status.FAIL, execution_id=number, **took),
    ]
    ruled.checks.record_results(found)
    assert ruled.checks.unflag("flights-hourly", number, ["total_rows", "inserts"]) == ("total_rows",)
    assert ruled.executions.get(number).anomaly_flags == {"total_rows": False, "duration_seconds": True}
    assert query("SELECT count(*) FROM observe.anomaly_detection_result") == [(1,)]
    assert [one.flagged for one in ruled.checks.history(ASSET, "anomaly_total_rows")] == [False]
    ruled.checks.record_results(found)
    assert ruled.executions.get(number).anomaly_flags == {"total_rows": False, "duration_seconds": True}


def test_unflagging_what_is_not_there_says_what_is_missing(
    declared: Ledger, start: Start, ended: Callable[[str], int]
) -> None:
    number, book = ended("run-1"), declared.checks
    other = start("other", pipeline_id="flights-daily").id
    with pytest.raises(NotFoundError, match="no pipeline 'flights'"):
        book.unflag("flights", number, ["total_rows"])
    with pytest.raises(NotFoundError, match="no run of pipeline flights-hourly '999'"):
        book.unflag("flights-hourly", 999, ["total_rows"])
    with pytest.raises(NotFoundError, match="no run of pipeline flights-hourly"):
        book.unflag("flights-hourly", other, ["total_rows"])
    with pytest.raises(NotFoundError, match="no anomaly flag of run"):
        book.unflag("flights-hourly", number, ["total_rows"])


def test_a_verdict_on_an_asset_that_nobody_declared_is_kept_too(ledger: Ledger) -> None:
    ledger.checks.record_results([verdict("metric", Status.PASS)])
    assert [found.pipeline_id for found in ledger.checks.statuses(ASSET)] == [None]


@pytest.mark.parametrize(
    "changed",
    [
        project(pipelines=(pipeline(anomaly_detection_rules=RULES[1:]),)),
        project(pipelines=(pipeline(anomaly_detection_rules=[{**RULES[0], "active": False}]),)),
        project(pipelines=()),
    ],
    ids=["rule removed", "rule inactive", "pipeline removed"],
)
def test_an_anomaly_check_that_is_no_longer_declared_rests(
    ruled: Ledger, ended: Callable[[str], int], changed: Project
) -> None:
    ruled.checks.record_results([verdict("anomaly", Status.FAIL, execution_id=ended("run-1"))])
    ruled.declared.synchronise(changed, now=NOW + MINUTE)
    (standing,) = ruled.checks.statuses()
    assert (standing.status, standing.since) == (Status.SKIPPED, NOW + MINUTE)


def test_recording_nothing_is_fine(ledger: Ledger) -> None:
    ledger.checks.record_results([])
    assert ledger.checks.statuses() == []
