"""Calendar arithmetic: clock changes, leap days, ends of months, and the end of the calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.checks.dateparts import END_OF_TIME, add, allowed

DATEPARTS = ("minute", "hour", "day", "week", "month", "year")
INSTANTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "number", "datepart", "zone", "until"),
    [
        ("2024-02-28T12:00", 90, "minute", "UTC", "2024-02-28T13:30"),
        ("2024-02-28T12:00", 36, "hour", "UTC", "2024-03-01T00:00"),
        ("2024-02-28T12:00", 1, "day", "UTC", "2024-02-29T12:00"),
        ("2023-02-28T12:00", 1, "day", "UTC", "2023-03-01T12:00"),
        ("2024-02-29T12:00", 1, "year", "UTC", "2025-02-28T12:00"),
        ("2024-02-29T12:00", 4, "year", "UTC", "2028-02-29T12:00"),
        ("2024-01-31T12:00", 1, "month", "UTC", "2024-02-29T12:00"),
        ("2023-01-31T12:00", 1, "month", "UTC", "2023-02-28T12:00"),
        ("2024-11-30T12:00", 14, "month", "UTC", "2026-01-30T12:00"),
        ("2024-12-15T12:00", 2, "week", "UTC", "2024-12-29T12:00"),
        # Clocks in Berlin go forward on 2024-03-31 at 01:00 UTC and back on 2024-10-27 at 01:00 UTC.
        ("2024-03-30T12:00", 1, "day", "Europe/Berlin", "2024-03-31T11:00"),
        ("2024-03-30T12:00", 24, "hour", "Europe/Berlin", "2024-03-31T12:00"),
        ("2024-10-26T12:00", 1, "day", "Europe/Berlin", "2024-10-27T13:00"),
        ("2024-03-30T01:30", 1, "day", "Europe/Berlin", "2024-03-31T01:00"),
        ("2024-10-26T00:30", 1, "day", "Europe/Berlin", "2024-10-27T01:30"),
        ("2024-02-29T12:00", 1, "month", "Europe/Berlin", "2024-03-29T12:00"),
        ("2024-03-15T12:00", 1, "month", "Europe/Berlin", "2024-04-15T11:00"),
    ],
)
def test_dateparts_are_added_on_the_calendar(since, number, datepart, zone, until):
    assert add(utc(since), number, datepart, timezone=zone) == utc(until)


@pytest.mark.parametrize("datepart", DATEPARTS)
def test_more_than_the_calendar_holds_is_the_end_of_time(datepart):
    assert add(utc("2024-01-01"), 10**12, datepart) == END_OF_TIME


def test_a_datepart_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ValueError, match="'quarter' is not a datepart; use one of minute, hour"):
        add(utc("2024-01-01"), 1, "quarter")


def test_an_instant_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        add(datetime(2024, 1, 1), 1, "day")


@given(INSTANTS, INSTANTS, st.integers(1, 500), st.sampled_from(DATEPARTS), ZONES)
def test_adding_keeps_the_order_of_instants(one, other, number, datepart, zone):
    early, late = sorted((one, other))
    assert add(early, number, datepart, timezone=zone) <= add(late, number, datepart, timezone=zone)


@given(INSTANTS, st.integers(1, 500), st.sampled_from(DATEPARTS), ZONES)
def test_adding_moves_forward_and_more_moves_further(since, number, datepart, zone):
    assert since < add(since, number, datepart, timezone=zone) < add(since, number + 1, datepart, timezone=zone)


@given(INSTANTS, st.integers(1, 500), st.sampled_from(DATEPARTS), ZONES, st.integers(-14, 14))
def test_how_the_instant_is_written_does_not_matter(since, number, datepart, zone, offset):
    elsewhere = since.astimezone(timezone(timedelta(hours=offset)))
    assert add(elsewhere, number, datepart, timezone=zone) == add(since, number, datepart, timezone=zone)


def test_an_allowance_reads_as_a_subject():
    assert (allowed(1, "day"), allowed(36, "hour")) == ("1 day is", "36 hours are")
