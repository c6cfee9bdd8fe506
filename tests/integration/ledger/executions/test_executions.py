"""Runs on record: idempotent starts and ends, and the watermark that only its own run may move."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from observe_dagster.errors import LedgerConflictError, LedgerError, NotFoundError
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import Counts, RunStatus, RunType
from tests.integration.ledger.declared_project import NOW

Start = Callable[..., ExecutionRow]
END = NOW + timedelta(seconds=4)
COUNTS = Counts(total_rows=10, inserts=5, updates=2, unchanged=1, soft_deletes=1, rejected=1, bytes=900, table_rows=50)


def _succeed(ledger: Ledger, key: str = "run-1", watermark: str | None = "10", **changes: object) -> ExecutionRow:
    facts = {"ended_at": END, "counts": COUNTS, "watermark": watermark}
    return ledger.executions.succeed(key, **{**facts, **changes})  # pyright: ignore[reportArgumentType]


def test_a_started_run_has_every_fact_and_makes_the_pipeline_running(declared: Ledger, start: Start) -> None:
    run = start(dagster_run_id="abc", metadata={"host": "worker-1"}, range_start="5", watermark="5")
    assert (run.pipeline_id, run.execution_key, run.type, run.status) == (
        "flights-hourly",
        "run-1",
        RunType.SCHEDULED,
        RunStatus.RUNNING,
    )
    assert (run.range_start, run.range_end, run.watermark, run.next_watermark) == ("5", "10", "5", "10")
    assert (run.start_date, run.logical_date, run.dagster_run_id) == (NOW, NOW, "abc")
    assert run.execution_metadata == {"host": "worker-1"}
    assert run.counts is None
    assert run.is_open
    stored = declared.declared.pipeline("flights-hourly")
    assert (stored.status, stored.next_watermark, stored.watermark) == ("running", "10", None)
    assert declared.executions.get(run.id) == run == declared.executions.by_key("run-1")


def test_day_and_hour_are_recorded_in_utc(start: Start, query: Callable[[str], list[tuple[object, ...]]]) -> None:
    start(started_at=datetime(2024, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5))))
    rows = query("SELECT date_recorded::text, hour_recorded FROM observe.pipeline_execution")
    assert rows == [("2024-02-29", 20)]


def test_times_come_back_in_utc_whatever_zone_they_were_given_in(start: Start) -> None:
    run = start(started_at=NOW.astimezone(timezone(timedelta(hours=-7))))
    assert run.start_date == NOW
    assert run.start_date.tzinfo is UTC


def test_starting_again_with_the_same_facts_answers_the_same_run(start: Start) -> None:
    first = start()
    assert start(started_at=NOW + timedelta(minutes=1), dagster_run_id="other") == first


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline_id": "flights-daily"},
        {"run_type": RunType.MANUAL},
        {"logical_date": END},
        {"range_start": "1"},
        {"range_end": "11"},
        {"watermark": "1"},
        {"next_watermark": "11"},
        {"moves_watermark": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_starting_again_with_another_fact_is_a_conflict(start: Start, change: dict[str, object]) -> None:
    start()
    with pytest.raises(LedgerConflictError, match="'run-1' was already started with other facts"):
        start(**change)


def test_many_processes_starting_one_key_at_once_make_one_run(start: Start, declared: Ledger) -> None:
    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(start, ["run-1"] * 12))
    assert {run.id for run in runs} == {runs[0].id}
    assert declared.executions.page("flights-hourly").total_items == 1


def test_a_run_of_an_unknown_pipeline_is_refused_with_a_suggestion(start: Start) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'flights-hourly'"):
        start(pipeline_id="flight-hourly")


def test_success_records_what_moved_and_advances_the_watermark(declared: Ledger, start: Start) -> None:
    start(metadata={"a": 1})
    run = _succeed(declared, metadata={"b": 2})
    assert (run.status, run.completed_successfully, run.end_date) == (RunStatus.SUCCESS, True, END)
    assert run.counts == COUNTS
    assert run.duration_seconds == 4.0
    assert run.throughput == 2.5
    assert run.reached_watermark == "10"
    assert run.execution_metadata == {"a": 1, "b": 2}
    stored = declared.declared.pipeline("flights-hourly")
    assert (stored.status, stored.watermark) == ("idle", "10")
    assert (stored.last_target_insert, stored.last_target_update, stored.last_target_soft_delete) == (END, END, END)


def test_a_count_of_zero_leaves_the_time_of_the_last_change(declared: Ledger, start: Start) -> None:
    start()
    _succeed(declared, counts=Counts(total_rows=3, unchanged=3))
    stored = declared.declared.pipeline("flights-hourly")
    assert (stored.last_target_insert, stored.last_target_update, stored.last_target_soft_delete) == (None, None, None)


def test_total_rows_alone_counts_as_a_load(declared: Ledger, start: Start) -> None:
    start()
    _succeed(declared, counts=Counts(total_rows=3))
    assert declared.declared.pipeline("flights-hourly").last_target_insert == END


def test_counts_beyond_32_bits_are_kept(declared: Ledger, start: Start) -> None:
    start()
    huge = Counts(total_rows=3_000_000_000, inserts=3_000_000_000, bytes=10**15)
    assert _succeed(declared, counts=huge).counts == huge


def test_a_run_that_may_not_move_the_watermark_leaves_it(declared: Ledger, start: Start) -> None:
    start(moves_watermark=False)
    _succeed(declared, force_watermark=True)
    assert declared.declared.pipeline("flights-hourly").watermark is None


def test_success_without_a_watermark_never_resets_it(declared: Ledger, start: Start) -> None:
    declared.declared.set_watermark("flights-hourly", "5")
    start(watermark="5")
    _succeed(declared, watermark=None)
    assert declared.declared.pipeline("flights-hourly").watermark == "5"


def test_the_watermark_stays_when_it_is_not_where_the_run_started_from(declared: Ledger, start: Start) -> None:
    start()
    declared.declared.set_watermark("flights-hourly", "20")
    assert _succeed(declared).status is RunStatus.SUCCESS
    assert declared.declared.pipeline("flights-hourly").watermark == "20"


def test_force_moves_the_watermark_from_anywhere(declared: Ledger, start: Start) -> None:
    start()
    declared.declared.set_watermark("flights-hourly", "7")
    _succeed(declared, force_watermark=True)
    assert declared.declared.pipeline("flights-hourly").watermark == "10"


def test_of_two_runs_from_the_same_watermark_only_the_first_to_end_moves_it(declared: Ledger, start: Start) -> None:
    start("run-1")
    start("run-2", range_end="20", next_watermark="20")
    _succeed(declared, "run-1", "10")
    _succeed(declared, "run-2", "20")
    assert declared.declared.pipeline("flights-hourly").watermark == "10"


def test_the_pipeline_is_running_until_its_last_open_run_ends(declared: Ledger, start: Start) -> None:
    start("run-1")
    start("run-2")
    _succeed(declared, "run-1")
    assert declared.declared.pipeline("flights-hourly").status == "running"
    declared.executions.fail("run-2", ended_at=END, errors=["gone"])
    assert declared.declared.pipeline("flights-hourly").status == "idle"


def test_ending_twice_with_the_same_facts_changes_nothing(declared: Ledger, start: Start) -> None:
    start()
    first = _succeed(declared)
    declared.declared.set_watermark("flights-hourly", "99")
    assert _succeed(declared) == first
    assert declared.declared.pipeline("flights-hourly").watermark == "99"


@pytest.mark.parametrize(
    "change",
    [{"ended_at": END + timedelta(seconds=1)}, {"counts": Counts(total_rows=1)}, {"watermark": "11"}],
    ids=lambda change: next(iter(change)),
)
def test_ending_twice_with_another_fact_is_a_conflict(
    declared: Ledger, start: Start, change: dict[str, object]
) -> None:
    start()
    _succeed(declared)
    with pytest.raises(LedgerConflictError, match="already ended as success"):
        _succeed(declared, **change)


def test_failing_keeps_the_errors_and_the_watermark(declared: Ledger, start: Start) -> None:
    declared.declared.set_watermark("flights-hourly", "5")
    start(watermark="5")
    run = declared.executions.fail("run-1", ended_at=END, errors=["no route", "Zürich ✈ 東京 \x00 \ud800"])
    assert (run.status, run.completed_successfully, run.duration_seconds) == (RunStatus.FAILED, False, 4.0)
    assert run.errors == ("no route", "Zürich ✈ 東京  ?")
    assert declared.declared.pipeline("flights-hourly").watermark == "5"


def test_failing_twice_with_the_same_facts_changes_nothing_and_with_others_conflicts(
    declared: Ledger, start: Start
) -> None:
    start()
    first = declared.executions.fail("run-1", ended_at=END, errors=["one"])
    assert declared.executions.fail("run-1", ended_at=END, errors=["one"]) == first
    with pytest.raises(LedgerConflictError):
        declared.executions.fail("run-1", ended_at=END, errors=["two"])
    with pytest.raises(LedgerConflictError):
        declared.executions.fail("run-1", ended_at=END, errors=["one"], status=RunStatus.STOPPED)


def test_success_does_not_follow_failure_unless_the_failure_is_overruled(declared: Ledger, start: Start) -> None:
    start()
    declared.executions.fail("run-1", ended_at=END, errors=["lost the answer"])
    with pytest.raises(LedgerConflictError, match="already ended as failed"):
        _succeed(declared)
    run = _succeed(declared, overrule_failure=True)
    assert (run.status, run.completed_successfully, run.errors) == (RunStatus.SUCCESS, True, ())
    assert declared.declared.pipeline("flights-hourly").watermark == "10"


def test_a_success_that_somebody_else_has_recorded_is_told_again_by_the_run_itself(
    declared: Ledger, start: Start
) -> None:
    start()
    recorded = _succeed(declared, ended_at=END - timedelta(seconds=1))
    assert _succeed(declared, overrule_failure=True) == recorded
    with pytest.raises(LedgerConflictError):
        _succeed(declared, overrule_failure=True, watermark="11")


def test_failure_never_follows_success(declared: Ledger, start: Start) -> None:
    start()
    _succeed(declared)
    with pytest.raises(LedgerConflictError, match="already ended as success"):
        declared.executions.fail("run-1", ended_at=END, errors=["late"])


@pytest.mark.parametrize("ended_at", [NOW, NOW - timedelta(seconds=1)], ids=["at its start", "before its start"])
def test_a_run_cannot_end_before_it_took_time(declared: Ledger, start: Start, ended_at: datetime) -> None:
    start()
    with pytest.raises(LedgerError, match="cannot end at"):
        _succeed(declared, ended_at=ended_at)
    with pytest.raises(LedgerError, match="cannot end at"):
        declared.executions.fail("run-1", ended_at=ended_at, errors=[])
    assert declared.executions.by_key("run-1").is_open


def test_ending_a_run_that_never_started_is_not_found(declared: Ledger) -> None:
    with pytest.raises(NotFoundError, match="execution 'nobody'"):
        _succeed(declared, "nobody")


def test_retries_keep_the_errors_of_earlier_attempts(declared: Ledger, start: Start) -> None:
    start()
    declared.executions.mark_retrying("run-1", error="first", attempt=2)
    assert declared.executions.by_key("run-1").status is RunStatus.RETRYING
    assert declared.executions.mark_running("run-1").status is RunStatus.RUNNING
    declared.executions.mark_retrying("run-1", error="second", attempt=3)
    run = _succeed(declared)
    assert (run.attempts, run.retry_errors, run.errors) == (3, ("first", "second"), ())


def test_an_ended_run_is_not_retried(declared: Ledger, start: Start) -> None:
    start()
    _succeed(declared)
    with pytest.raises(LedgerConflictError):
        declared.executions.mark_retrying("run-1", error="late", attempt=2)
    with pytest.raises(LedgerConflictError):
        declared.executions.mark_running("run-1")


def test_a_success_that_clears_the_fault_ends_idle_and_one_that_does_not_stays_faulted(
    declared: Ledger, start: Start
) -> None:
    declared.declared.fault_pipeline("flights-hourly", ["broken"])
    start("run-1")
    assert declared.declared.pipeline("flights-hourly").status == "running"
    _succeed(declared, "run-1")
    assert declared.declared.pipeline("flights-hourly").status == "faulted"
    start("run-2", watermark="10")
    _succeed(declared, "run-2", "20", clear_fault=True)
    stored = declared.declared.pipeline("flights-hourly")
    assert (stored.status, stored.errors, stored.watermark) == ("idle", (), "20")


def test_a_run_and_its_children_of_any_depth_are_linked(declared: Ledger, start: Start) -> None:
    root = start("root")
    child = start("child", parent_execution_key="root")
    other = start("other", parent_execution_key="root", pipeline_id="flights-daily")
    grandchild = start("grandchild", parent_execution_key="child")
    assert grandchild.parent_id == child.id
    assert [run.id for run in declared.executions.children(root.id)] == [child.id, other.id, grandchild.id]
    assert [run.id for run in declared.executions.children(root.id, max_depth=1)] == [child.id, other.id]
    assert [run.id for run in declared.executions.children(child.id)] == [grandchild.id]
    assert declared.executions.children(grandchild.id) == []


def test_every_run_is_its_own_ancestor_at_depth_zero(
    start: Start, query: Callable[[str], list[tuple[object, ...]]]
) -> None:
    root, child = start("root"), start("child", parent_execution_key="root")
    rows = query("SELECT parent_execution_id, child_execution_id, depth FROM observe.pipeline_execution_closure")
    assert sorted(rows) == [(root.id, root.id, 0), (root.id, child.id, 1), (child.id, child.id, 0)]


def test_a_parent_that_does_not_exist_is_refused(start: Start, declared: Ledger) -> None:
    with pytest.raises(NotFoundError, match="execution 'nobody'"):
        start(parent_execution_key="nobody")
    assert declared.executions.open() == []
