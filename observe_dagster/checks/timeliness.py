"""Judge whether one run took too long, takes too long, or never started."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from observe_dagster.checks.dateparts import add, allowed
from observe_dagster.checks.thresholds import TimingRule
from observe_dagster.records import Outcome, Status
from observe_dagster.spans import moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeliness(TimingRule):
    """What is declared of the runs of a pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRun:
    """What is observed: one run. Without `started_at` it is a run that is due by the schedule; all times aware.

    `succeeded` is None while it is running.
    """

    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    succeeded: bool | None = None
    execution_id: int | None = None


def judge(declared: Timeliness, observed: TimedRun, *, now: datetime) -> Outcome:
    """Fail when the run ended, or is still going, or has still to start, later than is allowed.

    A run may take the allowance from its start; one that never started may be late by as much from when it was due.
    """
    if reason := _skipped(declared, observed):
        return Outcome(status=Status.SKIPPED, reason=reason)
    number, datepart = declared.allowance.number, declared.allowance.datepart
    if number is None or datepart is None:
        return Outcome(status=Status.SKIPPED, reason=f"No timeliness is declared for {declared.name}.")
    begin = observed.started_at or observed.due_at
    if begin is None:
        return Outcome(status=Status.SKIPPED, reason=f"{declared.name} has no run and none is due.")
    limit = add(begin, number, datepart, timezone=declared.timezone)
    until = now if observed.ended_at is None else observed.ended_at
    late = until > limit
    elapsed = until - begin
    return Outcome(
        status=Status.FAIL if late else Status.PASS,
        reason=f"{_progress(declared.name, observed, begin, elapsed)}; {allowed(number, datepart)} allowed, "
        f"{_conclusion(observed, limit, late=late)}.",
        value=elapsed.total_seconds(),
        upper=(limit - begin).total_seconds(),
        evidence={
            "pipeline_execution_id": observed.execution_id,
            "execution_status": _state(observed),
            "began_at": begin.astimezone(UTC).isoformat(),
            "limit_at": limit.isoformat(),
            "timely_number": number,
            "timely_datepart": datepart,
            "used_child_config": declared.allowance.level == "pipeline",
        },
    )


def _skipped(declared: Timeliness, observed: TimedRun) -> str | None:
    if not declared.active:
        return f"{declared.name} is inactive, so its runs are not judged."
    if declared.paused and observed.started_at is None:
        return f"{declared.name} is paused, so no run is expected."
    if declared.allowance.muted_by is not None:
        return f"The timeliness check of {declared.name} is muted by its {declared.allowance.muted_by}."
    return None


def _state(observed: TimedRun) -> str:
    if observed.started_at is None:
        return "not started"
    if observed.ended_at is None:
        return "running"
    return "failed" if observed.succeeded is False else "completed"


def _progress(name: str, observed: TimedRun, begin: datetime, elapsed: timedelta) -> str:
    length = span(elapsed)
    if observed.started_at is None:
        due = f"has been due for {length}, since" if elapsed >= timedelta(0) else f"is due in {length}, at"
        return f"A run of {name} {due} {moment(begin)}, and has not started"
    if observed.ended_at is None:
        return f"The run of {name} that started at {moment(begin)} has been running for {length}"
    verb = "failed after" if observed.succeeded is False else "took"
    return f"The run of {name} that started at {moment(begin)} {verb} {length}"


def _conclusion(observed: TimedRun, limit: datetime, *, late: bool) -> str:
    if late:
        return f"so it was late from {moment(limit)}" if observed.ended_at else f"so it is late since {moment(limit)}"
    return "so it was in time" if observed.ended_at else f"so it has until {moment(limit)}"
