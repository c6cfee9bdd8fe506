"""The time, as something that can be passed in: a replay sets it, production reads the machine's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[], datetime]
"""Gives the current time, aware, in UTC."""


def utc_now() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)


def microseconds(at: datetime) -> int:
    """Count the microseconds since 1970 of an aware instant."""
    return (at - EPOCH) // timedelta(microseconds=1)
