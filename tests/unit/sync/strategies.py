"""Schedules and pipelines of every kind, for laws that hold for all of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from observe_dagster.config import IncrementalSync, IntervalSchedule, Pipeline
from tests.unit.sync.declaring import incremental, pipeline

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca")
PLAIN = pipeline()

instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
near_clock_changes = st.builds(
    lambda day, hours: datetime.fromisoformat(day).replace(tzinfo=UTC) + hours,
    st.sampled_from(["2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-04-07", "2024-10-06"]),
    st.timedeltas(timedelta(days=-2), timedelta(days=2)),
)
delays = st.one_of(
    st.just(timedelta(0)),
    st.timedeltas(timedelta(0), timedelta(hours=30)),
    st.builds(lambda days: timedelta(days=days), st.integers(1, 40)),
)


@st.composite
def schedules(draw: st.DrawFn) -> IntervalSchedule:
    """An interval schedule that may start near a change of clocks."""
    return IntervalSchedule(
        type="interval",
        frequency=draw(st.sampled_from(["hourly", "daily", "weekly", "monthly"])),
        start=draw(st.one_of(instants, near_clock_changes)),
        delay=draw(delays),
        timezone=draw(st.sampled_from(ZONES)),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A pipeline on such a schedule, with or without `from`, `until`, `end` and a lag."""
    schedule = draw(schedules())
    update: dict[str, Any] = {}
    if draw(st.booleans()):
        update["end"] = schedule.start + draw(st.timedeltas(timedelta(hours=1), timedelta(days=90)))
    mode: dict[str, Any] = {}
    if draw(st.booleans()):
        mode["from_"] = schedule.start + draw(st.timedeltas(timedelta(days=-400), timedelta(days=20)))
    if draw(st.booleans()):
        mode["until"] = mode.get("from_", schedule.start) + draw(st.timedeltas(timedelta(hours=1), timedelta(days=90)))
    if draw(st.booleans()):
        mode["lag"] = draw(st.timedeltas(timedelta(seconds=1), timedelta(days=2)))
    return PLAIN.model_copy(
        update={
            "schedule": schedule.model_copy(update=update),
            "sync_mode": IncrementalSync(**incremental(**mode)),
        }
    )
