"""The first boundary after an instant, by which a schedule's next run is known."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.config import IntervalSchedule
from observe_dagster.config.time.intervals import boundary, next_closed
from tests.unit.sync.strategies import schedules

START = datetime(2024, 3, 1, tzinfo=UTC)
DAILY = IntervalSchedule(type="interval", frequency="daily", start=START, end=START + timedelta(days=2))
_SECONDS = 400 * 86_400


@pytest.mark.parametrize(
    ("after", "index"),
    [(timedelta(seconds=-1), 0), (timedelta(0), 1), (timedelta(hours=47), 2), (timedelta(days=2), None)],
    ids=["before the start", "on a boundary", "between", "at the end"],
)
def test_it_is_the_first_boundary_after_and_none_after_the_end(after, index):
    assert next_closed(DAILY, START + after) == index


@given(schedules(), st.integers(-_SECONDS, _SECONDS))
def test_it_is_after_the_instant_and_the_boundary_before_it_is_not(schedule, seconds):
    instant = schedule.start + timedelta(seconds=seconds)
    index = next_closed(schedule, instant)
    if index is not None:
        assert boundary(schedule, index) > instant
        assert index == 0 or boundary(schedule, index - 1) <= instant
