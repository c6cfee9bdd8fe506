"""Decides what becomes of episodes, and what people are told about: from what was known, what was heard, and now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from observe_dagster.alerts.events import FAILING, RUN, SILENT, Verdict
from observe_dagster.ledger.alerts.store import Episode
from observe_dagster.records import Status

FORGOTTEN_AFTER = timedelta(days=30)
"""An episode of which nothing was heard for so long stays open, and is repeated no more."""

_RANK = {"warn": 0, "error": 1}


class Event(StrEnum):
    """Why people are told."""

    OPENED = "opened"
    AGAIN = "again"
    WORSE = "worse"
    REPEATED = "repeated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An episode as it is from now on: `new` when it has to be added, `event` None when nobody is told."""

    episode: Episode
    new: bool
    event: Event | None


def decide(known: Iterable[Episode], verdicts: Iterable[Verdict]) -> list[Change]:
    """Follow the verdicts, the oldest first, from what is known; old news changes nothing, so repeating is fine."""
    episodes = {episode.key: episode for episode in known}
    changes: list[Change] = []
    for verdict in sorted(verdicts, key=lambda verdict: verdict.at):
        change = _follow(episodes.get(verdict.key), verdict)
        if change is not None:
            episodes[verdict.key] = change.episode
            changes.append(change)
    return changes


def due_again(episodes: Iterable[Episode], *, now: datetime, repeat_every: timedelta) -> list[Change]:
    """Repeat what is still wrong when it was told `repeat_every` ago; a failed run is told once and not repeated."""
    return [
        Change(episode=episode, new=False, event=Event.REPEATED)
        for episode in episodes
        if episode.is_open
        and episode.details.get("kind") != RUN
        and Status(episode.details.get("status", Status.FAIL)) not in SILENT
        and now - (episode.last_sent_at or episode.opened_at) >= repeat_every
        and now - episode.last_seen_at < FORGOTTEN_AFTER
    ]


def absent(
    episodes: Iterable[Episode], *, kind: str, still: Collection[tuple[str, str]], now: datetime
) -> list[Verdict]:
    """Pass what is open of a kind that is always heard of as a whole (faults, ticks), and is wrong no more."""
    return [
        Verdict(subject=episode.subject, check=episode.check_name, kind=kind, status=Status.PASS, at=now)
        for episode in episodes
        if episode.is_open and episode.details.get("kind") == kind and episode.key not in still
    ]


def _follow(before: Episode | None, verdict: Verdict) -> Change | None:
    if before is not None and verdict.at <= before.last_seen_at:
        return None
    if verdict.status in FAILING:
        if before is None or not before.is_open:
            return Change(episode=_opened(verdict), new=True, event=Event.OPENED)
        return Change(episode=_seen(before, verdict), new=False, event=_told_again(before, verdict))
    if before is None or not before.is_open:
        return None
    details = {**before.details, "status": verdict.status.value}
    if verdict.status in SILENT:
        return Change(episode=replace(before, details=details, last_seen_at=verdict.at), new=False, event=None)
    if verdict.reason:
        details["recovery"] = verdict.reason
    over = replace(before, status="resolved", details=details, last_seen_at=verdict.at, resolved_at=verdict.at)
    return Change(episode=over, new=False, event=Event.RESOLVED)


def _opened(verdict: Verdict) -> Episode:
    return Episode(
        subject=verdict.subject,
        check_name=verdict.check,
        severity=verdict.severity,
        description=verdict.reason,
        opened_at=verdict.at,
        last_seen_at=verdict.at,
        pipeline_id=verdict.pipeline_id,
        details={**verdict.details(), "worst": verdict.severity},
    )


def _seen(before: Episode, verdict: Verdict) -> Episode:
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


def _worst(episode: Episode) -> str:
    return str(episode.details.get("worst", episode.severity))


def _told_again(before: Episode, verdict: Verdict) -> Event | None:
    if verdict.every and verdict.run_id != before.details.get("run_id"):
        return Event.AGAIN
    return Event.WORSE if _RANK[verdict.severity] > _RANK[_worst(before)] else None
