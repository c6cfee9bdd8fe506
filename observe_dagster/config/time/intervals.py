"""The boundaries of an interval schedule: where intervals end, when their runs fire, and the cron that wakes them.

Hourly intervals are counted in UTC. Daily, weekly and monthly ones are counted on the wall clock of the schedule's
time zone, so that a daily interval has 23 or 25 hours when clocks change. A monthly boundary on a day that a month
does not have falls on that month's last day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from observe_dagster.config.models.schedule import IntervalSchedule
from observe_dagster.config.time.wall_clock import add_months, changes_clocks, instant_of

_STEPS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
_LAST_DAY_OF_EVERY_MONTH = 28
_LAST_HOUR = 23


def boundary(schedule: IntervalSchedule, index: int) -> datetime:
    """The end of interval `index`, in UTC; boundary 0 is `start`."""
    return schedule.start if index == 0 else _after_boundary(schedule, index, timedelta(0))


def fires_at(schedule: IntervalSchedule, index: int) -> datetime:
    """When the run for the interval that ends at boundary `index` is due, in UTC.

    The delay is counted on the wall clock, so that runs fire at the same hour all year, and is never shorter than
    declared: where clocks go forward in between, the run is due that much later.
    """
    return max(boundary(schedule, index) + schedule.delay, _after_boundary(schedule, index, schedule.delay))


def latest_closed(schedule: IntervalSchedule, now: datetime) -> int | None:
    """The index of the newest boundary whose run is due by `now` and that is not after `end`; None before the first."""
    if fires_at(schedule, 0) > now:
        return None
    index = _newest(schedule, fires_at, now, delay=schedule.delay)
    if schedule.end is not None and boundary(schedule, index) > schedule.end:
        return _newest(schedule, boundary, schedule.end, delay=timedelta(0))
    return index


def next_closed(schedule: IntervalSchedule, instant: datetime) -> int | None:
    """The index of the first boundary after `instant`; None where that is after `end`."""
    index = 0 if instant < schedule.start else _newest(schedule, boundary, instant, delay=timedelta(0)) + 1
    return None if schedule.end is not None and boundary(schedule, index) > schedule.end else index


def cron(schedule: IntervalSchedule) -> tuple[str, str]:
    """The cron expression that fires at or soon after each due run, and the time zone to read it in.

    A month whose due day moves (after the 28th, or pushed over the month's end by the delay) is woken daily, and a
    delay that clocks may stretch is woken for an hour later as well; a tick with no interval to read is then a skip.
    """
    zone = ZoneInfo("UTC" if schedule.frequency == "hourly" else schedule.timezone)
    first = schedule.start.astimezone(zone).replace(tzinfo=None)
    due = _full_minute(first + schedule.delay)
    if schedule.frequency == "hourly":
        return f"{due.minute} * * * *", zone.key
    may_stretch = bool(schedule.delay) and changes_clocks(zone, schedule.start)
    over_midnight = may_stretch and due.hour == _LAST_HOUR
    minute_and_hour = f"{due.minute} {due.hour}" + (f",{(due.hour + 1) % 24}" if may_stretch else "")
    if schedule.frequency == "daily":
        return f"{minute_and_hour} * * *", zone.key
    if schedule.frequency == "weekly":
        weekday = due.isoweekday() % 7
        return f"{minute_and_hour} * * {weekday}" + (f",{(weekday + 1) % 7}" if over_midnight else ""), zone.key
    last_minute = first.replace(day=_LAST_DAY_OF_EVERY_MONTH, hour=23, minute=59, second=0, microsecond=0)
    moves = first.day > _LAST_DAY_OF_EVERY_MONTH or first + schedule.delay > last_minute or over_midnight
    return f"{minute_and_hour} {'*' if moves else due.day} * *", zone.key


def _full_minute(wall: datetime) -> datetime:
    full = wall.replace(second=0, microsecond=0)
    return full if full == wall else full + timedelta(minutes=1)


def _newest(
    schedule: IntervalSchedule,
    instant_at: Callable[[IntervalSchedule, int], datetime],
    now: datetime,
    *,
    delay: timedelta,
) -> int:
    index = max(0, (now - schedule.start - delay) // _STEPS.get(schedule.frequency, timedelta(days=30)))
    while instant_at(schedule, index) > now:
        index -= 1
    while instant_at(schedule, index + 1) <= now:
        index += 1
    return index


def _after_boundary(schedule: IntervalSchedule, index: int, delay: timedelta) -> datetime:
    if schedule.frequency == "hourly":
        return schedule.start + index * _STEPS["hourly"] + delay
    zone = ZoneInfo(schedule.timezone)
    wall = schedule.start.astimezone(zone).replace(tzinfo=None)
    moved = add_months(wall, index) if schedule.frequency == "monthly" else wall + index * _STEPS[schedule.frequency]
    return instant_of(moved + delay, zone)
