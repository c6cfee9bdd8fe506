"""Where intervals end on the days that clocks change and months are short, and the cron that wakes their runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any

import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observe_dagster.config import IntervalSchedule
from observe_dagster.config.time.intervals import boundary, cron, fires_at, latest_closed
from tests.unit.sync.declaring import utc
from tests.unit.sync.strategies import schedules


def _schedule(frequency: str, start: str, **fields: Any) -> IntervalSchedule:
    return IntervalSchedule(type="interval", frequency=frequency, start=start, **fields)


def _ends(schedule: IntervalSchedule, count: int) -> list[str]:
    return [boundary(schedule, index).strftime("%m-%d %H:%M") for index in range(count)]


@pytest.mark.parametrize(
    ("zone", "start", "ends"),
    [
        ("Europe/Berlin", "2024-03-29T23:00:00Z", ["03-29 23:00", "03-30 23:00", "03-31 22:00", "04-01 22:00"]),
        ("Europe/Berlin", "2024-10-25T22:00:00Z", ["10-25 22:00", "10-26 22:00", "10-27 23:00", "10-28 23:00"]),
        ("America/New_York", "2024-03-09T05:00:00Z", ["03-09 05:00", "03-10 05:00", "03-11 04:00", "03-12 04:00"]),
        ("America/New_York", "2024-11-02T04:00:00Z", ["11-02 04:00", "11-03 04:00", "11-04 05:00", "11-05 05:00"]),
        ("Asia/Kolkata", "2024-03-29T18:30:00Z", ["03-29 18:30", "03-30 18:30", "03-31 18:30", "04-01 18:30"]),
    ],
)
def test_a_daily_interval_follows_the_wall_clock(zone: str, start: str, ends: list[str]) -> None:
    assert _ends(_schedule("daily", start, timezone=zone), 4) == ends


def test_a_boundary_in_the_hour_that_clocks_skip_is_when_they_skip_it() -> None:
    assert _ends(_schedule("daily", "2024-03-30T01:30:00Z", timezone="Europe/Berlin"), 3) == [
        "03-30 01:30",
        "03-31 01:00",
        "04-01 00:30",
    ]


def test_a_boundary_in_the_hour_that_clocks_repeat_is_the_second_one() -> None:
    assert _ends(_schedule("daily", "2024-10-26T00:30:00Z", timezone="Europe/Berlin"), 3) == [
        "10-26 00:30",
        "10-27 01:30",
        "10-28 01:30",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_hourly_intervals_take_an_hour_whatever_the_clocks_do(zone: str) -> None:
    schedule = _schedule("hourly", "2024-03-30T00:15:00Z", timezone=zone)
    assert {boundary(schedule, i + 1) - boundary(schedule, i) for i in range(48)} == {timedelta(hours=1)}


def test_a_monthly_boundary_on_the_31st_falls_on_the_last_day_of_shorter_months() -> None:
    schedule = _schedule("monthly", "2023-12-31T00:00:00Z")
    days = [boundary(schedule, index).strftime("%Y-%m-%d") for index in range(6)]
    assert days == ["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]
    assert boundary(schedule, 14) == utc("2025-02-28")


def test_a_monthly_schedule_from_leap_day_comes_back_to_it() -> None:
    schedule = _schedule("monthly", "2024-02-29T06:00:00Z")
    assert boundary(schedule, 12) == utc("2025-02-28T06:00")
    assert boundary(schedule, 48) == utc("2028-02-29T06:00")


def test_a_delay_across_a_change_of_clocks_is_never_shorter_than_declared() -> None:
    schedule = _schedule("daily", "2024-03-29T23:00:00Z", delay="4h", timezone="Europe/Berlin")
    assert [fires_at(schedule, index) for index in range(3)] == [
        utc("2024-03-30T03:00"),
        utc("2024-03-31T03:00"),
        utc("2024-04-01T02:00"),
    ]


def test_a_run_never_fires_before_its_interval_has_ended() -> None:
    schedule = _schedule("daily", "2024-03-30T01:30:00Z", delay="45m", timezone="Europe/Berlin")
    assert fires_at(schedule, 1) >= boundary(schedule, 1) + timedelta(minutes=45)


def test_nothing_is_closed_before_the_first_run_is_due_nor_after_the_end() -> None:
    schedule = _schedule("daily", "2024-01-01T00:00:00Z", end="2024-01-03T12:00:00Z", delay="1h")
    found = [latest_closed(schedule, utc(f"2024-01-{day:02}T01:00")) for day in (1, 2, 3, 4, 20)]
    assert [latest_closed(schedule, utc("2024-01-01T00:59")), *found] == [None, 0, 1, 2, 2, 2]


def test_a_schedule_that_ends_with_the_calendar_has_closed_intervals() -> None:
    schedule = _schedule("daily", "2024-01-01T00:00:00Z", end="9999-12-31T23:59:59Z")
    assert latest_closed(schedule, utc("2024-01-03T06:00")) == 2


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (_schedule("hourly", "2024-01-01T00:15:00Z"), ("15 * * * *", "UTC")),
        (_schedule("hourly", "2024-01-01T00:00:00Z", delay="90m"), ("30 * * * *", "UTC")),
        (_schedule("daily", "2024-01-01T12:00:00Z"), ("0 12 * * *", "UTC")),
        (_schedule("daily", "2024-01-01T23:59:30Z"), ("0 0 * * *", "UTC")),
        (_schedule("daily", "2024-01-01T23:00:00Z", timezone="Europe/Berlin"), ("0 0 * * *", "Europe/Berlin")),
        (
            _schedule("daily", "2024-01-01T23:00:00Z", timezone="Europe/Berlin", delay="4h"),
            ("0 4,5 * * *", "Europe/Berlin"),
        ),
        (
            _schedule("daily", "2024-01-01T18:30:00Z", timezone="Asia/Kolkata", delay="4h"),
            ("0 4 * * *", "Asia/Kolkata"),
        ),
        (_schedule("weekly", "2024-01-07T06:00:00Z"), ("0 6 * * 0", "UTC")),
        (
            _schedule("weekly", "2024-01-06T21:00:00Z", timezone="Europe/Berlin", delay="1h"),
            ("0 23,0 * * 6,0", "Europe/Berlin"),
        ),
        (_schedule("monthly", "2024-01-01T00:00:00Z", delay="5d"), ("0 0 6 * *", "UTC")),
        (_schedule("monthly", "2024-01-31T00:00:00Z"), ("0 0 * * *", "UTC")),
        (_schedule("monthly", "2024-01-20T00:00:00Z", delay="2w"), ("0 0 * * *", "UTC")),
    ],
)
def test_the_cron_of_a_schedule(schedule: IntervalSchedule, expected: tuple[str, str]) -> None:
    assert cron(schedule) == expected


def _fires(schedule: IntervalSchedule, start: datetime, end: datetime) -> list[datetime]:
    expression, zone = cron(schedule)
    ticks: Iterator[datetime] = schedule_execution_time_iterator(start.timestamp(), expression, zone, ascending=True)
    return list(takewhile(lambda tick: tick <= end, (tick.astimezone(UTC) for tick in ticks)))


@settings(max_examples=150, deadline=None)
@given(schedules(), st.integers(0, 30))
@example(_schedule("daily", "2024-03-29T01:30:00Z", timezone="Europe/Berlin"), 0)
@example(_schedule("daily", "2024-10-25T00:30:00Z", timezone="Europe/Berlin", delay="30m"), 0)
def test_cron_wakes_each_run_at_or_soon_after_it_is_due_and_before_the_next(
    schedule: IntervalSchedule, first: int
) -> None:
    dues = [fires_at(schedule, first + index) for index in range(6)]
    ticks = _fires(schedule, dues[0] - timedelta(hours=2), dues[-1])
    for index, (due, following) in enumerate(pairwise(dues)):
        woken = [tick for tick in ticks if due <= tick < following]
        assert woken, f"nothing wakes the run that is due at {due}"
        assert latest_closed(schedule, woken[0]) == first + index


@settings(max_examples=60, deadline=None)
@given(schedules().filter(lambda schedule: schedule.frequency != "monthly" and not schedule.start.second))
def test_an_undelayed_run_is_woken_at_its_boundary(schedule: IntervalSchedule) -> None:
    plain = schedule.model_copy(update={"delay": timedelta(0), "start": schedule.start.replace(microsecond=0)})
    ends = [boundary(plain, index) for index in range(1, 6)]
    ticks = _fires(plain, ends[0] - timedelta(seconds=1), ends[-1])
    assert ticks == ends
