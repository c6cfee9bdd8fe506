"""Between instants and what a clock on the wall of a time zone shows, on the days that clocks change as well."""

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_LONGEST_CLOCK_CHANGE = timedelta(hours=24)
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_FIRST, _LAST = _BEGINNING + 2 * _LONGEST_CLOCK_CHANGE, _END - 2 * _LONGEST_CLOCK_CHANGE


def wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows, without a zone; the first or last datetime there is where the calendar ends."""
    try:
        return instant.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        return (_BEGINNING if instant < _FIRST else _END).replace(tzinfo=None)


def earliest_wall_clock_from(instant: datetime, zone: ZoneInfo) -> datetime:
    """The smallest reading at or after `instant`: where clocks go back, the reading they go back to."""
    wall = wall_clock(instant, zone)
    if not _FIRST < instant < _LAST:
        return wall
    later = instant + _LONGEST_CLOCK_CHANGE
    if _offset(later, zone) >= _offset(instant, zone):
        return wall
    return min(wall, wall_clock(_change(instant, later, zone), zone))


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clock shows `wall`, in UTC.

    A reading that clocks skip is the instant they skip it; of one that they repeat it is the second. Dagster reads
    cron expressions in the same way.
    """
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return after if before <= after else _change(after, before, zone)


def changes_clocks(zone: ZoneInfo, since: datetime) -> bool:
    """Tell whether the clocks of a zone are changed in the year that follows `since`."""
    return len({_offset(since + timedelta(weeks=week), zone) for week in range(53)}) > 1


def add_months(wall: datetime, months: int) -> datetime:
    """The same reading `months` later; on the last day of a month that is too short."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, calendar.monthrange(year, month + 1)[1]))


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after `before` that has another offset, where there is one change up to `after`."""
    offset = _offset(before, zone)
    while after - before > timedelta(microseconds=1):
        middle = before + (after - before) // 2
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
