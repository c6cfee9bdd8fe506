"""What an anomaly is judged by: a metric's earlier values, and which of them may be compared with one run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from observe_dagster.clock import microseconds
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, AnomalyMethod

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]

MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR
_LASTING = 7 * MICROSECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """What is declared for one metric of one pipeline; hours and weekdays are those of `timezone`."""

    name: str
    metric_field: str
    method: AnomalyMethod
    z_threshold: float
    lookback_days: int
    minimum_executions: int
    active: bool = True
    timezone: str = "UTC"

    @classmethod
    def of(cls, name: str, rule: AnomalyDetectionRule, *, timezone: str = "UTC") -> "Anomaly":
        """Take over a declared rule for the pipeline that sentences call `name`."""
        return cls(name=name, timezone=timezone, **rule.model_dump())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Runs of one pipeline that ended well, in any order, as arrays of one length.

    `at` is when each started, in microseconds since 1970 in UTC; a value that is missing is NaN; `flagged` runs were
    judged anomalies and are left out. Runs that are too old, or later than the judged one, may be among them.
    """

    at: "Integers"
    values: "Floats"
    flagged: "Booleans"

    @classmethod
    def of(cls, runs: Iterable[tuple[datetime, float | None, bool]]) -> "History":
        """Make the arrays from (started at, value, flagged)."""
        import numpy as np

        rows = list(runs)
        values = [np.nan if value is None else float(value) for _, value, _ in rows]
        return cls(
            at=np.array([microseconds(at) for at, _, _ in rows], dtype=np.int64),
            values=np.array(values, dtype=np.float64),
            flagged=np.array([flagged for _, _, flagged in rows], dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What is observed: the value of the run that started `at`, and the runs it is compared with."""

    at: datetime
    value: float | None
    history: History


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """The values that one run may be compared with, the oldest first.

    `left_out` is how many are missing because they were flagged, `taken_back` how many are here although they were.
    """

    at: "Integers"
    values: "Floats"
    left_out: int
    taken_back: int

    def __len__(self) -> int:
        return len(self.values)


def baseline(declared: Anomaly, observed: Measured) -> Baseline:
    """Choose the runs before the judged one, at most `lookback_days` before it, that have a value and no flag.

    Flagged runs that show a lasting change of level are chosen as well.
    """
    import numpy as np

    history, end = observed.history, microseconds(observed.at)
    in_window = (history.at < end) & (history.at >= end - declared.lookback_days * MICROSECONDS_PER_DAY)
    chosen = np.flatnonzero(in_window & np.isfinite(history.values))
    chosen = chosen[np.lexsort((history.flagged[chosen], history.values[chosen], history.at[chosen]))]
    at, values, flagged = history.at[chosen], history.values[chosen], history.flagged[chosen]
    lasting = _lasting(np.append(at, end), values, flagged, declared.minimum_executions)
    kept = ~flagged | lasting
    return Baseline(at=at[kept], values=values[kept], left_out=int((~kept).sum()), taken_back=int(lasting.sum()))


def _lasting(at: "Integers", values: "Floats", flagged: "Booleans", fewest: int) -> "Booleans":
    """Find the flagged runs that show a new level: a week and `fewest` of them in a row, all on one side, none zero.

    `at` goes on with the judged run. A week has each hour and weekday in it, and is long enough that a fault would
    have been repaired; zeros never become normal by themselves.
    """
    import numpy as np

    lasting = np.zeros(len(values), dtype=np.bool_)
    if np.count_nonzero(flagged) < fewest or flagged.all():
        return lasting
    middle = float(np.median(values[~flagged]))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flagged.astype(np.int8), [0]))))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        run = values[first:after]
        one_sided = bool((run > middle).all() or (run < middle).all())
        long_enough = after - first >= fewest and at[after] - at[first] >= _LASTING
        if long_enough and one_sided and bool((run != 0).all()):
            lasting[first:after] = True
    return lasting


def local(at: "Integers", timezone: str) -> "Integers":
    """Turn instants into readings of a zone's wall clock, both in microseconds since 1970."""
    if timezone == "UTC":
        return at
    import numpy as np
    import pandas as pd

    zoned = pd.DatetimeIndex(at.astype("datetime64[us]")).tz_localize("UTC").tz_convert(timezone)
    return np.asarray(zoned.tz_localize(None).astype("datetime64[us]").astype(np.int64))
