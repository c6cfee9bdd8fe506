"""How lengths of time and instants are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from observe_dagster.spans import iso, moment, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "less than a second"),
        (1, "1 second"),
        (61, "1 minute 1 second"),
        (3600, "1 hour"),
        (3_605, "1 hour"),
        (90_061, "1 day 1 hour"),
        (86_400 * 1234, "1,234 days"),
        (-7_200, "2 hours"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds, text):
    assert span(timedelta(seconds=seconds)) == text


def test_a_moment_is_written_in_utc():
    assert moment(datetime(2024, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "2023-12-31 23:30:00 UTC"


def test_an_iso_text_is_in_utc_and_as_precise_as_asked_for():
    instant = datetime(2024, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert iso(instant) == "2023-12-31T23:30:00Z"
    assert iso(instant.astimezone(UTC), "microseconds") == "2023-12-31T23:30:00.000000Z"
