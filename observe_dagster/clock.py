"""The time, as something that can be passed in: a replay sets it, production reads the machine's."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the current time, aware, in UTC."""


def utc_now() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)
