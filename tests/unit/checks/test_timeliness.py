"""Timeliness: runs that ended, that still run, that failed, and that never started."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.checks import Status, Threshold
from observe_dagster.checks.timeliness import TimedRun, Timeliness, judge

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def declare(number=30, datepart="minute", *, muted_by=None, **said):
    allowance = Threshold(number=number, datepart=datepart, level="pipeline type", muted_by=muted_by)
    return Timeliness(name="flights", allowance=allowance, **said)


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("succeeded", [True, False])
def test_a_run_that_ended_may_take_exactly_the_allowance_whenever_it_is_judged(succeeded, late):
    start = NOW - timedelta(days=400)
    ended = start + timedelta(minutes=30) + (TICK if late else timedelta(0))
    found = judge(declare(), TimedRun(started_at=start, ended_at=ended, succeeded=succeeded), now=NOW)
    assert found.status is (Status.FAIL if late else Status.PASS)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("begin", ["started_at", "due_at"])
def test_a_run_that_runs_or_is_due_is_late_a_microsecond_after_the_allowance(begin, late):
    run = TimedRun(**{begin: minutes_ago(30) - (TICK if late else timedelta(0))})
    assert judge(declare(), run, now=NOW).status is (Status.FAIL if late else Status.PASS)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 400))
def test_a_run_that_is_late_while_it_runs_is_late_when_it_has_ended(seconds, more, number):
    start = NOW - timedelta(seconds=seconds)
    if judge(declare(number), TimedRun(started_at=start), now=NOW).status is Status.FAIL:
        ended = TimedRun(started_at=start, ended_at=NOW + timedelta(seconds=more), succeeded=True)
        assert judge(declare(number), ended, now=NOW + timedelta(days=99)).status is Status.FAIL


def test_a_run_that_started_late_has_its_own_time():
    run = TimedRun(due_at=minutes_ago(300), started_at=minutes_ago(10))
    assert judge(declare(), run, now=NOW).status is Status.PASS


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (
            TimedRun(started_at=minutes_ago(60), ended_at=minutes_ago(20), succeeded=True),
            snapshot(
                "The run of flights that started at 2024-05-06 11:00:00 UTC took 40 minutes; 30 minutes are allowed, "
                "so it was late from 2024-05-06 11:30:00 UTC."
            ),
        ),
        (
            TimedRun(started_at=minutes_ago(60), ended_at=minutes_ago(50), succeeded=False),
            snapshot(
                "The run of flights that started at 2024-05-06 11:00:00 UTC failed after 10 minutes; "
                "30 minutes are allowed, so it was in time."
            ),
        ),
        (
            TimedRun(started_at=minutes_ago(60)),
            snapshot(
                "The run of flights that started at 2024-05-06 11:00:00 UTC has been running for 1 hour; "
                "30 minutes are allowed, so it is late since 2024-05-06 11:30:00 UTC."
            ),
        ),
        (
            TimedRun(due_at=minutes_ago(20)),
            snapshot(
                "A run of flights has been due for 20 minutes, since 2024-05-06 11:40:00 UTC, and has not started; "
                "30 minutes are allowed, so it has until 2024-05-06 12:10:00 UTC."
            ),
        ),
        (
            TimedRun(due_at=minutes_ago(-20)),
            snapshot(
                "A run of flights is due in 20 minutes, at 2024-05-06 12:20:00 UTC, and has not started; "
                "30 minutes are allowed, so it has until 2024-05-06 12:50:00 UTC."
            ),
        ),
    ],
)
def test_one_sentence_says_what_the_run_did_and_what_is_allowed(run, reason):
    assert judge(declare(), run, now=NOW).reason == reason


@pytest.mark.parametrize(
    ("declared", "run", "reason"),
    [
        (declare(active=False), TimedRun(started_at=NOW), "flights is inactive, so its runs are not judged."),
        (declare(paused=True), TimedRun(due_at=minutes_ago(900)), "flights is paused, so no run is expected."),
        (
            declare(muted_by="pipeline type"),
            TimedRun(),
            "The timeliness check of flights is muted by its pipeline type.",
        ),
        (Timeliness(name="flights", allowance=Threshold()), TimedRun(), "No timeliness is declared for flights."),
        (declare(), TimedRun(), "flights has no run and none is due."),
    ],
)
def test_what_is_not_judged_says_why(declared, run, reason):
    found = judge(declared, run, now=NOW)
    assert (found.status, found.reason) == (Status.SKIPPED, reason)


def test_a_run_that_goes_on_while_its_pipeline_is_paused_is_still_judged():
    assert judge(declare(paused=True), TimedRun(started_at=minutes_ago(31)), now=NOW).status is Status.FAIL


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (TimedRun(due_at=NOW), "not started"),
        (TimedRun(started_at=NOW), "running"),
        (TimedRun(started_at=minutes_ago(1), ended_at=NOW, succeeded=False), "failed"),
        (TimedRun(started_at=minutes_ago(1), ended_at=NOW, succeeded=True), "completed"),
    ],
)
def test_the_evidence_names_the_state_of_the_run(run, status):
    found = judge(declare(), run, now=NOW)
    assert found.evidence["execution_status"] == status
    assert found.evidence["used_child_config"] is False
