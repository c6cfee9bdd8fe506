"""A change of level that lasts: flagged runs rejoin the baseline after a week of nothing else."""

import pytest

from observe_dagster.checks.anomaly import History
from tests.unit.checks.anomaly.histories import DAY, HOUR, METHODS, NOW, noisy, rule, verdict

START = NOW


def watch(declared, values, *, step=DAY, history_of=20, level=1000):
    """Judge run after run, each flagged if it fails, after an unflagged history; return which failed."""
    before = noisy(history_of, level=level)
    runs = [(START - (history_of - index) * step, value, False) for index, value in enumerate(before)]
    failed = []
    for index, value in enumerate(values):
        at = START + index * step
        outcome = verdict(declared, value, History.of(runs), at=at)
        failed.append(outcome.status == "fail")
        runs.append((at, value, failed[-1]))
    return failed


@pytest.mark.parametrize("method", METHODS)
def test_a_new_level_is_normal_after_a_week_of_it(method):
    declared = rule(method=method, minimum_executions=8)
    failed = watch(declared, noisy(30, level=400, seed=1))
    assert failed == [True] * 8 + [False] * 22


def test_hourly_a_new_level_takes_a_week_too():
    failed = watch(rule(), noisy(24 * 9, level=400, seed=1), step=HOUR, history_of=24 * 14)
    assert failed == [True] * 24 * 7 + [False] * 24 * 2


def test_the_old_level_stays_normal_while_it_is_remembered():
    failed = watch(rule(), noisy(8, level=400, seed=1) + noisy(5, seed=2))
    assert failed == [True] * 8 + [False] * 5


def test_zeros_never_become_normal_by_themselves():
    assert all(watch(rule(lookback_days=60), [0.0] * 25))


def test_a_week_that_goes_both_ways_is_no_level():
    failed = watch(rule(lookback_days=60), [300.0, 5000.0] * 10)
    assert all(failed)


def test_one_good_run_within_the_week_starts_the_week_again():
    failed = watch(rule(), [400.0] * 6 + [1000.0] + [400.0] * 10)
    assert failed == [True] * 6 + [False] + [True] * 8 + [False] * 2


def test_runs_taken_back_are_counted():
    runs = [(NOW - (30 - index) * DAY, 1000.0 + index, False) for index in range(20)]
    runs += [(NOW - (10 - index) * DAY, 400.0, True) for index in range(10)]
    found = verdict(rule(), 400, History.of(runs))
    assert (found.evidence["flagged_runs_taken_back"], found.evidence["flagged_runs_left_out"]) == (10, 0)
    assert found.status == "pass"
