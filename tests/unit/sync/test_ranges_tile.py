"""The law of ranges: whatever the schedule, the zone, the downtime and the triggers, they tile time."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.config import IntervalSchedule, Pipeline
from observe_dagster.config.time.intervals import boundary, fires_at
from observe_dagster.records import SyncRange
from observe_dagster.sync.ranges import from_text, to_text
from tests.unit.sync.declaring import MANUAL, SCHEDULED, Runs
from tests.unit.sync.strategies import PLAIN, pipelines, schedules

steps = st.one_of(
    st.timedeltas(timedelta(seconds=1), timedelta(hours=3)), st.timedeltas(timedelta(hours=3), timedelta(days=50))
)
ticks = st.lists(st.tuples(steps, st.sampled_from([SCHEDULED, SCHEDULED, SCHEDULED, MANUAL])), min_size=1, max_size=25)


@settings(max_examples=300, deadline=None)
@given(pipelines(), ticks)
def test_consecutive_ranges_leave_no_gap_and_do_not_overlap(declared: Pipeline, steps: Any) -> None:
    runs, now = Runs(declared), declared.schedule.start - timedelta(days=1)
    ranges: list[SyncRange] = []
    for step, request in steps:
        now += step
        planned = runs.at(now, request)
        if planned is not None:
            ranges.append(planned)
            _check_end(declared, planned, now)
    if ranges:
        from_ = declared.sync_mode.from_
        assert ranges[0].start == (None if from_ is None else to_text(from_))
    for earlier, later in pairwise(ranges):
        assert later.start == earlier.end
        assert from_text(later.start or "") < from_text(later.end or "")
        assert from_text(later.read_from or "") <= from_text(later.start or "")


def _check_end(declared: Pipeline, planned: SyncRange, now: datetime) -> None:
    end = from_text(planned.end or "")
    assert end <= now
    assert planned.read_until == planned.end
    if declared.sync_mode.until is not None:
        assert end <= declared.sync_mode.until


@settings(max_examples=300, deadline=None)
@given(schedules(), st.integers(0, 60))
def test_boundaries_grow_and_each_run_is_due_after_its_delay(schedule: IntervalSchedule, index: int) -> None:
    assert boundary(schedule, 0) == schedule.start
    assert boundary(schedule, index) < boundary(schedule, index + 1)
    assert fires_at(schedule, index) - boundary(schedule, index) >= schedule.delay
    assert fires_at(schedule, index) <= fires_at(schedule, index + 1)


@settings(max_examples=200, deadline=None)
@given(schedules(), st.integers(0, 40))
def test_a_scheduled_run_ends_at_the_newest_boundary_that_is_due(schedule: IntervalSchedule, index: int) -> None:
    declared = PLAIN.model_copy(update={"schedule": schedule})
    due = fires_at(schedule, index)
    planned = Runs(declared).at(due)
    assert planned is not None
    end = from_text(planned.end or "")
    assert end >= boundary(schedule, index)
    before = Runs(declared).at(due - timedelta(microseconds=1))
    assert before is None or from_text(before.end or "") < boundary(schedule, index)
