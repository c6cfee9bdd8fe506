"""Calendar arithmetic with dateparts, minute to year, and how numbers read in a sentence.

Minutes and hours are time that passes. Days, weeks, months and years are counted on the wall clock of a time zone:
a day has 23 or 25 hours when clocks change, and a month on from the 31st is the last day of a shorter month.
"""

from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from observe_dagster.config.models.pipeline import Datepart
from observe_dagster.config.time.wall_clock import add_months, instant_of

_PASSING = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def add(instant: datetime, number: int, datepart: str, *, timezone: str = "UTC") -> datetime:
    """The instant `number` dateparts after an aware one, in UTC; the end of time where the calendar ends before.

    A wall clock reading that clocks skip is the instant they skip it; of one that they repeat it is the second.
    """
    if datepart not in get_args(Datepart):
        raise ValueError(f"{datepart!r} is not a datepart; use one of {', '.join(get_args(Datepart))}")
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    zone = ZoneInfo(timezone)
    try:
        if datepart in _PASSING:
            return instant.astimezone(UTC) + number * _PASSING[datepart]
        wall = instant.astimezone(zone).replace(tzinfo=None)
        if datepart in _DAYS:
            return instant_of(wall + timedelta(days=number * _DAYS[datepart]), zone)
        return instant_of(add_months(wall, number * _MONTHS[datepart]), zone)
    except (OverflowError, ValueError):
        return END_OF_TIME


def allowed(number: int, datepart: str) -> str:
    """Name a number of dateparts as the subject of a sentence, such as `2 hours are`."""
    return f"1 {datepart} is" if number == 1 else f"{number:,} {datepart}s are"


def number(value: float) -> str:
    """Write a number: whole numbers whole, others to four digits that matter."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.4g}"


def count_of(count: int, one: str) -> str:
    """Write how many of something there are, in the singular or the plural."""
    return f"{count:,} {one if count == 1 else one + 's'}"
