"""Reads cron expressions: five fields, or one of the names such as `@daily`."""

import re
from typing import Annotated

from pydantic import AfterValidator

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("weekday", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_NAMED = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,3}))?")


def _known_cron(text: str) -> str:
    if text.lower() in _NAMED:
        return text.lower()
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} is not a cron expression; write five fields, such as 0 8 * * 1-5")
    for field, (name, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part.lower(), lowest, highest, names) for part in field.split(",")):
            raise ValueError(f"{field!r} is not a {name} of a cron expression, which goes from {lowest} to {highest}")
    return " ".join(fields)


def _fits(part: str, lowest: int, highest: int, names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match["step"] == "0":
        return False
    bounds = [match[name] for name in ("first", "last") if match[name] is not None]
    numbers = [names.get(text, int(text) if text.isascii() and text.isdigit() else -1) for text in bounds]
    return all(lowest <= number <= highest for number in numbers) and numbers == sorted(numbers)


Cron = Annotated[str, AfterValidator(_known_cron)]
"""A cron expression with its spaces made single."""
