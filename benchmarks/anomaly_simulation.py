"""Recall per fault and false alarms of anomaly rules on simulated row counts.

Daily and hourly pipelines with weekday and hour patterns, growth, a level that wanders, and noise run for 100 days of
history and 30 days under watch; in those, runs lose half their rows, lose all, or deliver three times as many. Each
rule judges run after run and sees only what came before; rules that leave flagged runs out of their baseline do so
here. Then each rule is set against `robust` at the lowest threshold that gives no more false alarms than the rule
does. Exits 1 if `robust` does not find more faults than each.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.report import parser, show, write
from observe_dagster.checks import Status
from observe_dagster.checks.anomaly import Anomaly, History, Measured, judge
from observe_dagster.clock import microseconds
from observe_dagster.config.models.pipeline import AnomalyDetectionRule

START = datetime(2024, 1, 1, tzinfo=UTC)
HISTORY_DAYS, WATCHED_DAYS = 100, 30
FAULTS = {"half": 0.5, "zero": 0.0, "triple": 3.0}
FAULTS_OF_A_KIND = 2
DAY = microseconds(START + timedelta(days=1)) - microseconds(START)
HOUR = DAY // 24

Verdict = Callable[["Series", np.ndarray, int], bool]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Runs of one pipeline; `fault` names what was done to a run, or is empty."""

    frequency: str
    at: np.ndarray
    values: np.ndarray
    fault: np.ndarray
    first_watched: int
    extra: dict[str, Any] = field(default_factory=dict)


def simulate(rng: np.random.Generator, frequency: str) -> Series:
    """Draw a pipeline: how busy, which patterns, how fast it grows, how noisy; then draw its runs and faults."""
    step = DAY if frequency == "daily" else HOUR
    count = (HISTORY_DAYS + WATCHED_DAYS) * DAY // step
    at = microseconds(START) + np.arange(count) * step
    day, hour = at // DAY, at // HOUR % 24
    weekend = (day + 3) % 7 >= 5
    rate = np.exp(rng.uniform(np.log(300), np.log(300_000))) * np.ones(count)
    rate = np.where(weekend, rate * rng.choice([1.0, 0.7, 0.4, 0.15]), rate)
    if frequency == "hourly":
        rate *= np.exp(rng.choice([0.0, 0.5, 1.2]) * np.sin((hour - rng.integers(24)) * np.pi / 12))
    rate *= (1 + rng.choice([0.0, 0.003, 0.01, -0.003])) ** ((at - at[0]) / DAY)
    rate *= np.exp(_wandering(rng, count, rng.choice([0.0, 0.05, 0.1])))
    sigma = rng.choice([0.03, 0.08, 0.15, 0.25])
    noise = rng.standard_t(5, count) * np.sqrt(3 / 5) if rng.random() < 0.3 else rng.standard_normal(count)
    values = rng.poisson(np.minimum(rate * np.exp(sigma * noise), 1e12)).astype(float)
    first = HISTORY_DAYS * DAY // step
    fault = np.full(count, "", dtype=object)
    chosen = rng.choice(np.arange(first, count), size=FAULTS_OF_A_KIND * len(FAULTS), replace=False)
    for index, place in enumerate(chosen):
        kind = list(FAULTS)[index % len(FAULTS)]
        fault[place], values[place] = kind, np.floor(values[place] * FAULTS[kind])
    return Series(frequency=frequency, at=at, values=values, fault=fault, first_watched=first)


def _wandering(rng: np.random.Generator, count: int, size: float) -> np.ndarray:
    level, levels = 0.0, np.empty(count)
    for index, push in enumerate(rng.standard_normal(count)):
        level = 0.9 * level + size * np.sqrt(1 - 0.9**2) * push
        levels[index] = level
    return levels


def ours(**said: Any) -> Verdict:
    """A method of this package."""
    declared = Anomaly.of("simulated", AnomalyDetectionRule(metric_field="total_rows", **said))

    def verdict(series: Series, flags: np.ndarray, index: int) -> bool:
        past = slice(max(0, index - declared.lookback_days * 24), index)
        history = History(at=series.at[past], values=series.values[past], flagged=flags[past])
        at = datetime.fromtimestamp(int(series.at[index]) // 1_000_000, UTC)
        return judge(declared, Measured(at=at, value=series.values[index], history=history)).status is Status.FAIL

    return verdict


def elementary(*, seasonal: bool) -> Verdict:
    """Elementary: |z| > 3 over 14 days that include the tested value; seasonal trains 7 times as long."""

    def verdict(series: Series, flags: np.ndarray, index: int) -> bool:  # noqa: ARG001
        period = _week_slot(series) if seasonal else np.zeros(len(series.at))
        days = 14 * (7 if seasonal else 1)
        window = slice(int(np.searchsorted(series.at, series.at[index] - days * DAY, side="right")), index + 1)
        values = series.values[window][period[window] == period[index]]
        deviation = values.std(ddof=1) if len(values) > 1 else 0.0
        return bool(deviation > 0 and abs(series.values[index] - values.mean()) > 3 * deviation)

    return verdict


def _week_slot(series: Series) -> np.ndarray:
    if "slot" not in series.extra:
        weekday = (series.at // DAY + 3) % 7
        hourly = weekday * 24 + series.at // HOUR % 24
        series.extra["slot"] = weekday if series.frequency == "daily" else hourly
    return series.extra["slot"]


def re_data(series: Series, flags: np.ndarray, index: int) -> bool:  # noqa: ARG001
    """re_data: modified z-score |0.6745 (x - median) / MAD| > 3 over 30 days that include the tested value.

    Where the MAD is 0 it takes 1.253314 times the mean absolute deviation instead of 1 / 0.6745 times the MAD.
    """
    window = slice(int(np.searchsorted(series.at, series.at[index] - 30 * DAY, side="right")), index + 1)
    distances = np.abs(series.values[window] - np.median(series.values[window]))
    mad = float(np.median(distances))
    deviation = mad / 0.6745 if mad else 1.253314 * float(distances.mean())
    return bool(deviation > 0 and distances[-1] > 3 * deviation)


THRESHOLDS = (3.5, 4.0, 5.0, 6.0)

OURS: dict[str, Verdict] = {
    f"robust at {threshold:g}": ours(method="robust", z_threshold=threshold) for threshold in THRESHOLDS
}
WATCHERS: dict[str, Verdict] = {
    "zscore": ours(method="zscore"),
    "zscore, from 10 runs": ours(method="zscore", minimum_executions=10),
}
RIVALS: dict[str, Verdict] = {
    "Elementary": elementary(seasonal=False),
    "Elementary, seasonal": elementary(seasonal=True),
    "re_data": re_data,
}
FOUND, ALARMS = "all faults %", "false alarms per pipeline-month"


def watch(verdict: Verdict, everything: list[Series]) -> dict[str, Any]:
    """Judge every watched run of every pipeline in order; count what was found and what was not there."""
    found, false_alarms = dict.fromkeys(FAULTS, 0), 0
    started, judged = time.perf_counter(), 0
    for series in everything:
        flags = np.zeros(len(series.at), dtype=bool)
        for index in range(series.first_watched, len(series.at)):
            flags[index] = verdict(series, flags, index)
            judged += 1
            if flags[index] and series.fault[index]:
                found[series.fault[index]] += 1
            elif flags[index]:
                false_alarms += 1
    seconds = time.perf_counter() - started
    total = FAULTS_OF_A_KIND * len(everything)
    return {
        **{f"{kind} %": round(100 * count / total, 1) for kind, count in found.items()},
        FOUND: round(100 * sum(found.values()) / (total * len(FAULTS)), 1),
        ALARMS: round(false_alarms / len(everything) * 30 / WATCHED_DAYS, 3),
        "ms per verdict": round(1000 * seconds / judged, 3),
    }


def main() -> int:
    """Simulate, judge, print."""
    options = _options()
    rng = np.random.default_rng(options.seed)
    daily, hourly = (50, 1) if options.quick else (400, 40)
    counts = {"daily": options.daily or daily, "hourly": options.hourly or hourly}
    measured: list[dict[str, Any]] = []
    compared: list[dict[str, Any]] = []
    for frequency, count in counts.items():
        everything = [simulate(rng, frequency) for _ in range(count)]
        rules = {**OURS, **WATCHERS, **RIVALS}
        rows = {name: {"runs": frequency, "rule": name, **watch(rule, everything)} for name, rule in rules.items()}
        show(f"{count} {frequency} pipelines, {FAULTS_OF_A_KIND} faults of each kind in each", list(rows.values()))
        measured += rows.values()
        compared += [_compared(rows, name) for name in (*WATCHERS, *RIVALS)]
    show("robust at the lowest threshold that gives no more false alarms", compared)
    write(options.json, seed=options.seed, pipelines=counts, measured=measured, compared=compared)
    if options.quick:
        print("These are too few pipelines to compare the rules by; run it without --quick.")
    return 0 if options.quick or all(row["beaten"] for row in compared) else 1


def _options() -> argparse.Namespace:
    options = parser(__doc__, "anomaly_simulation")
    options.add_argument(
        "--quick", action="store_true", help="an eighth of the pipelines or fewer, to see that it works; never exits 1"
    )
    options.add_argument("--daily", type=int, help="how many daily pipelines")
    options.add_argument("--hourly", type=int, help="how many hourly pipelines")
    options.add_argument("--seed", type=int, default=2024, help="of the random numbers")
    return options.parse_args()


def _compared(rows: dict[str, dict[str, Any]], rival: str) -> dict[str, Any]:
    quiet = [name for name in OURS if rows[name][ALARMS] <= rows[rival][ALARMS]]
    robust = rows[quiet[0]] if quiet else None
    return {
        "runs": rows[rival]["runs"],
        "rule": rival,
        "finds %": rows[rival][FOUND],
        "false alarms": rows[rival][ALARMS],
        "against it": "none" if robust is None else robust["rule"],
        "robust finds %": 0.0 if robust is None else robust[FOUND],
        "robust's false alarms": 0.0 if robust is None else robust[ALARMS],
        "beaten": robust is not None and robust[FOUND] > rows[rival][FOUND],
    }


if __name__ == "__main__":
    sys.exit(main())
