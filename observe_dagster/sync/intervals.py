"""The boundaries of an interval schedule: where intervals end, when their runs fire, and the cron that wakes them.

Hourly intervals are counted in UTC. Daily, weekly and monthly ones are counted on the wall clock of the schedule's
time zone, so that a daily interval has 23 or 25 hours when clocks change. A monthly boundary on a day that a month
does not have falls on that month's last day.
"""

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from observe_dagster.spec.schedule import IntervalSchedule

_STEPS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
_LAST_DAY_OF_EVERY_MONTH = 28


def boundary(schedule: IntervalSchedule, index: int) -> datetime:
    """The end of interval `index`, in UTC; boundary 0 is `start`."""
    return _at_wall_clock(schedule, index, timedelta(0))


def fires_at(schedule: IntervalSchedule, index: int) -> datetime:
    """When the run for the interval that ends at boundary `index` is due: the boundary and the delay, in UTC."""
    return _at_wall_clock(schedule, index, schedule.delay)


def latest_closed(schedule: IntervalSchedule, now: datetime) -> int | None:
    """The index of the newest boundary whose run is due by `now` and that is not after `end`; None before the first."""
    if fires_at(schedule, 0) > now:
        return None
    index = max(0, _estimate(schedule, now))
    while fires_at(schedule, index) > now:
        index -= 1
    while fires_at(schedule, index + 1) <= now:
        index += 1
    if schedule.end is not None:
        while index >= 0 and boundary(schedule, index) > schedule.end:
            index -= 1
    return index


def cron(schedule: IntervalSchedule) -> tuple[str, str]:
    """The cron expression that fires at or soon after each due run, and the time zone to read it in.

    A month whose due day moves (after the 28th, or pushed over the month's end by the delay) is woken daily; a tick
    with no interval to read is then a skip.
    """
    zone = ZoneInfo("UTC" if schedule.frequency == "hourly" else schedule.timezone)
    due = (schedule.start + schedule.delay if zone.key == "UTC" else fires_at(schedule, 0)).astimezone(zone)
    if due.second or due.microsecond:
        due = due.replace(second=0, microsecond=0) + timedelta(minutes=1)
    minute_and_hour = f"{due.minute} {due.hour}"
    if schedule.frequency == "hourly":
        return f"{due.minute} * * * *", zone.key
    if schedule.frequency == "daily":
        return f"{minute_and_hour} * * *", zone.key
    if schedule.frequency == "weekly":
        return f"{minute_and_hour} * * {due.isoweekday() % 7}", zone.key
    first = schedule.start.astimezone(zone)
    moves = first.day > _LAST_DAY_OF_EVERY_MONTH or first + schedule.delay > first.replace(
        day=_LAST_DAY_OF_EVERY_MONTH, hour=23, minute=59
    )
    return f"{minute_and_hour} {'*' if moves else due.day} * *", zone.key


def _estimate(schedule: IntervalSchedule, now: datetime) -> int:
    elapsed = now - schedule.start - schedule.delay
    step = _STEPS.get(schedule.frequency, timedelta(days=30))
    return elapsed // step


def _at_wall_clock(schedule: IntervalSchedule, index: int, delay: timedelta) -> datetime:
    if schedule.frequency == "hourly":
        return schedule.start + index * _STEPS["hourly"] + delay
    zone = ZoneInfo(schedule.timezone)
    wall = schedule.start.astimezone(zone).replace(tzinfo=None)
    moved = _add_months(wall, index) if schedule.frequency == "monthly" else wall + index * _STEPS[schedule.frequency]
    return (moved + delay).replace(tzinfo=zone).astimezone(UTC)


def _add_months(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, calendar.monthrange(year, month + 1)[1]))
