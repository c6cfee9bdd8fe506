"""Faults are played in the order of time, and what finds them, and who is told, is held against what was meant."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from observe_dagster.demo.scenario import Scenario, Stories, Story
from observe_dagster.demo.webhook import ReceivedMessage
from observe_dagster.errors import DemoFailedError

NOON = datetime(2026, 11, 14, 12, tzinfo=UTC)
MEANT = (("lake", "analytics", "flights"), "freshness")
OTHER = (("lake", "analytics", "weather"), "timeliness")
FAILS = "lake/analytics/flights: freshness fails"
RECOVERED = "lake/analytics/flights: freshness recovered after 5 min"


class Watched:
    """Checks that fail as a test says, and messages that arrive when it says so."""

    def __init__(self) -> None:
        self.failed: set[Any] = set()
        self.texts: list[str] = []

    def failing(self) -> dict[Any, str]:
        return dict.fromkeys(self.failed, "It is late.")

    def tell(self) -> list[ReceivedMessage]:
        arrived, self.texts = self.texts, []
        return [ReceivedMessage(title=text, text=text, type="failure") for text in arrived]

    def say(self, failed: Iterable[Any], *texts: str) -> None:
        self.failed, self.texts = set(failed), list(texts)


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def stage(watched):
    nothing = cast("Any", None)
    return Scenario(runs=nothing, watching=watched, source=nothing, places=nothing, planned=[], day=NOON.date())


def test_a_fault_that_one_check_finds_and_that_is_told_once_and_once_when_it_is_over_is_as_it_must_be(stage, watched):
    watched.say([MEANT], FAILS)
    stage.look("late", MEANT, NOON)
    watched.say([], RECOVERED)
    stage.look_again("late")

    assert stage.found["late"].as_it_must_be
    assert stage.found["late"].sentence == "It is late."


@pytest.mark.parametrize(
    ("failing", "opened", "resolved"),
    [
        ([MEANT, OTHER], [FAILS], [RECOVERED]),
        ([MEANT], [FAILS, FAILS], [RECOVERED]),
        ([MEANT], [], [RECOVERED]),
        ([MEANT], [FAILS], []),
        ([MEANT], [FAILS], [RECOVERED, RECOVERED]),
    ],
    ids=["two checks", "told twice", "not told", "not resolved", "resolved twice"],
)
def test_anything_else_is_not(stage, watched, failing, opened, resolved):
    watched.say(failing, *opened)
    stage.look("late", MEANT, NOON)
    watched.say([], *resolved)
    stage.look_again("late")

    assert not stage.found["late"].as_it_must_be


def test_what_still_stands_of_an_earlier_fault_is_not_held_against_a_later_one(stage, watched):
    watched.say([OTHER], "lake/analytics/weather: timeliness fails")
    stage.look("earlier", OTHER, NOON)
    watched.say([MEANT, OTHER], FAILS)
    stage.look("late", MEANT, NOON)

    assert stage.found["late"].others == ()


def test_a_fault_that_its_check_does_not_find_ends_the_demo(stage, watched):
    watched.say([OTHER])

    with pytest.raises(DemoFailedError, match="late, 2026-11-14 12:00: lake/analytics/flights: freshness did not find"):
        stage.look("late", MEANT, NOON)


def test_a_fault_that_stays_after_its_repair_ends_the_demo(stage, watched):
    watched.say([MEANT], FAILS)
    stage.look("late", MEANT, NOON)

    with pytest.raises(DemoFailedError, match="still fails after the repair"):
        stage.look_again("late")


def test_a_message_about_something_else_ends_the_demo(stage, watched):
    watched.say([MEANT], "lake/analytics/weather: timeliness fails")

    with pytest.raises(DemoFailedError, match="about something else: lake/analytics/weather"):
        stage.look("late", MEANT, NOON)


def test_stories_go_on_in_the_order_of_time(stage):
    played: list[str] = []

    def story(name: str, *minutes: int):
        def play(stage: Scenario) -> Story:
            for minute in minutes:
                yield NOON + timedelta(minutes=minute)
                played.append(f"{name} {minute}")

        return play

    stories = Stories(stage, [story("a", 10, 30), story("b", 20, 40)])
    stories.until(NOON + timedelta(minutes=30))
    assert played == ["a 10", "b 20", "a 30"]
    assert stories.unfinished

    stories.until(NOON + timedelta(hours=1))
    assert played[3:] == ["b 40"]
    assert not stories.unfinished
