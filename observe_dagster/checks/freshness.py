"""Judge whether a table was loaded recently enough."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from observe_dagster.checks.dateparts import add, allowed
from observe_dagster.checks.thresholds import TimingRule
from observe_dagster.records import Outcome, Status
from observe_dagster.spans import moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness(TimingRule):
    """What is declared of a table; with a `column` its newest value counts instead of the loads."""

    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loads:
    """What is observed: when rows were last inserted, updated, soft-deleted, or read at all; all times aware.

    `last_load` is the last run that reports only `total_rows`. `column_max` is the newest value of the
    declared column. A table that was never loaded counts from `created_at`.
    """

    created_at: datetime
    last_insert: datetime | None = None
    last_update: datetime | None = None
    last_soft_delete: datetime | None = None
    last_load: datetime | None = None
    column_max: datetime | None = None


def judge(declared: Freshness, observed: Loads, *, now: datetime) -> Outcome:
    """Fail when the newest load lies further back than is allowed; exactly as far back still passes."""
    if reason := _skipped(declared):
        return Outcome(status=Status.SKIPPED, reason=reason)
    number, datepart = declared.allowance.number, declared.allowance.datepart
    if number is None or datepart is None:
        return Outcome(status=Status.SKIPPED, reason=f"No freshness is declared for {declared.name}.")
    what, last = _newest(declared, observed)
    since = observed.created_at if last is None else last
    due = add(since, number, datepart, timezone=declared.timezone)
    ahead = add(now, number, datepart, timezone=declared.timezone)
    evidence: dict[str, Any] = {
        "last_dml": None if last is None else what,
        "last_dml_timestamp": since.astimezone(UTC).isoformat(),
        "due_at": due.isoformat(),
        "evaluation_timestamp": now.astimezone(UTC).isoformat(),
        "freshness_number": number,
        "freshness_datepart": datepart,
        "used_child_config": declared.allowance.level == "pipeline",
    }
    status, conclusion = _conclusion(due, now, hides=declared.column is not None and since > ahead)
    return Outcome(
        status=status,
        reason=f"{_age(declared, what, last, since, now)}; {allowed(number, datepart)} allowed, {conclusion}.",
        value=(now - since).total_seconds(),
        upper=(due - since).total_seconds(),
        evidence=evidence,
    )


def _skipped(declared: Freshness) -> str | None:
    if not declared.active:
        return f"{declared.name} is inactive, so its freshness is not judged."
    if declared.paused:
        return f"{declared.name} is paused, so its freshness is not judged."
    if declared.allowance.muted_by is not None:
        return f"The freshness check of {declared.name} is muted by its {declared.allowance.muted_by}."
    return None


def _newest(declared: Freshness, observed: Loads) -> tuple[str, datetime | None]:
    if declared.column is not None:
        return declared.column, observed.column_max
    loads = {
        "insert": observed.last_insert,
        "update": observed.last_update,
        "soft delete": observed.last_soft_delete,
        "load": observed.last_load,
    }
    known = [(at, what) for what, at in loads.items() if at is not None]
    if not known:
        return "load", None
    at, what = max(known, key=lambda entry: entry[0])
    return what, at


def _age(declared: Freshness, what: str, last: datetime | None, since: datetime, now: datetime) -> str:
    age = f"{span(now - since)} {'ago' if now >= since else 'ahead'}"
    if last is None:
        missing = "has never been loaded" if declared.column is None else f"has no value in {declared.column}"
        return f"{declared.name} {missing} and was created {age}, at {moment(since)}"
    if declared.column is not None:
        return f"The newest {declared.column} of {declared.name} lies {age}, at {moment(since)}"
    return f"{declared.name} was last loaded {age}, by the {what} at {moment(since)}"


def _conclusion(due: datetime, now: datetime, *, hides: bool) -> tuple[Status, str]:
    if due < now:
        return Status.FAIL, f"so it is late since {moment(due)}"
    if hides:
        return Status.WARN, "so this value hides how old the table is"
    return Status.PASS, f"so it is fresh until {moment(due)}"
