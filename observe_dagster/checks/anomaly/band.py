"""Where a value is expected to lie, and by what that is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observe_dagster.checks.anomaly.baseline import Floats

_ENOUGH = 5
_BUSY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a value is compared with: `n` runs of the `slot`, where `needed` are the fewest to judge by."""

    n: int
    needed: int
    slotting: str
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band(Compared):
    """What a model expects before it gets the value, once it has learned enough.

    `deviation` is one deviation in the metric's unit; `score` gives how many of them a value is off, on the
    model's own scale.
    """

    expected: float
    deviation: float
    lower: float
    upper: float
    score: Callable[[float], float | None]


def lower_bound(lower: float, values: "Floats") -> float:
    """Raise the lower bound of a metric that is never negative to 0, and of one that never comes near 0 to 1.

    Without this a drop to zero would pass wherever the mean less three deviations lies below zero.
    """
    smallest = float(values.min())
    if smallest < 0:
        return lower
    return max(lower, 1.0 if len(values) >= _ENOUGH and smallest >= _BUSY else 0.0)
