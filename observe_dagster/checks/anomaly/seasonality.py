"""Slots of the week that values can be compared within, and the middle of each slot without one of its values."""

from typing import TYPE_CHECKING, Literal

from observe_dagster.checks.anomaly.baseline import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR

if TYPE_CHECKING:
    from observe_dagster.checks.anomaly.baseline import Floats, Integers

Slotting = Literal["none", "weekday", "hour", "hour_of_week"]
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY_OF_1970 = 3


def labels(wall: "Integers") -> "dict[Slotting, Integers]":
    """Number the slot of each wall clock reading, for each way to cut the week."""
    hour = wall // MICROSECONDS_PER_HOUR % 24
    weekday = (wall // MICROSECONDS_PER_DAY + _WEEKDAY_OF_1970) % 7
    return {"none": 0 * hour, "weekday": weekday, "hour": hour, "hour_of_week": weekday * 24 + hour}


def slot_name(slotting: Slotting, label: int) -> str:
    """Name a slot in a sentence."""
    names = {
        "none": lambda: "all hours and days",
        "weekday": lambda: _WEEKDAYS[label],
        "hour": lambda: f"the hour from {label:02}:00",
        "hour_of_week": lambda: f"{_WEEKDAYS[label // 24]}, the hour from {label % 24:02}:00",
    }
    return names[slotting]()


def middles_without_self(label: "Integers", values: "Floats") -> "Floats":
    """For each value the median of the others in its slot; NaN where there are none.

    Sorted within its slot, leaving the value of rank r out moves those after it one place down, so the median of the
    rest is read off without sorting again.
    """
    import numpy as np

    order = np.lexsort((values, label))
    ranked, sorted_label = values[order], label[order]
    first = np.flatnonzero(np.r_[True, sorted_label[1:] != sorted_label[:-1]])
    counts = np.diff(np.r_[first, len(values)])
    start, others = np.repeat(first, counts), np.repeat(counts, counts) - 1
    rank = np.arange(len(values)) - start
    low, high = np.maximum(others - 1, 0) // 2, others // 2
    last = len(values) - 1
    middle = (
        ranked[np.minimum(start + low + (low >= rank), last)] + ranked[np.minimum(start + high + (high >= rank), last)]
    ) / 2
    result = np.empty_like(values)
    result[order] = np.where(others > 0, middle, np.nan)
    return result
