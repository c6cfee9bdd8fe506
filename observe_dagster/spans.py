"""How lengths of time and instants are written: in sentences, and as ISO 8601."""

from datetime import UTC, datetime, timedelta

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def span(length: timedelta) -> str:
    """Write a length of time in its two largest units, such as `3 hours 12 minutes`."""
    left, parts = abs(length) // timedelta(seconds=1), list[str]()
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {unit}{'' if count == 1 else 's'}")
        elif parts:
            break
    return " ".join(parts[:2]) or "less than a second"


def moment(instant: datetime) -> str:
    """Write an aware instant in UTC, to the second, such as `2022-07-01 16:00:00 UTC`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(instant: datetime, timespec: str = "auto") -> str:
    """Write an aware instant as ISO 8601 in UTC, such as `2022-07-01T16:00:00Z`; `timespec` as in `isoformat`."""
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
