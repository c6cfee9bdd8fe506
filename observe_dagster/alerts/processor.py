"""Takes in what was heard: follows the episodes and puts the messages about them in the outbox, all or nothing.

Deciding and telling happen in one transaction that only one process at a time is in, so that two daemons who heard
the same make one message of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from observe_dagster.alerts.events import FAILING, Verdict
from observe_dagster.alerts.message import compose
from observe_dagster.alerts.routing import channels_for, channels_told
from observe_dagster.alerts.transitions import Change, Event, absent, decide, due_again
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.ledger import Ledger
from observe_dagster.ledger.alerts.store import (
    Episode,
    add_episode,
    latest_episodes,
    lock_alerts,
    open_episodes,
    update_episode,
)
from observe_dagster.ledger.outbox.enqueue import Draft, enqueue_all

PUBLISHER = "alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What came of it: how many episodes were opened and resolved, how many messages were put in the outbox."""

    opened: int = 0
    resolved: int = 0
    messages: int = 0

    def __add__(self, other: "TakenIn") -> "TakenIn":
        return TakenIn(
            opened=self.opened + other.opened,
            resolved=self.resolved + other.resolved,
            messages=self.messages + other.messages,
        )


def take_in(
    ledger: Ledger,
    verdicts: Sequence[Verdict],
    alerting: Alerting,
    *,
    now: datetime,
    base_url: str | None = None,
    whole: Sequence[str] = (),
) -> TakenIn:
    """Follow the verdicts and tell whom it concerns. Taking in the same again changes nothing.

    `whole` names the kinds (fault, tick) whose verdicts are all there is: what is open of them and was not heard of
    is over.
    """
    with ledger.transaction() as db:
        lock_alerts(db)
        known = {episode.key: episode for episode in open_episodes(db)}
        heard = [*verdicts, *_over(known.values(), verdicts, whole, now)]
        fresh = {verdict.key for verdict in heard if verdict.status in FAILING} - known.keys()
        known.update((episode.key, episode) for episode in latest_episodes(db, fresh))
        changes = decide(known.values(), heard)
        known.update((change.episode.key, change.episode) for change in changes)
        told = {change.episode.key for change in changes if change.event is not None}
        unsaid = [episode for episode in known.values() if episode.key not in told]
        changes.extend(due_again(unsaid, now=now, repeat_every=alerting.repeat_every))
        mail: dict[str, list[Change]] = {}
        for change, episode in zip(changes, _addressed(changes, alerting, mail, now), strict=True):
            (add_episode if change.new else update_episode)(db, episode)
        link = alerting.base_url or base_url
        messages = {name: compose(told_there, alerting.template, base_url=link) for name, told_there in mail.items()}
        drafts = (
            Draft(publisher=PUBLISHER, kind="message", ordering_key=channel_id, record=message.record())
            for channel_id, message in messages.items()
        )
        enqueue_all(db, drafts, now=now)
    return TakenIn(
        opened=sum(change.new for change in changes),
        resolved=sum(change.event is Event.RESOLVED for change in changes),
        messages=len(mail),
    )


def _over(known: Iterable[Episode], verdicts: Sequence[Verdict], whole: Sequence[str], now: datetime) -> list[Verdict]:
    episodes, still = list(known), {verdict.key for verdict in verdicts}
    return [verdict for kind in whole for verdict in absent(episodes, kind=kind, still=still, now=now)]


def _addressed(
    changes: Sequence[Change], alerting: Alerting, mail: dict[str, list[Change]], now: datetime
) -> Iterator[Episode]:
    """Put what is told into each channel's mail, and give every changed episode with who was told of it."""
    told: dict[tuple[str, str], tuple[str, ...]] = {}
    for change in changes:
        episode = change.episode
        if not change.new and episode.key in told:
            episode = _with_channels(episode, told[episode.key])
        if change.event is not None:
            channels = _channels(episode, change.event, alerting)
            for channel_id in channels:
                mail.setdefault(channel_id, []).append(replace(change, episode=episode))
            all_told = dict.fromkeys((*episode.details.get("channels", ()), *channels))
            episode = replace(_with_channels(episode, tuple(all_told)), last_sent_at=now)
            told[episode.key] = tuple(all_told)
        yield episode


def _channels(episode: Episode, event: Event, alerting: Alerting) -> tuple[str, ...]:
    if event in (Event.OPENED, Event.AGAIN, Event.WORSE):
        return channels_for(episode, alerting)
    return channels_told(episode, alerting) or (
        channels_for(episode, alerting) if episode.details.get("channels") else ()
    )


def _with_channels(episode: Episode, channels: tuple[str, ...]) -> Episode:
    return replace(episode, details={**episode.details, "channels": list(channels)})
