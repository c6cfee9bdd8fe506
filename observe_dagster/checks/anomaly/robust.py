"""The default model: medians of like slots on a log scale, moved to the recent level, with a scale that knows tails."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observe_dagster.checks.anomaly.band import Band, Compared, lower_bound
from observe_dagster.checks.anomaly.baseline import Anomaly, Baseline, Measured, local
from observe_dagster.checks.anomaly.seasonality import Slotting, labels, middles_without_self, slot_name
from observe_dagster.clock import microseconds

if TYPE_CHECKING:
    from observe_dagster.checks.anomaly.baseline import Booleans, Floats, Integers

MEMBERS = 3
"""The fewest values that a slot's middle is taken from."""
FLOOR = 0.05
"""One deviation is never less than this part of the expected value."""
FEW_ROWS = 2
"""A count may always exceed what is expected by as many."""
MEMORIES = (0.0, 0.1, 0.3)
"""How much of the latest surprise the recent level takes over; 0 is no recent level."""
_MORE_SLOTS_MUST_GAIN = {"none": 1.0, "weekday": 1.03, "hour": 1.03, "hour_of_week": 1.06}
_NORMAL_MAD = 1.4826
_TAIL, _NORMAL_TAIL = 0.98, 2.33
_SURPRISE_CLIP = 3.0
_FORGOTTEN = 0.001
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """One way to cut the week and one memory: what it expects, and how well it predicted left-out values."""

    slotting: Slotting
    label: int
    members: "Booleans"
    middle: float
    errors: "Floats"
    foretold: "Floats"
    cost: float


def band(declared: Anomaly, observed: Measured, runs: Baseline) -> Compared:
    """Expect the slot's median moved to the recent level, give or take `z_threshold` deviations."""
    needed = declared.minimum_executions
    if len(runs) < needed:
        return Compared(n=len(runs), needed=needed, slotting="none", slot=slot_name("none", 0))
    import numpy as np

    unit = _unit(runs.values)
    logs = np.sign(runs.values) * np.log1p(np.abs(runs.values) / unit)
    wall = local(np.append(runs.at, microseconds(observed.at)), declared.timezone)
    fit = _best(logs, labels(wall))
    members, middle = runs.values[fit.members], fit.middle
    counts = bool((runs.values == np.floor(runs.values)).all())
    deviation = _deviation(fit, counts=counts)
    reach = declared.z_threshold * deviation
    lower = _value(middle - reach, unit)
    upper = _value(middle + reach, unit)
    return Band(
        n=len(members),
        needed=needed,
        slotting=fit.slotting,
        slot=slot_name(fit.slotting, fit.label),
        expected=_value(middle, unit),
        deviation=(_value(middle + deviation, unit) - _value(middle - deviation, unit)) / 2,
        lower=lower_bound(lower, members) if float(runs.values.min()) >= 0 else lower,
        upper=max(upper, _value(middle, unit) + FEW_ROWS) if counts else upper,
        score=lambda value: (_log(value, unit) - middle) / deviation,
    )


def _best(logs: "Floats", slots: "dict[Slotting, Integers]") -> _Fit:
    """Take the way to cut the week, and the memory, that foretold best; more slots must gain something."""
    import numpy as np

    overall = middles_without_self(slots["none"][:-1], logs)
    spread = max(_NORMAL_MAD * float(np.median(np.abs(logs - overall))), FLOOR)
    fits: list[_Fit] = []
    for slotting in _worth_trying(slots):
        label, judged = slots[slotting][:-1], int(slots[slotting][-1])
        members = label == judged
        if np.count_nonzero(members) < MEMBERS:
            continue
        center = overall if slotting == "none" else middles_without_self(label, logs)
        center = np.where(np.isnan(center), overall, center)
        for memory in MEMORIES:
            levels = _levels(logs - center, memory, spread)
            errors = logs - center - levels[:-1]
            cost = float(np.minimum(np.abs(errors), _SURPRISE_CLIP * spread).mean()) * _MORE_SLOTS_MUST_GAIN[slotting]
            fits.append(
                _Fit(
                    slotting=slotting,
                    label=judged,
                    members=members,
                    middle=float(np.median(logs[members]) + levels[-1]),
                    errors=errors,
                    foretold=center + levels[:-1],
                    cost=cost,
                )
            )
    return min(fits, key=lambda fit: fit.cost)


def _worth_trying(slots: "dict[Slotting, Integers]") -> list[Slotting]:
    hours, weekdays = (int(slots[name].min()) != int(slots[name].max()) for name in ("hour", "weekday"))
    chosen: list[Slotting] = ["none"]
    if weekdays:
        chosen.append("weekday")
    if hours:
        chosen.append("hour")
    if weekdays and hours:
        chosen.append("hour_of_week")
    return chosen


def _levels(surprises: "Floats", memory: float, spread: float) -> "Floats":
    """The recent level before each value, and after the last: surprises, clipped and fading by `memory` each run."""
    import numpy as np

    if memory == 0:
        return np.zeros(len(surprises) + 1)
    clipped = np.clip(surprises, -_SURPRISE_CLIP * spread, _SURPRISE_CLIP * spread)
    length = min(len(surprises), int(np.ceil(np.log(_FORGOTTEN) / np.log(1 - memory))))
    fading = memory * (1 - memory) ** np.arange(length)
    return np.concatenate(([0.0], np.convolve(clipped, fading)[: len(surprises)]))


def _deviation(fit: _Fit, *, counts: bool) -> float:
    """One deviation on the log scale, the widest of three: the middle error, the tail of errors, and the floor.

    Counts vary at least as much as independent events do, so errors are weighed by that before they are pooled.
    """
    import numpy as np

    def weight(middle: "Floats") -> "Floats":
        if not counts:
            return np.ones_like(middle)
        return np.sqrt(FLOOR**2 + 1 / np.exp(np.clip(np.abs(middle), 0, _LARGEST_EXPONENT)))

    sizes = np.sort(np.abs(fit.errors) / weight(fit.foretold))
    n = len(sizes)
    center = (sizes[(n - 1) // 2] + sizes[n // 2]) / 2
    tail = np.interp(_TAIL * (n - 1), np.arange(n), sizes)
    scale = max(_NORMAL_MAD * center * (1 + 4 / n), tail / _NORMAL_TAIL)
    return max(float(scale * weight(np.array([fit.middle]))[0]), FLOOR)


def _unit(values: "Floats") -> float:
    """What is counted as one on the log scale: 1 for whole numbers, less where a metric is small throughout."""
    import numpy as np

    if bool((values == np.floor(values)).all()):
        return 1.0
    typical = float(np.median(np.abs(values)))
    return min(1.0, typical / 100) if typical > 0 else 1.0


def _log(value: float, unit: float) -> float:
    """Turn a value of the metric into one of the log scale."""
    return math.copysign(math.log1p(abs(value) / unit), value)


def _value(log: float, unit: float) -> float:
    """Turn a value of the log scale back into the metric's own unit."""
    return math.copysign(unit * math.expm1(min(abs(log), _LARGEST_EXPONENT)), log)
