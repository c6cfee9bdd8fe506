"""Which runs the demo replays: those that the schedules would have had in the weeks before now.

The last days are replayed hour by hour, the days before them with one tick a day, so that the demo stays short; a
pipeline that missed ticks reads the whole gap in its next run, as after a downtime.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.time.intervals import fires_at, latest_closed

_CALM_HOUR = 4
"""When all of a day's daily runs are over, UTC: the replay's days begin here, so that none is cut in two."""
_LAST_LANDING = timedelta(hours=5, minutes=16)
"""How long after a calm hour the data's last flight has landed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many days are replayed, and how many of them, the last ones, hour by hour.

    `fault_days` is how many days before the last one the faults are put in; None puts in none. By then each daily
    pipeline needs ten runs to be compared with, and the hourly one a day.
    """

    days: int = 21
    hourly_days: int = 14
    fault_days: int | None = 6


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Due:
    """One run: when it is due, of which pipeline, and whether it covers more than one interval."""

    at: datetime
    pipeline_id: str
    catches_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What is due by one simulated moment, in order; the source stands as it did then."""

    at: datetime
    due: tuple[Due, ...]


def last_moment(now: datetime) -> datetime:
    """When the replay ends: the data's last flights land within a day before `now`, its weather ends a day earlier.

    What comes after would be judged as what it is, a source that runs dry.
    """
    return _calm(now - _LAST_LANDING) - timedelta(days=1)


def first_moment(until: datetime, pace: Pace) -> datetime:
    """When the replay begins: in the calm hour of a day."""
    return _calm(until) - timedelta(days=pace.days)


def ticks(pipelines: Iterable[Pipeline], *, now: datetime, pace: Pace) -> list[Tick]:
    """The first load of everything, then one tick a day, then one for each hour that has something due."""
    start = first_moment(now, pace)
    hourly_from = start + timedelta(days=pace.days - pace.hourly_days)
    newest: dict[datetime, dict[str, Due]] = defaultdict(dict)
    for pipeline in upstream_first(pipelines):
        if isinstance(pipeline.schedule, IntervalSchedule):
            # From the last time before the start.
            index = latest_closed(pipeline.schedule, start) or 0
            while (moment := fires_at(pipeline.schedule, index)) <= now:
                index += 1
                slot = _slot(moment, start, hourly_from)
                several = slot < start or pipeline.id in newest[slot]
                newest[slot][pipeline.id] = Due(at=moment, pipeline_id=pipeline.id, catches_up=several)
    first, *later = [newest[slot] for slot in sorted(newest)]
    return [_tick(first.values()), *(_tick(sorted(due.values())) for due in later)]


def _calm(moment: datetime) -> datetime:
    """The last calm hour."""
    calm = moment.astimezone(UTC).replace(hour=_CALM_HOUR, minute=0, second=0, microsecond=0)
    return calm if calm <= moment else calm - timedelta(days=1)


def upstream_first(pipelines: Iterable[Pipeline]) -> list[Pipeline]:
    """Order pipelines so that those which read what another one writes come last."""
    listed = list(pipelines)
    written = {pipeline.destination.connection_id for pipeline in listed}
    return sorted(listed, key=lambda pipeline: pipeline.connection_id in written)


def _tick(due: Iterable[Due]) -> Tick:
    ordered = tuple(due)
    return Tick(at=max(each.at for each in ordered), due=ordered)


def _slot(moment: datetime, start: datetime, hourly_from: datetime) -> datetime:
    """What a moment is replayed with: everything before the start, its day, or its hour."""
    if moment < start:
        return start - timedelta(days=1)
    step = timedelta(days=1) if moment < hourly_from else timedelta(hours=1)
    return start + ((moment - start) // step) * step
