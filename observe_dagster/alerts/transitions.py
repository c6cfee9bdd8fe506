"""Decides how health events change alerts, and which changes are notified. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from observe_dagster.alerts.events import FAILING, RUN, SILENT, HealthEvent
from observe_dagster.ledger import Alert
from observe_dagster.records import Status

FORGOTTEN_AFTER = timedelta(days=30)
"""An alert without an event for so long stays open, without reminders."""

_RANK = {"warn": 0, "error": 1}


class Event(StrEnum):
    """Why a change is notified."""

    OPENED = "opened"
    FAILED_AGAIN = "again"
    ESCALATED = "worse"
    REMINDER = "repeated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An alert as it is from now on: `new` when it has to be added, `event` None when nobody is notified."""

    alert: Alert
    new: bool
    event: Event | None


def transitions(known: Iterable[Alert], events: Iterable[HealthEvent]) -> list[Transition]:
    """Apply events, the oldest first, to known alerts. Idempotent: events older than the last one change nothing."""
    alerts = {alert.key: alert for alert in known}
    changes: list[Transition] = []
    for event in sorted(events, key=lambda event: event.at):
        change = _apply(alerts.get(event.key), event)
        if change is not None:
            alerts[event.key] = change.alert
            changes.append(change)
    return changes


def due_reminders(alerts: Iterable[Alert], *, now: datetime, repeat_every: timedelta) -> list[Transition]:
    """Remind of open alerts whose last message is `repeat_every` ago; there are no reminders of failed runs."""
    return [
        Transition(alert=alert, new=False, event=Event.REMINDER)
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
    """Passing events for open alerts of a kind whose events are complete (faults, automation) and that has none now."""
    return [
        HealthEvent(subject=alert.subject, check=alert.check_name, kind=kind, status=Status.PASS, at=now)
        for alert in alerts
        if alert.is_open and alert.details.get("kind") == kind and alert.key not in still
    ]


def _apply(before: Alert | None, event: HealthEvent) -> Transition | None:
    if before is not None and event.at <= before.last_seen_at:
        return None
    if event.status in FAILING:
        if before is None or not before.is_open:
            return Transition(alert=_opened(event), new=True, event=Event.OPENED)
        return Transition(alert=_seen(before, event), new=False, event=_notification(before, event))
    if before is None or not before.is_open:
        return None
    details = {**before.details, "status": event.status.value}
    if event.status in SILENT:
        return Transition(alert=replace(before, details=details, last_seen_at=event.at), new=False, event=None)
    if event.reason:
        details["recovery"] = event.reason
    resolved = replace(before, status="resolved", details=details, last_seen_at=event.at, resolved_at=event.at)
    return Transition(alert=resolved, new=False, event=Event.RESOLVED)


def _opened(event: HealthEvent) -> Alert:
    return Alert(
        subject=event.subject,
        check_name=event.check,
        severity=event.severity,
        description=event.reason,
        opened_at=event.at,
        last_seen_at=event.at,
        pipeline_id=event.pipeline_id,
        details={**event.details(), "worst": event.severity},
    )


def _seen(before: Alert, event: HealthEvent) -> Alert:
    details = {**event.details(), "worst": max(_worst(before), event.severity, key=_RANK.__getitem__)}
    if "channels" in before.details:
        details["channels"] = before.details["channels"]
    return replace(
        before,
        severity=event.severity,
        description=event.reason,
        details=details,
        last_seen_at=event.at,
    )


def _worst(alert: Alert) -> str:
    return str(alert.details.get("worst", alert.severity))


def _notification(before: Alert, event: HealthEvent) -> Event | None:
    if event.notify_each and event.run_id != before.details.get("run_id"):
        return Event.FAILED_AGAIN
    return Event.ESCALATED if _RANK[event.severity] > _RANK[_worst(before)] else None
