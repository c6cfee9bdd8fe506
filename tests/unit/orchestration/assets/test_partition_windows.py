"""Partitions are the intervals of the schedule, and the missing ones are found and joined."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from observe_dagster.config import IntervalSchedule, Pipeline, Project
from observe_dagster.config.time.intervals import boundary
from observe_dagster.errors import SpecError
from observe_dagster.orchestration.assets.partitions import missing_windows, partitions_of
from tests.unit.orchestration.chain_project import ATTRIBUTES, declare, pipeline

NOW = datetime(2024, 3, 1, 12, 10, tzinfo=UTC)


def partitioned(**schedule: object) -> tuple[Project, Pipeline, IntervalSchedule]:
    """A partitioned pipeline with parts of its schedule replaced."""
    declared = {"type": "interval", "frequency": "hourly", "start": "2024-03-01T08:00:00Z", "partitioned": True}
    project = declare({**ATTRIBUTES, "pipelines": [pipeline("orders", "orders", schedule={**declared, **schedule})]})
    found = project.pipeline("orders")
    assert isinstance(found.schedule, IntervalSchedule)
    return project, found, found.schedule


_STARTS = st.datetimes(datetime(2023, 1, 1), datetime(2024, 12, 28)).map(lambda at: at.replace(second=0, microsecond=0))


@given(
    start=_STARTS,
    frequency=st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
@example(start=datetime(2024, 3, 29), frequency="daily", zone="Europe/Berlin")
def test_windows_are_the_intervals_of_the_schedule(start, frequency, zone):
    assume(frequency != "monthly" or 2 <= start.day <= 27)
    assume(zone == "UTC" or frequency == "hourly" or (not 5 <= start.hour <= 8 and not 0 <= start.hour <= 3))
    project, declared, schedule = partitioned(start=start.isoformat() + "Z", frequency=frequency, timezone=zone)
    definition = partitions_of(declared, project)
    assert definition is not None

    windows = [
        definition.time_window_for_partition_key(key)
        for key in definition.get_partition_keys(current_time=boundary(schedule, 40))
    ]

    assert [(window.start.astimezone(UTC), window.end.astimezone(UTC)) for window in windows] == [
        (boundary(schedule, index), boundary(schedule, index + 1)) for index in range(40)
    ]


def missing(materialized: set[str], now: datetime = NOW, **schedule: object) -> list[tuple[str, str]]:
    """The first and last key of each range that is missing."""
    project, declared, found = partitioned(**schedule)
    definition = partitions_of(declared, project)
    assert definition is not None
    return [
        (windows.first_key, windows.last_key)
        for windows in missing_windows(definition, found, now=now, materialized=materialized)
    ]


def test_all_closed_windows_are_missing_at_first_as_one_range():
    assert missing(set()) == [("2024-03-01-08:00", "2024-03-01-11:00")]


def test_a_window_in_between_splits_the_range():
    assert missing({"2024-03-01-09:00"}) == [
        ("2024-03-01-08:00", "2024-03-01-08:00"),
        ("2024-03-01-10:00", "2024-03-01-11:00"),
    ]


def test_a_window_closes_only_after_the_delay():
    assert missing(set(), delay="30m") == [("2024-03-01-08:00", "2024-03-01-10:00")]


def test_no_window_is_missing_before_the_first_has_closed():
    assert missing(set(), now=datetime(2024, 3, 1, 8, 59, tzinfo=UTC)) == []


def test_no_window_follows_the_end_of_the_schedule():
    assert missing(set(), end="2024-03-01T10:00:00Z") == [("2024-03-01-08:00", "2024-03-01-09:00")]


@pytest.mark.parametrize(
    ("until", "last"),
    [("2024-03-01T09:30:00Z", "2024-03-01-09:00"), ("2024-03-01T10:00:00Z", "2024-03-01-09:00")],
)
def test_the_window_that_until_lies_in_is_the_last(until, last):
    project, declared, schedule = partitioned()
    until_then = declared.sync_mode.model_copy(update={"until": datetime.fromisoformat(until)})
    definition = partitions_of(declared.model_copy(update={"sync_mode": until_then}), project)
    assert definition is not None
    (windows,) = missing_windows(definition, schedule, now=NOW, materialized=set())
    assert (windows.first_key, windows.last_key) == ("2024-03-01-08:00", last)


def test_windows_span_the_time_that_they_name():
    project, declared, schedule = partitioned()
    definition = partitions_of(declared, project)
    assert definition is not None

    (windows,) = missing_windows(definition, schedule, now=NOW, materialized=set())

    assert (windows.start, windows.end - windows.start) == (datetime(2024, 3, 1, 8, tzinfo=UTC), timedelta(hours=4))


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"start": "2024-03-01T08:00:30Z"}, "full minute"),
        ({"start": "2024-01-31T00:00:00Z", "frequency": "monthly"}, "days 1 to 28"),
    ],
)
def test_a_start_that_cannot_repeat_is_refused_with_its_place(schedule, message):
    project, declared, _ = partitioned(**schedule)

    with pytest.raises(SpecError, match=rf"pipelines\.yaml.*orders\.schedule\.start: .*{message}"):
        partitions_of(declared, project)


def test_a_pipeline_without_partitions_has_none(project):
    assert partitions_of(project.pipeline("orders"), project) is None
