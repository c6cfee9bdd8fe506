"""What every declared model shares: frozen, no unknown keys, slugs for ids."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)


class Declared(BaseModel):
    """The base of everything a user writes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )


SLUG = r"^[A-Za-z0-9_-]+$"
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=150)]
"""An id: letters, digits, `_` and `-`."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, strip_whitespace=True)]

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=63)]
"""A schema, table or column name exactly as the engine stores it; reserved words and mixed case are fine."""


def _only_text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("write a time with its zone, such as 2022-07-01T16:00:00Z")  # noqa: TRY004 - pydantic's way
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(lambda value: value.astimezone(UTC))]
"""A time with its zone, such as `2022-07-01T16:00:00Z`; kept in UTC."""

DURATION_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


def parse_duration(text: str) -> timedelta:
    """Read `15m`, `5d`: a whole number followed by s, m, h, d, w or y (365 days)."""
    match = re.fullmatch(r"(\d{1,6})([smhdwy])", text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and one of s, m, h, d, w, y, such as 15m")
    return int(match[1]) * DURATION_UNITS[match[2]]


def format_duration(value: timedelta) -> str:
    """Write a duration as `parse_duration` reads it, in the largest unit that fits."""
    for unit, length in reversed(DURATION_UNITS.items()):
        if value >= length and not value % length:
            return f"{value // length}{unit}"
    return f"{int(value.total_seconds())}s"


def read_duration(value: object) -> timedelta:
    """Read a duration from a text or a timedelta; raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("write a number and one of s, m, h, d, w, y, such as 15m")  # noqa: TRY004 - pydantic's way
    return parse_duration(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}[smhdwy]$"}),
]
"""A length of time such as `15m` or `5d`."""
