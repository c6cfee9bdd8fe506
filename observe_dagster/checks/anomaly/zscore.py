"""The Watcher's rule: the mean and sample deviation of earlier runs that started in the same hour."""

from observe_dagster.checks.anomaly.band import Band, Compared, lower_bound
from observe_dagster.checks.anomaly.baseline import MICROSECONDS_PER_HOUR, Anomaly, Baseline, Measured, local
from observe_dagster.clock import microseconds


def band(declared: Anomaly, observed: Measured, runs: Baseline) -> Compared:
    """Expect the mean of the hour, give or take `z_threshold` sample deviations and never less than zero.

    Where all values are the same, only that value is expected.
    """
    import numpy as np

    moment = np.array([microseconds(observed.at)], dtype=np.int64)
    hour = int(local(moment, declared.timezone)[0] // MICROSECONDS_PER_HOUR % 24)
    values = runs.values[local(runs.at, declared.timezone) // MICROSECONDS_PER_HOUR % 24 == hour]
    slot = f"the hour from {hour:02}:00"
    if len(values) < declared.minimum_executions:
        return Compared(n=len(values), needed=declared.minimum_executions, slotting="hour", slot=slot)
    constant = bool((values == values[0]).all())
    mean = float(values[0] if constant else values.mean())
    deviation = 0.0 if constant else float(values.std(ddof=1))
    lower, upper = mean - declared.z_threshold * deviation, mean + declared.z_threshold * deviation
    return Band(
        n=len(values),
        needed=declared.minimum_executions,
        slotting="hour",
        slot=slot,
        expected=mean,
        deviation=deviation,
        score=lambda value: (value - mean) / deviation if deviation else None,
        lower=lower_bound(lower, values),
        upper=upper,
    )
