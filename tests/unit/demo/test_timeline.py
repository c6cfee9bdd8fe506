"""Which runs the demo replays."""

from datetime import UTC, datetime, timedelta

import pytest

from observe_dagster.config import load_project
from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.time.intervals import latest_closed
from observe_dagster.demo.timeline import Pace, first_moment, last_moment, ticks, upstream_first
from observe_dagster.settings import PACKAGE_DEFS

NOW = datetime(2026, 11, 21, 11, 40, tzinfo=UTC)
PACE = Pace(days=10, hourly_days=2)


@pytest.fixture(scope="module")
def pipelines():
    return load_project(PACKAGE_DEFS / "nyc_flights", environment={}).pipelines


def test_the_replay_begins_in_a_calm_hour_as_many_days_ago_as_asked():
    assert first_moment(NOW, PACE) == datetime(2026, 11, 11, 4, tzinfo=UTC)
    assert first_moment(NOW.replace(hour=2), PACE) == datetime(2026, 11, 10, 4, tzinfo=UTC)


def test_the_replay_ends_in_the_calm_hour_of_the_last_day_that_has_all_data():
    assert last_moment(NOW) == datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert last_moment(NOW.replace(hour=9, minute=15)) == datetime(2026, 11, 19, 4, tzinfo=UTC)


def test_a_run_catches_up_when_it_covers_more_than_its_interval(pipelines):
    first, *later = ticks(pipelines, now=NOW, pace=PACE)
    hourly_from = first_moment(NOW, PACE) + timedelta(days=PACE.days - PACE.hourly_days)

    assert all(due.catches_up for due in first.due)
    for tick in later:
        for due in tick.due:
            assert due.catches_up == (due.pipeline_id == "flights-hourly" and due.at < hourly_from)


def test_the_first_tick_loads_every_pipeline_with_readers_of_other_tables_last(pipelines):
    first = ticks(pipelines, now=NOW, pace=PACE)[0]

    assert sorted(due.pipeline_id for due in first.due) == sorted(pipeline.id for pipeline in pipelines)
    assert first.due[-1].pipeline_id == "airport-traffic-daily"
    assert first.at < first_moment(NOW, PACE)
    assert upstream_first(pipelines)[-1].id == "airport-traffic-daily"


def test_days_are_one_tick_each_until_the_hours_begin(pipelines):
    planned = ticks(pipelines, now=NOW, pace=PACE)
    hourly_from = first_moment(NOW, PACE) + timedelta(days=PACE.days - PACE.hourly_days)
    days = [tick for tick in planned[1:] if tick.at < hourly_from]
    hours = [tick for tick in planned[1:] if tick.at >= hourly_from]

    assert len(days) == PACE.days - PACE.hourly_days
    assert len(hours) == len(
        [hour for hour in range(2 * 24 + 8) if hourly_from + timedelta(hours=hour, minutes=5) <= NOW]
    )


def test_ticks_and_what_is_due_in_them_follow_time(pipelines):
    later = ticks(pipelines, now=NOW, pace=PACE)[1:]
    moments = [due.at for tick in later for due in tick.due]

    assert moments == sorted(moments)
    assert all(tick.at == tick.due[-1].at <= NOW for tick in later)


def test_the_last_runs_are_those_that_a_schedule_running_all_along_would_have_had(pipelines):
    newest = {due.pipeline_id: due.at for tick in ticks(pipelines, now=NOW, pace=PACE) for due in tick.due}

    for pipeline in pipelines:
        assert isinstance(pipeline.schedule, IntervalSchedule)
        assert latest_closed(pipeline.schedule, newest[pipeline.id]) == latest_closed(pipeline.schedule, NOW)
