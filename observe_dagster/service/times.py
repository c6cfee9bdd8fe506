"""Times as the command line reads and writes them: ISO 8601, UTC unless a zone is given."""

from datetime import UTC, date, datetime, time, timedelta

import click

from observe_dagster.spans import iso


def first_moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read an option's time such as `2022-07-01T16:00:00Z`: UTC where no zone is given, a date's first moment."""
    return None if text is None else _read(text, time.min)


def last_moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read an option's time like `first_moment`, but a date alone as its last moment, to take in the whole day."""
    return None if text is None else _read(text, time.max)


def _read(text: str, moment_of_a_date: time) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text.strip()), moment_of_a_date, tzinfo=UTC)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text.strip())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{text!r} is not a time; write one such as 2022-07-01T16:00:00Z or 2022-07-01."
        raise click.BadParameter(message) from None


def in_utc(instant: datetime | None) -> str | None:
    """Write a time as the API document does: `2023-10-25T18:11:57.321Z`."""
    return None if instant is None else iso(instant, "milliseconds")


def to_the_second(text: str | None) -> str:
    """Shorten a time that `in_utc` wrote for a narrow column; anything else stays as it is."""
    if text is None:
        return "-"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if instant.tzinfo is None else iso(instant, "seconds")


def duration(started: str | None, ended: str | None) -> str:
    """Say how long it took from one written time to another: `0.4 s`, `12 s`, `1 h 02 m`."""
    if started is None or ended is None:
        return "-"
    took = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
    seconds = took / timedelta(seconds=1)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} m"
