"""Anomalies: what is compared, what is found, and what is said where nothing can be."""

import math
from datetime import timedelta

import numpy as np
import pytest
from inline_snapshot import snapshot

from observe_dagster.checks import Status
from observe_dagster.checks.anomaly import Anomaly, History
from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from tests.unit.checks.anomaly.histories import DAY, HOUR, METHODS, NOW, history, noisy, rule, verdict


def test_each_method_has_its_own_defaults_and_what_is_said_comes_first():
    found = [(r.method, r.z_threshold, r.minimum_executions, r.lookback_days) for r in (rule(), rule(method="zscore"))]
    assert found == [("robust", 3.5, 8, 30), ("zscore", 3.0, 30, 30)]
    assert rule(method="zscore", z_threshold=4).z_threshold == 4
    assert rule(method="zscore", minimum_executions=5).minimum_executions == 5


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("z_threshold", 0.9),
        ("z_threshold", 10.1),
        ("lookback_days", 0),
        ("lookback_days", 366),
        ("minimum_executions", 4),
        ("minimum_executions", 1001),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_the_watchers_limits_hold(method, field, wrong):
    with pytest.raises(ValueError, match=field):
        AnomalyDetectionRule.model_validate({"metric_field": "inserts", "method": method, field: wrong})


def test_while_learning_it_says_how_far_it_is():
    found = verdict(rule(), 1000, history(noisy(4)))
    assert (found.status, found.reason, found.judged) == (
        Status.LEARNING,
        "Learning: 4 of 8 runs to compare total_rows of flights with, for all hours and days.",
        False,
    )
    found = verdict(rule(method="zscore"), 1000, history(noisy(29)))
    assert (found.status, found.reason) == (
        Status.LEARNING,
        "Learning: 29 of 30 runs to compare total_rows of flights with, for the hour from 03:00.",
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_first_verdict_is_given_by_exactly_the_fewest_runs(method):
    declared = rule(method=method, minimum_executions=8)
    assert verdict(declared, 1000, history(noisy(7))).status is Status.LEARNING
    assert verdict(declared, 1000, history(noisy(8))).status is Status.PASS


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_run_without_a_value_is_skipped(value):
    found = verdict(rule(), value, history(noisy(30)))
    assert (found.status, found.reason) == (Status.SKIPPED, "The run reported no total_rows of flights.")


def test_a_rule_that_is_not_active_is_skipped():
    found = verdict(rule(active=False), 0, history(noisy(30)))
    assert (found.status, found.reason) == (Status.SKIPPED, "The rule for total_rows of flights is not active.")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 500, 2000, 50_000])
def test_a_drop_and_a_spike_fail(method, value):
    assert verdict(rule(method=method, minimum_executions=20), value, history(noisy(30))).status is Status.FAIL


@pytest.mark.parametrize("method", METHODS)
def test_a_metric_that_never_changes_fails_when_it_does(method):
    runs, declared = history([1000] * 30), rule(method=method, minimum_executions=20)
    assert verdict(declared, 1000, runs).status is Status.PASS
    assert verdict(declared, 0, runs).status is Status.FAIL
    assert verdict(declared, 2000, runs).status is Status.FAIL


def test_a_constant_allows_a_twentieth_or_so_to_robust_and_nothing_to_zscore():
    runs = history([1000] * 30)
    assert verdict(rule(), 1050, runs).status is Status.PASS
    assert verdict(rule(method="zscore"), 1001, runs).status is Status.FAIL


@pytest.mark.parametrize("method", METHODS)
def test_a_drop_to_zero_fails_however_much_the_metric_varies(method):
    runs = history(noisy(30, sigma=1.2))
    found = verdict(rule(method=method, minimum_executions=20), 0, runs)
    assert found.status is Status.FAIL
    assert found.lower >= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_zero_among_zeros_passes(method):
    runs = history([0, 0, 3, 0, 1, 0, 0, 2, 0, 0] * 3)
    assert verdict(rule(method=method, minimum_executions=20), 0, runs).status is Status.PASS


def test_a_quiet_weekend_is_expected_on_a_weekend_only():
    saturday = NOW - 2 * DAY
    values = [1000.0 if (NOW - (42 - day) * DAY).weekday() < 5 else 100.0 for day in range(42)]
    runs = history((np.array(values) + noisy(42, level=20)).tolist())
    declared = rule(lookback_days=60)
    assert verdict(declared, 120, runs, at=saturday).status is Status.PASS
    assert verdict(declared, 1020, runs, at=saturday).status is Status.FAIL
    assert verdict(declared, 1020, runs).status is Status.PASS
    assert verdict(declared, 120, runs).status is Status.FAIL
    assert verdict(declared, 1020, runs).evidence["slotting"] == "weekday"


def test_an_hour_of_the_day_is_expected_at_that_hour_and_in_the_declared_zone():
    count = 24 * 10
    hours = [(NOW - (count - index) * HOUR).hour for index in range(count)]
    runs = history([5000.0 if hour == 3 else 100.0 for hour in hours], step=HOUR)
    assert verdict(rule(), 5000, runs).status is Status.PASS
    assert verdict(rule(), 5000, runs, at=NOW - 6 * HOUR).status is Status.FAIL
    found = verdict(rule(timezone="Asia/Kolkata"), 5000, runs)
    assert (found.status, found.evidence["slot"]) == (Status.PASS, "the hour from 08:00")


def test_steady_growth_passes_and_its_end_is_not_taken_for_growth():
    growing = [round(value * 1.02**day) for day, value in enumerate(noisy(60))]
    runs, next_value = history(growing), 1000 * 1.02**60
    assert verdict(rule(), next_value, runs).status is Status.PASS
    assert verdict(rule(), next_value / 3, runs).status is Status.FAIL


@pytest.mark.parametrize("method", METHODS)
def test_flagged_runs_are_left_out_and_counted(method):
    values, flags = noisy(30), [False] * 30
    values[10:13], flags[10:13] = [9000.0] * 3, [True] * 3
    declared = rule(method=method, minimum_executions=20)
    found = verdict(declared, 1000, history(values, flagged=flags))
    without = verdict(declared, 1000, history([*values[:10], None, None, None, *values[13:]]))
    assert found.evidence["flagged_runs_left_out"] == 3
    assert (found.lower, found.expected, found.upper) == (without.lower, without.expected, without.upper)


def test_only_runs_within_the_lookback_count_and_its_edge_is_in():
    at_edge = History.of([(NOW - 30 * DAY, 1.0, False), (NOW - 30 * DAY - timedelta(microseconds=1), 1.0, False)])
    assert verdict(rule(), 1, at_edge).evidence["n"] == 1


def test_runs_that_came_later_do_not_count():
    runs = History.of([(NOW, 5.0, False), (NOW + HOUR, 5.0, False), (NOW - HOUR, 5.0, False)])
    assert verdict(rule(), 5, runs).evidence["n"] == 1


def test_a_metric_below_zero_has_bounds_below_zero():
    runs = history([-value for value in noisy(30)])
    found = verdict(rule(), -1000, runs)
    assert found.status is Status.PASS
    assert found.lower < -1000 < found.upper < 0
    assert verdict(rule(), -3000, runs).status is Status.FAIL


def test_a_metric_far_below_one_is_judged_on_its_own_scale():
    runs = history([value / 1e6 for value in noisy(30)])
    assert verdict(rule(), 0.001, runs).status is Status.PASS
    assert verdict(rule(), 0.002, runs).status is Status.FAIL


def test_a_rule_of_another_source_is_judged_alike():
    declared = Anomaly(
        name="flights",
        metric_field="total_rows",
        method="robust",
        z_threshold=3.5,
        lookback_days=30,
        minimum_executions=8,
    )
    assert declared == rule()


def test_one_sentence_says_what_was_expected_and_by_what():
    found = verdict(rule(), 0, history(noisy(30)))
    assert found.reason == snapshot(
        "total_rows of flights is 0; 993.5 was expected, between 833.8 and 1,184, "
        "judging by 30 earlier runs (all hours and days)."
    )
    assert {name: value for name, value in found.evidence.items() if not isinstance(value, float)} == snapshot(
        {
            "model": "robust",
            "slotting": "none",
            "slot": "all hours and days",
            "n": 30,
            "minimum_executions": 8,
            "lookback_days": 30,
            "flagged_runs_left_out": 0,
            "flagged_runs_taken_back": 0,
            "judged_at": "2024-05-06T03:00:00+00:00",
        }
    )
    numbers = {"z_score", "z_threshold", "historical_mean", "std_deviation_value"}
    assert numbers == {name for name, value in found.evidence.items() if isinstance(value, float)}
