"""A watermark in the terms of the iterator column: what the column is compared with.

The conversion never decreases as time goes on and rounds down, so that ranges tile for every iterator type and a
value that may still grow (the current day, the current second, the hour that clocks repeat) is left for later.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from observe_dagster.clock import microseconds
from observe_dagster.config.models.schedule import IteratorDataType
from observe_dagster.config.time.wall_clock import earliest_wall_clock_from

Bound = datetime | date | int

_WITH_ZONE = ("timestamptz", "datetime_tz", "timestamp_ltz", "timestamp_tz")


def bound(watermark: str, data_type: IteratorDataType, zone: str) -> Bound:
    """Convert a watermark to the value that an iterator of `data_type` is compared with.

    Returns an aware datetime for types with a zone, a naive one on the wall clock of `zone` for those without, a
    date, or a whole number of seconds, milliseconds or steps.
    """
    if data_type == "integer":
        return int(watermark)
    instant = datetime.fromisoformat(watermark).astimezone(UTC)
    if data_type in _WITH_ZONE:
        return instant
    if data_type == "timestamp_unixtime_s":
        return microseconds(instant) // 1_000_000
    if data_type == "timestamp_unixtime_ms":
        return microseconds(instant) // 1_000
    wall = earliest_wall_clock_from(instant, ZoneInfo(zone))
    return wall.date() if data_type == "date" else wall
