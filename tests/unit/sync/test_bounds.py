"""Bounds in the iterator's own terms: they never decrease, and every row is read exactly once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observe_dagster.config.models.schedule import IteratorDataType
from observe_dagster.config.time.bounds import bound
from observe_dagster.sync.ranges import to_text
from tests.unit.sync.declaring import utc
from tests.unit.sync.strategies import ZONES, instants, near_clock_changes

_BY_TIME = [name for name in get_args(IteratorDataType) if name != "integer"]
_NAIVE = ["timestamp", "datetime", "timestamp_ntz"]
_BERLIN_GOES_BACK = utc("2024-10-27T00:00")

moments = st.one_of(instants, near_clock_changes)


def _bound(instant: datetime, data_type: Any, zone: str) -> Any:
    return bound(to_text(instant), data_type, zone)


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        ("timestamptz", utc("2024-07-01T22:30:15.750000")),
        ("datetime_tz", utc("2024-07-01T22:30:15.750000")),
        ("timestamp", datetime(2024, 7, 2, 0, 30, 15, 750000)),
        ("timestamp_ntz", datetime(2024, 7, 2, 0, 30, 15, 750000)),
        ("date", date(2024, 7, 2)),
        ("timestamp_unixtime_s", 1719873015),
        ("timestamp_unixtime_ms", 1719873015750),
    ],
)
def test_a_watermark_becomes_what_the_iterator_is_compared_with(data_type: Any, expected: object) -> None:
    found = _bound(utc("2024-07-01T22:30:15.750000"), data_type, "Europe/Berlin")
    assert (found, type(found)) == (expected, type(expected))


def test_a_whole_number_is_itself() -> None:
    assert bound("-42", "integer", "UTC") == -42


@pytest.mark.parametrize(
    ("instant", "wall"),
    [
        ("2024-10-26T23:59", datetime(2024, 10, 27, 1, 59)),
        ("2024-10-27T00:30", datetime(2024, 10, 27, 2, 0)),
        ("2024-10-27T01:00", datetime(2024, 10, 27, 2, 0)),
        ("2024-10-27T01:30", datetime(2024, 10, 27, 2, 30)),
        ("2024-03-31T01:00", datetime(2024, 3, 31, 3, 0)),
    ],
)
def test_the_hour_that_clocks_repeat_is_read_only_when_it_is_over(instant: str, wall: datetime) -> None:
    assert _bound(utc(instant), "timestamp", "Europe/Berlin") == wall


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("data_type", _BY_TIME)
def test_the_ends_of_the_calendar_have_bounds(text: str, zone: str, data_type: str) -> None:
    found = _bound(utc(text), data_type, zone)
    if isinstance(found, date):
        assert found.year == utc(text).year


@settings(max_examples=500, deadline=None)
@given(
    moments,
    st.one_of(st.timedeltas(timedelta(0), timedelta(hours=3)), st.timedeltas(timedelta(0), timedelta(days=400))),
    st.sampled_from(_BY_TIME),
    st.sampled_from(ZONES),
)
@example(_BERLIN_GOES_BACK + timedelta(minutes=59), timedelta(minutes=2), "timestamp", "Europe/Berlin")
def test_a_bound_never_decreases_with_time(instant: datetime, later: timedelta, data_type: str, zone: str) -> None:
    assert _bound(instant, data_type, zone) <= _bound(instant + later, data_type, zone)


def _stamp(written: datetime, data_type: str, zone: str) -> Any:
    wall = written.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    since_epoch = written - datetime(1970, 1, 1, tzinfo=UTC)
    return {
        "date": wall.date(),
        "timestamp_unixtime_s": since_epoch // timedelta(seconds=1),
        "timestamp_unixtime_ms": since_epoch // timedelta(milliseconds=1),
        "timestamptz": written,
    }.get(data_type, wall)


@settings(max_examples=400, deadline=None)
@given(
    moments,
    st.lists(st.timedeltas(timedelta(0), timedelta(minutes=45)), min_size=1, max_size=30),
    st.lists(st.timedeltas(timedelta(microseconds=1), timedelta(hours=2)), min_size=1, max_size=20),
    st.sampled_from([*_NAIVE, "date", "timestamp_unixtime_s", "timestamp_unixtime_ms", "timestamptz"]),
    st.sampled_from(ZONES),
)
@example(_BERLIN_GOES_BACK, [timedelta(minutes=10)] * 20, [timedelta(minutes=35)] * 6, "timestamp", "Europe/Berlin")
def test_each_row_is_read_once_whatever_the_clocks_do(
    start: datetime, gaps: list[timedelta], waits: list[timedelta], data_type: str, zone: str
) -> None:
    written = _running(start, gaps)
    ends = [*_running(start, waits)]
    ends.append(max(written[-1], ends[-1]) + timedelta(days=3))
    reads = [0] * len(written)
    last: Any = None
    for end in ends:
        until = _bound(end, data_type, zone)
        for row, at in enumerate(written):
            stamp = _stamp(at, data_type, zone)
            if at <= end and (last is None or stamp >= last) and stamp < until:
                reads[row] += 1
        last = until
    assert reads == [1] * len(written)


def _running(start: datetime, steps: list[timedelta]) -> list[datetime]:
    found = []
    for step in steps:
        start += step
        found.append(start)
    return found
