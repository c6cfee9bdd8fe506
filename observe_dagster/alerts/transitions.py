"""Decides what becomes of alerts, and what people are told about: from what was known, what was heard, and now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from observe_dagster.alerts.events import FAILING, RUN, SILENT, HealthEvent
from observe_dagster.ledger import Alert
from observe_dagster.records import Status

FORGOTTEN_AFTER = timedelta(days=30)
"""An alert of which nothing was heard for so long stays open, and is repeated no more."""

_RANK = {"warn": 0, "error": 1}


class Event(StrEnum):
    """Why people are told."""

    OPENED = "opened"
    FAILED_AGAIN = "again"
    ESCALATED = "worse"
    REMINDER = "repeated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An alert as it is from now on: `new` when it has to be added, `event` None when nobody is told."""

    alert: Alert
    new: bool
    event: Event | None


def transitions(known: Iterable[Alert], verdicts: Iterable[HealthEvent]) -> list[Change]:
    """Follow the verdicts, the oldest first, from what is known; old news changes nothing, so repeating is fine."""
    alerts = {alert.key: alert for alert in known}
    changes: list[Change] = []
    for verdict in sorted(verdicts, key=lambda verdict: verdict.at):
        change = _follow(alerts.get(verdict.key), verdict)
        if change is not None:
            alerts[verdict.key] = change.alert
            changes.append(change)
    return changes


def due_reminders(alerts: Iterable[Alert], *, now: datetime, repeat_every: timedelta) -> list[Change]:
    """Repeat what is still wrong when it was told `repeat_every` ago; a failed run is told once and not repeated."""
    return [
        Change(alert=alert, new=False, event=Event.REMINDER)
        for alert in alerts
        if alert.is_open
        and alert.details.get("kind") != RUN
        and Status(alert.details.get("status", Status.FAIL)) not in SILENT
        and now - (alert.last_sent_at or alert.opened_at) >= repeat_every
        and now - alert.last_seen_at < FORGOTTEN_AFTER
    ]


def resolved_by_absence(
    alerts: Iterable[Alert], *, kind: str, still: Collection[tuple[str, str]], now: datetime
) -> list[HealthEvent]:
    """Pass what is open of a kind that is always heard of as a whole (faults, ticks), and is wrong no more."""
    return [
        HealthEvent(subject=alert.subject, check=alert.check_name, kind=kind, status=Status.PASS, at=now)
        for alert in alerts
        if alert.is_open and alert.details.get("kind") == kind and alert.key not in still
    ]


def _follow(before: Alert | None, verdict: HealthEvent) -> Change | None:
    if before is not None and verdict.at <= before.last_seen_at:
        return None
    if verdict.status in FAILING:
        if before is None or not before.is_open:
            return Change(alert=_opened(verdict), new=True, event=Event.OPENED)
        return Change(alert=_seen(before, verdict), new=False, event=_told_again(before, verdict))
    if before is None or not before.is_open:
        return None
    details = {**before.details, "status": verdict.status.value}
    if verdict.status in SILENT:
        return Change(alert=replace(before, details=details, last_seen_at=verdict.at), new=False, event=None)
    if verdict.reason:
        details["recovery"] = verdict.reason
    over = replace(before, status="resolved", details=details, last_seen_at=verdict.at, resolved_at=verdict.at)
    return Change(alert=over, new=False, event=Event.RESOLVED)


def _opened(verdict: HealthEvent) -> Alert:
    return Alert(
        subject=verdict.subject,
        check_name=verdict.check,
        severity=verdict.severity,
        description=verdict.reason,
        opened_at=verdict.at,
        last_seen_at=verdict.at,
        pipeline_id=verdict.pipeline_id,
        details={**verdict.details(), "worst": verdict.severity},
    )


def _seen(before: Alert, verdict: HealthEvent) -> Alert:
    details = {**verdict.details(), "worst": max(_worst(before), verdict.severity, key=_RANK.__getitem__)}
    if "channels" in before.details:
        details["channels"] = before.details["channels"]
    return replace(
        before,
        severity=verdict.severity,
        description=verdict.reason,
        details=details,
        last_seen_at=verdict.at,
    )


def _worst(alert: Alert) -> str:
    return str(alert.details.get("worst", alert.severity))


def _told_again(before: Alert, verdict: HealthEvent) -> Event | None:
    if verdict.notify_each and verdict.run_id != before.details.get("run_id"):
        return Event.FAILED_AGAIN
    return Event.ESCALATED if _RANK[verdict.severity] > _RANK[_worst(before)] else None
