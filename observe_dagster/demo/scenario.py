"""Where faults are played: takes runs over from the replay, and looks at what the checks and the people say."""

import heapq
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias

import psycopg

from observe_dagster.demo.daemon import DemoDaemon
from observe_dagster.demo.databases import DemoDatabases
from observe_dagster.demo.runs import ExampleRuns
from observe_dagster.demo.timeline import Due, Tick
from observe_dagster.errors import DemoFailedError
from observe_dagster.orchestration.checks.unevaluated import Check

Story: TypeAlias = Generator[datetime, None, None]
"""Plays one fault; yields the moments at which it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One fault as it was found: by which check, with which sentence, and the messages that arrived about it."""

    fault: str
    at: datetime
    check: Check
    sentence: str
    others: tuple[Check, ...]
    alerts: int
    resolved: int = 0

    @property
    def as_it_must_be(self) -> bool:
        """Whether no other check found it, and it was told once, and once that it is over."""
        return (self.others, self.alerts, self.resolved) == ((), 1, 1)


@dataclass(kw_only=True)
class Scenario:
    """What stories use. `day` is when they begin; runs that they take are theirs to run."""

    runs: ExampleRuns
    watching: DemoDaemon
    source: psycopg.Connection
    places: DemoDatabases
    planned: Sequence[Tick]
    day: date
    taken: set[Due] = field(default_factory=set[Due])
    found: dict[str, Found] = field(default_factory=dict[str, Found])

    def take(self, pipeline_id: str, at: datetime) -> Due:
        """Take over the pipeline's first run that is due at `at` or later."""
        due = next(due for tick in self.planned for due in tick.due if due.pipeline_id == pipeline_id and due.at >= at)
        self.taken.add(due)
        return due

    def run(self, due: Due, at: datetime | None = None) -> None:
        """Run what was taken over, at another time if that is given."""
        self.runs.scheduled(due.pipeline_id, at or due.at)

    def look(self, fault: str, check: Check, at: datetime) -> None:
        """See that `check` fails now, what else began to fail, and who is told."""
        failing = self.watching.failing()
        if check not in failing:
            raise DemoFailedError(f"{fault}, {at:%Y-%m-%d %H:%M}: {_name(check)} did not find it.")
        known = {each.check for each in self.found.values()}
        others = tuple(sorted(failing.keys() - known - {check}))
        alerts = self._told(fault, f"{_name(check)} fails")
        self.found[fault] = Found(
            fault=fault, at=at, check=check, sentence=failing[check], others=others, alerts=alerts
        )

    def look_again(self, fault: str) -> None:
        """See that the check of a fault fails no more, and who is told."""
        found = self.found[fault]
        if found.check in self.watching.failing():
            raise DemoFailedError(f"{fault}: {_name(found.check)} still fails after the repair.")
        self.found[fault] = replace(found, resolved=self._told(fault, f"{_name(found.check)} recovered"))

    def _told(self, fault: str, words: str) -> int:
        messages = self.watching.tell()
        if strangers := [message.title for message in messages if words not in message.text]:
            raise DemoFailedError(f"{fault}: a message arrived that is about something else: {strangers[0]}")
        return len(messages)


class Stories:
    """Plays several stories, each at its moments, in the order of time."""

    def __init__(self, stage: Scenario, tell: Iterable[Callable[[Scenario], Story]]) -> None:
        self._stage = stage
        self._waiting: list[tuple[datetime, int, Story]] = []
        for number, begin in enumerate(tell):
            self._go_on(number, begin(stage))

    @property
    def unfinished(self) -> bool:
        """Whether a story waits for a moment that has not come."""
        return bool(self._waiting)

    def until(self, moment: datetime) -> None:
        """Play all that happens up to `moment`."""
        while self._waiting and self._waiting[0][0] <= moment:
            _, number, story = heapq.heappop(self._waiting)
            self._go_on(number, story)

    def _go_on(self, number: int, story: Story) -> None:
        moment = next(story, None)
        if moment is not None:
            heapq.heappush(self._waiting, (moment, number, story))


@contextmanager
def withheld(source: psycopg.Connection, since: datetime, until: datetime, *, one_of: int) -> Generator[None]:
    """Keep one of so many flights that changed in `[since, until)` out of the source for a while."""
    chosen = {"since": since, "until": until, "one_of": one_of}
    with source.transaction():
        source.execute(
            "CREATE TEMPORARY TABLE withheld AS SELECT * FROM public.flights WHERE updated_at >= %(since)s"
            " AND updated_at < %(until)s AND flight_id %% %(one_of)s = 0",
            chosen,
        )
        source.execute("DELETE FROM public.flights USING withheld WHERE withheld.flight_id = flights.flight_id")
    try:
        yield
    finally:
        with source.transaction():
            source.execute("INSERT INTO public.flights SELECT * FROM withheld")
            source.execute("DROP TABLE withheld")


def _name(check: Check) -> str:
    asset, name = check
    return f"{'/'.join(asset)}: {name}"
