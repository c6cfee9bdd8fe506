"""What holds for anomalies whatever the numbers."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.checks.anomaly import Anomaly, History
from observe_dagster.checks.anomaly.seasonality import middles_without_self
from tests.unit.checks.anomaly.histories import HOUR, METHODS, NOW, history, rule, verdict

COUNTS = st.lists(st.integers(10, 10**6).map(float), min_size=10, max_size=60)
VARYING = COUNTS.filter(lambda values: len(set(values[-30:])) > 1)
ANY = st.floats(-1e9, 1e9)
RULES = st.sampled_from([rule(method=method, minimum_executions=8) for method in METHODS])
RUNS = st.lists(
    st.tuples(st.integers(-40 * 24, 5 * 24).map(lambda hours: NOW + hours * HOUR), st.none() | ANY, st.booleans()),
    max_size=60,
)


def band(declared: Anomaly, value: float, runs: History):
    found = verdict(declared, value, runs)
    return found.expected, found.lower, found.upper, found.evidence["n"], found.evidence["slot"]


@given(RULES, RUNS, ANY, ANY)
def test_the_judged_value_does_not_move_its_own_band(declared, runs, one, other):
    assert band(declared, one, History.of(runs)) == band(declared, other, History.of(runs))
    itself = [*runs, (NOW, other, False)]
    assert band(declared, one, History.of(runs)) == band(declared, one, History.of(itself))


@given(RULES, RUNS, ANY, st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_given_does_not_matter(declared, runs, value, random):
    shuffled = random.sample(runs, len(runs))
    assert verdict(declared, value, History.of(runs)) == verdict(declared, value, History.of(shuffled))


@given(RULES, RUNS, ANY, st.lists(st.tuples(st.integers(0, 999), ANY, st.booleans()), max_size=9))
def test_what_happens_later_does_not_change_a_verdict(declared, runs, value, later):
    more = [*runs, *((NOW + hours * HOUR, seen, flagged) for hours, seen, flagged in later)]
    assert verdict(declared, value, History.of(runs)) == verdict(declared, value, History.of(more))


@given(RULES, RUNS, ANY)
def test_the_band_surrounds_what_is_expected_and_decides(declared, runs, value):
    found = verdict(declared, value, History.of(runs))
    if found.judged:
        slack = 1e-9 * abs(found.expected)
        assert found.lower - slack <= found.expected <= found.upper + slack
        assert (found.status == "pass") == (found.lower <= value <= found.upper)


@given(RULES, COUNTS, st.integers(0, 10**7), st.integers(0, 10**7))
def test_further_from_what_is_expected_on_the_same_side_is_no_better(declared, values, one, other):
    runs = history(values)
    expected = verdict(declared, 0, runs).expected
    near, far = sorted((one, other), key=lambda value: abs(value - expected))
    if (near - expected) * (far - expected) >= 0 and verdict(declared, near, runs).status == "fail":
        assert verdict(declared, far, runs).status == "fail"


@given(VARYING, st.integers(0, 10**6), st.sampled_from([2, 3, 10, 1000]))
def test_zscore_does_not_depend_on_the_unit(values, value, factor):
    declared = rule(method="zscore", minimum_executions=8)
    one = verdict(declared, value, history(values))
    other = verdict(declared, value * factor, history([seen * factor for seen in values]))
    assert other.upper == pytest.approx(one.upper * factor)
    assert other.expected == pytest.approx(one.expected * factor)
    assert other.evidence["z_score"] == pytest.approx(one.evidence["z_score"], rel=1e-6, abs=1e-6)


@given(VARYING, st.integers(0, 10**6), st.integers(0, 10**6))
def test_zscore_does_not_depend_on_where_zero_is(values, value, shift):
    declared = rule(method="zscore", minimum_executions=8)
    one = verdict(declared, value, history(values))
    other = verdict(declared, value + shift, history([seen + shift for seen in values]))
    assert other.upper == pytest.approx(one.upper + shift)
    assert other.evidence["z_score"] == pytest.approx(one.evidence["z_score"], rel=1e-6, abs=1e-6)


@given(st.lists(st.integers(10_000, 10**7).map(float), min_size=10, max_size=60), st.sampled_from([10, 1000]))
def test_robust_hardly_depends_on_the_unit(values, factor):
    one = verdict(rule(), 0, history(values))
    other = verdict(rule(), 0, history([seen * factor for seen in values]))
    assert other.expected == pytest.approx(one.expected * factor, rel=0.05)


@given(RULES, COUNTS, st.integers(-400, 400))
def test_a_whole_number_of_weeks_later_the_verdict_is_the_same(declared, values, weeks):
    runs, later = history(values), timedelta(days=7 * weeks)
    moved = History(at=runs.at + weeks * 7 * 86_400 * 10**6, values=runs.values, flagged=runs.flagged)
    one, other = verdict(declared, 55, runs), verdict(declared, 55, moved, at=NOW + later)
    assert (one.status, one.lower, one.upper) == (other.status, other.lower, other.upper)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-9, 9)), min_size=1, max_size=40))
def test_a_middle_without_itself_is_the_median_of_the_others_in_its_slot(members):
    label, values = (np.array(column) for column in zip(*members, strict=True))
    found = middles_without_self(label.astype(np.int64), values.astype(np.float64))
    for index in range(len(members)):
        others = np.delete(values, index)[np.delete(label, index) == label[index]]
        assert np.isnan(found[index]) if not len(others) else found[index] == np.median(others)


@settings(max_examples=30)
@given(st.floats(0.02, 0.3), st.integers(0, 10**6))
def test_half_and_triple_of_a_calm_metric_are_found_and_the_middle_is_not(sigma, seed):
    noise = np.random.default_rng(seed).normal(0, sigma, 60)
    runs = history(np.round(100_000 * np.exp(noise)).tolist()[-30:])
    found = verdict(rule(), 100_000, runs)
    assert found.status == "pass"
    if sigma < 0.06:
        assert verdict(rule(), 50_000, runs).status == "fail"
        assert verdict(rule(), 300_000, runs).status == "fail"
