"""Freshness, timeliness and anomalies of whole projects, judged from what the ledger knows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations, PipelineType
from observe_dagster.config.project import Project
from observe_dagster.ledger import EndedExecution, Ledger, WatchedAsset
from observe_dagster.monitoring.anomalies import judge_executions
from observe_dagster.monitoring.timing import changed_or_stale, judge_timing
from observe_dagster.records import CheckResult, Counts, RunType, Status
from tests.integration.ledger.declared_project import pipeline, project

START = datetime(2024, 3, 1, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FRESH = {"freshness_number": 2, "freshness_datepart": "hour"}
TIMELY = {"timeliness_number": 10, "timeliness_datepart": "minute"}
HOURLY = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T00:00:00Z", "delay": "5m"}
KEY = ("lake", "analytics", "flights")


class Watched:
    """One pipeline in a ledger, with runs as a test wants them; times are counted from START."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.project = ledger, Project()

    def declare(self, *, type_: dict[str, Any] | None = None, at: datetime = START, **changes: Any) -> None:
        """Declare `flights-hourly` anew."""
        types = (PipelineType(name="extraction", **(type_ or {})),)
        self.project = project(pipelines=(pipeline(**changes),), pipeline_types=types)
        self.ledger.declared.synchronise(self.project, now=at)

    def start(self, after: timedelta, key: str | None = None, **changes: Any) -> str:
        """Start a run."""
        key = key or f"run {after}"
        facts: dict[str, Any] = {
            "pipeline_id": "flights-hourly",
            "execution_key": key,
            "run_type": RunType.MANUAL,
            "logical_date": START + after,
            "range_start": None,
            "range_end": None,
            "watermark": None,
            "next_watermark": None,
            "started_at": START + after,
            "moves_watermark": False,
        }
        self.ledger.executions.start(**{**facts, **changes})
        return key

    def run(self, after: timedelta, took: timedelta = MINUTE, **counts: int) -> int:
        """Run from start to a good end and return the run's number."""
        key = self.start(after)
        ended = START + after + took
        return self.ledger.executions.succeed(key, ended_at=ended, counts=Counts(**counts), watermark=None).id

    def fail(self, after: timedelta, took: timedelta) -> int:
        """Run to a bad end."""
        key = self.start(after)
        return self.ledger.executions.fail(key, ended_at=START + after + took, errors=["no"]).id

    def standing(self, after: timedelta) -> list[CheckResult]:
        """Judge freshness and timeliness at a time."""
        return judge_timing(self.project, self.ledger, now=START + after)

    def statuses(self, after: timedelta) -> list[tuple[str, Status]]:
        """What is said at a time."""
        return [(result.check_name, result.outcome.status) for result in self.standing(after)]

    def anomalies(self, after: timedelta = timedelta(days=2), **chosen: Any) -> list[CheckResult]:
        """Judge runs at a time."""
        return judge_executions(self.project, self.ledger, now=START + after, **chosen)


@pytest.fixture
def watched(ledger: Ledger) -> Watched:
    """An empty ledger to declare a pipeline in."""
    return Watched(ledger)


def test_rows_that_are_only_counted_in_total_are_a_load(watched: Watched) -> None:
    watched.declare(**FRESH)
    watched.run(HOUR, total_rows=7)
    assert watched.statuses(3 * HOUR) == [("freshness", Status.PASS)]
    assert watched.statuses(3 * HOUR + 2 * MINUTE) == [("freshness", Status.FAIL)]


def test_a_run_that_changed_nothing_is_no_load(watched: Watched) -> None:
    watched.declare(**FRESH)
    watched.run(HOUR, total_rows=7, unchanged=7)
    assert watched.statuses(2 * HOUR + MINUTE) == [("freshness", Status.FAIL)]


def test_a_pipeline_that_was_never_loaded_counts_from_when_it_was_declared(watched: Watched) -> None:
    watched.declare(**FRESH)
    assert watched.statuses(2 * HOUR) == [("freshness", Status.PASS)]
    assert watched.statuses(2 * HOUR + MINUTE) == [("freshness", Status.FAIL)]


def test_the_type_says_what_the_pipeline_does_not_and_either_may_mute(watched: Watched) -> None:
    watched.declare(type_={"freshness_number": 1, "freshness_datepart": "hour"})
    assert watched.statuses(90 * MINUTE) == [("freshness", Status.FAIL)]
    watched.declare(type_={"freshness_number": 1, "freshness_datepart": "hour"}, **FRESH)
    assert watched.statuses(90 * MINUTE) == [("freshness", Status.PASS)]
    watched.declare(type_={"mute_freshness_check": True}, **FRESH)
    assert watched.statuses(9 * HOUR) == [("freshness", Status.SKIPPED)]


def test_a_pipeline_that_expects_nothing_has_no_check(watched: Watched) -> None:
    watched.declare()
    assert watched.statuses(9 * HOUR) == []


def test_a_paused_pipeline_is_skipped_and_says_so(watched: Watched) -> None:
    watched.declare(**FRESH, **TIMELY, schedule=HOURLY)
    watched.ledger.declared.pause("flights-hourly")
    results = watched.standing(9 * HOUR)
    assert [result.outcome.status for result in results] == [Status.SKIPPED, Status.SKIPPED]
    assert all("is paused" in result.outcome.reason for result in results)


def test_a_removed_pipeline_and_a_removed_expectation_are_skipped_once_and_then_silent(watched: Watched) -> None:
    watched.declare(**FRESH, **TIMELY)
    watched.start(HOUR)
    watched.ledger.checks.record_results(watched.standing(9 * HOUR))
    watched.declare(**FRESH)
    results = watched.standing(9 * HOUR)
    assert [result.outcome.status for result in results] == [Status.FAIL, Status.SKIPPED]
    assert "No timeliness is declared" in results[1].outcome.reason
    watched.ledger.checks.record_results(results)
    assert watched.statuses(10 * HOUR) == [("freshness", Status.FAIL)]
    watched.ledger.declared.synchronise(Project(), now=START)
    results = watched.standing(10 * HOUR)
    assert [(result.outcome.status, "inactive" in result.outcome.reason) for result in results] == [
        (Status.SKIPPED, True)
    ]
    watched.ledger.checks.record_results(results)
    assert watched.standing(10 * HOUR) == []


def test_a_run_that_goes_on_is_late_however_long_ago_it_started(watched: Watched) -> None:
    watched.declare(**TIMELY)
    watched.start(timedelta(days=-400))
    watched.run(HOUR)
    (*_, result) = watched.standing(HOUR)
    assert result.outcome.status is Status.FAIL
    assert result.outcome.evidence["execution_status"] == "running"
    assert result.outcome.value == timedelta(days=400, hours=1).total_seconds()


def test_a_failed_run_that_took_too_long_is_late_too(watched: Watched) -> None:
    watched.declare(**TIMELY)
    number = watched.fail(HOUR, took=11 * MINUTE)
    (result,) = watched.standing(2 * HOUR)
    assert (result.outcome.status, result.execution_id) == (Status.FAIL, number)


def test_each_run_that_ended_is_judged_once_and_the_last_one_stands(watched: Watched) -> None:
    watched.declare(**TIMELY)
    late, good = watched.run(HOUR, took=20 * MINUTE), watched.run(2 * HOUR)
    results = watched.standing(3 * HOUR)
    assert [(result.execution_id, result.outcome.status) for result in results] == [
        (late, Status.FAIL),
        (good, Status.PASS),
    ]
    watched.ledger.checks.record_results(results)
    assert [result.execution_id for result in watched.standing(4 * HOUR)] == [good]
    assert [found.execution_id for found in watched.ledger.checks.history(KEY, "timeliness")] == [good, late]


def test_a_run_in_progress_does_not_hide_that_the_last_one_was_late(watched: Watched) -> None:
    watched.declare(**TIMELY)
    late = watched.run(HOUR, took=20 * MINUTE)
    watched.start(2 * HOUR)
    assert [(found.execution_id, found.outcome.status) for found in watched.standing(2 * HOUR + MINUTE)] == [
        (late, Status.FAIL)
    ]


def _scheduled(watched: Watched, hour: int, **changes: Any) -> str:
    """Start the run of the interval that ends at an hour, when it is due."""
    facts = {"run_type": RunType.SCHEDULED, "logical_date": START + (hour - 1) * HOUR, **changes}
    return watched.start(hour * HOUR + 5 * MINUTE, f"scheduled {hour}", **facts)


def _finish(watched: Watched, key: str) -> None:
    began = watched.ledger.executions.by_key(key).start_date
    watched.ledger.executions.succeed(key, ended_at=began + MINUTE, counts=Counts(), watermark=None)


def test_a_scheduled_run_that_never_starts_is_late(watched: Watched) -> None:
    watched.declare(**TIMELY, schedule=HOURLY)
    _finish(watched, _scheduled(watched, 1))
    assert watched.statuses(2 * HOUR + 15 * MINUTE) == [("timeliness", Status.PASS)]
    (*_, result) = watched.standing(2 * HOUR + 16 * MINUTE)
    assert (result.outcome.status, result.execution_id) == (Status.FAIL, None)
    assert "2024-03-01 02:05:00 UTC, and has not started" in result.outcome.reason
    watched.run(2 * HOUR + 17 * MINUTE)
    assert watched.statuses(2 * HOUR + 20 * MINUTE)[-1] == ("timeliness", Status.PASS)


def test_a_first_run_that_never_starts_is_late_but_not_for_intervals_before_it_was_declared(watched: Watched) -> None:
    watched.declare(**TIMELY, schedule=HOURLY, at=START + 5 * HOUR + 30 * MINUTE)
    assert watched.statuses(6 * HOUR + 15 * MINUTE) == [("timeliness", Status.PASS)]
    assert watched.statuses(6 * HOUR + 16 * MINUTE) == [("timeliness", Status.FAIL)]


@pytest.mark.parametrize(
    "sync_mode",
    [{"from": "2024-03-01T12:00:00Z"}, {"until": "2024-03-01T00:30:00Z"}],
    ids=["not begun", "at its end"],
)
def test_no_run_is_due_where_there_is_nothing_to_read(watched: Watched, sync_mode: dict[str, str]) -> None:
    mode = {"type": "incremental", "iterator_field": "changed", "iterator_data_type": "timestamp", **sync_mode}
    watched.declare(**TIMELY, schedule=HOURLY, sync_mode=mode)
    _finish(watched, _scheduled(watched, 1))
    assert watched.statuses(9 * HOUR)[-1] == ("timeliness", Status.PASS)


def test_a_run_that_caught_up_over_several_windows_covers_them(watched: Watched) -> None:
    watched.declare(**TIMELY, schedule=HOURLY)
    _finish(watched, _scheduled(watched, 1, range_end=(START + 4 * HOUR).isoformat()))
    assert watched.statuses(5 * HOUR + 15 * MINUTE)[-1] == ("timeliness", Status.PASS)
    assert watched.statuses(5 * HOUR + 16 * MINUTE)[-1] == ("timeliness", Status.FAIL)


def test_no_run_is_due_of_a_faulted_pipeline(watched: Watched) -> None:
    watched.declare(**TIMELY, schedule=HOURLY)
    _finish(watched, _scheduled(watched, 1))
    watched.ledger.declared.fault_pipeline("flights-hourly", ["no"])
    assert watched.statuses(9 * HOUR)[-1] == ("timeliness", Status.PASS)


def test_freshness_and_timeliness_of_many_pipelines_take_one_query(watched: Watched) -> None:
    watched.project = project(
        pipelines=tuple(pipeline(id=f"p{n}", name=f"P {n}", **FRESH, **TIMELY) for n in range(20))
    )
    watched.ledger.declared.synchronise(watched.project, now=START)
    asked: list[str] = []
    sa.event.listen(watched.ledger.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert len(watched.standing(HOUR)) == 40
    assert len(asked) == 1


@pytest.fixture
def counted(watched: Watched) -> Callable[..., list[int]]:
    """Declare a rule on total_rows and run every hour with these counts."""

    def run(*rows: int, **rule: Any) -> list[int]:
        watched.declare(anomaly_detection_rules=[{"metric_field": "total_rows", **rule}])
        return [watched.run(n * HOUR, total_rows=count, inserts=count) for n, count in enumerate(rows)]

    return run


STEADY = (1000, 1010, 990, 1005, 1001, 1012, 995, 998, 1003, 1007, 1002, 996)


def test_runs_that_nobody_judged_are_judged_once_in_the_order_they_ran(
    watched: Watched, counted: Callable[..., list[int]]
) -> None:
    numbers = counted(*STEADY, 9)
    results = watched.anomalies()
    assert [result.execution_id for result in results] == numbers
    assert [result.outcome.status for result in results] == [Status.LEARNING] * 8 + [Status.PASS] * 4 + [Status.FAIL]
    assert (results[-1].asset, results[-1].check_name) == (KEY, "anomaly_total_rows")
    watched.ledger.checks.record_results(results)
    assert watched.ledger.executions.get(numbers[-1]).anomaly_flags == {"total_rows": True}
    assert watched.anomalies() == []
    assert [found.execution_id for found in watched.anomalies(latest=True)] == [numbers[-1]]


def test_a_flagged_run_is_no_baseline_until_it_is_unflagged(
    watched: Watched, counted: Callable[..., list[int]]
) -> None:
    numbers = counted(*STEADY, 9)
    watched.ledger.checks.record_results(watched.anomalies())
    later = watched.run(20 * HOUR, total_rows=1000)
    (before,) = watched.anomalies(execution_ids=[later])
    assert (before.outcome.evidence["n"], before.outcome.evidence["flagged_runs_left_out"]) == (12, 1)
    watched.ledger.checks.unflag("flights-hourly", numbers[-1], ["total_rows"])
    (after,) = watched.anomalies(execution_ids=[later])
    assert (after.outcome.evidence["n"], after.outcome.evidence["flagged_runs_left_out"]) == (13, 0)
    again = watched.anomalies()
    assert [(found.execution_id, found.outcome.status) for found in again] == [
        (numbers[-1], Status.PASS),
        (later, Status.PASS),
    ]
    assert "Somebody said that this is no anomaly." in again[0].outcome.reason
    watched.ledger.checks.record_results(again)
    assert watched.ledger.executions.get(numbers[-1]).anomaly_flags == {"total_rows": False}


def test_a_number_among_the_metadata_is_judged_like_any_metric(watched: Watched) -> None:
    watched.ledger.watched.upsert(
        [WatchedAsset(asset_key="dbt/orders", rules=(AnomalyDetectionRule(metric_field="bytes billed"),))], now=START
    )
    for n, value in enumerate([*STEADY, 50_000, None, "many"]):
        ended = EndedExecution(
            asset_key="dbt/orders",
            execution_key=f"event {n}",
            ended_at=START + n * HOUR,
            execution_metadata={"bytes billed": value},
        )
        watched.ledger.watched.record([ended])
    results = watched.anomalies()
    assert [found.outcome.status for found in results[-3:]] == [Status.FAIL, Status.SKIPPED, Status.SKIPPED]
    assert (results[-1].asset, results[-1].check_name) == (("dbt", "orders"), "anomaly_bytes_billed")


def test_failed_runs_and_inactive_rules_are_not_judged(watched: Watched, counted: Callable[..., list[int]]) -> None:
    counted(*STEADY)
    watched.ledger.checks.record_results(watched.anomalies())
    watched.fail(20 * HOUR, took=MINUTE)
    assert watched.anomalies() == []
    watched.declare(anomaly_detection_rules=[{"metric_field": "total_rows", "active": False}])
    assert watched.anomalies(latest=True) == []


def test_an_observed_asset_is_judged_for_freshness_and_slow_runs_like_a_pipeline(watched: Watched) -> None:
    expected = Expectations.model_validate({**FRESH, **TIMELY})
    watched.ledger.watched.upsert(
        [WatchedAsset(asset_key="dbt/orders", name="Orders", expectations=expected)], now=START
    )
    ended = EndedExecution(asset_key="dbt/orders", execution_key="a", started_at=START, ended_at=START + 20 * MINUTE)
    watched.ledger.watched.record([ended])
    assert watched.statuses(HOUR) == [("freshness", Status.PASS), ("timeliness", Status.FAIL)]
    assert {result.asset for result in watched.standing(HOUR)} == {("dbt", "orders")}


def test_only_what_changed_or_is_a_day_old_is_told(watched: Watched) -> None:
    watched.declare(**FRESH)

    def told(after: timedelta) -> list[Status]:
        results, now = watched.standing(after), START + after
        chosen = changed_or_stale(results, watched.ledger.checks.statuses(), now=now)
        watched.ledger.checks.record_results(results)
        return [result.outcome.status for result in chosen]

    assert told(HOUR) == [Status.PASS]
    assert told(HOUR + MINUTE) == []
    assert told(3 * HOUR) == [Status.FAIL]
    assert told(26 * HOUR) == []
    assert told(27 * HOUR) == [Status.FAIL]


def test_a_late_run_and_the_good_one_after_it_are_both_told(watched: Watched) -> None:
    watched.declare(**TIMELY)
    watched.run(HOUR)
    watched.ledger.checks.record_results(watched.standing(HOUR + 2 * MINUTE))
    watched.run(2 * HOUR, took=20 * MINUTE)
    watched.run(3 * HOUR)
    now = START + 4 * HOUR
    chosen = changed_or_stale(watched.standing(4 * HOUR), watched.ledger.checks.statuses(), now=now)
    assert [result.outcome.status for result in chosen] == [Status.FAIL, Status.PASS]
