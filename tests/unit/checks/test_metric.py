"""A metric's value is judged by bounds, by its change, or by its history."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.checks.metric import ObservedMetric, judge, threshold
from observe_dagster.config import MetricMonitor
from observe_dagster.records import Status

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def monitor(alert: dict | None = None) -> MetricMonitor:
    metric = {"type": "table", "table": "a.b", "metric": "row_count"}
    return MetricMonitor.model_validate(
        {"type": "metric", "schedule": {"type": "none"}, "metric": metric, "alert": alert}
    )


def metered(value: float | None, *history: tuple, **more) -> ObservedMetric:
    return ObservedMetric(label="row_count of a.b", at=NOW, value=value, history=history, **more)


@pytest.mark.parametrize(
    ("alert", "value", "status", "reason"),
    [
        ({"min": 1, "max": 9}, 5, Status.PASS, "Row_count of a.b is 5, which is between 1 and 9."),
        ({"min": 1, "max": 9}, 1, Status.PASS, "Row_count of a.b is 1, which is between 1 and 9."),
        ({"min": 1}, 0.5, Status.FAIL, "Row_count of a.b is 0.5; it must be at least 1."),
        ({"max": 9}, 1234567, Status.FAIL, "Row_count of a.b is 1,234,567; it must be at most 9."),
        ({"max": 0}, 0, Status.PASS, "Row_count of a.b is 0, which is at most 0."),
    ],
)
def test_bounds_themselves_are_inside(alert, value, status, reason):
    outcome = judge(monitor({"type": "absolute", **alert}), metered(value))

    assert (outcome.status, outcome.reason) == (status, reason)


@pytest.mark.parametrize(
    ("alert", "before", "value", "status"),
    [
        ({"increase": 30}, 100, 130, Status.PASS),
        ({"increase": 30}, 100, 131, Status.FAIL),
        ({"increase": 30}, 100, 1, Status.PASS),
        ({"decrease": 0}, 100, 100, Status.PASS),
        ({"decrease": 0}, 100, 99.9, Status.FAIL),
        ({"decrease": 50, "increase": 50}, -100, -50, Status.PASS),
        ({"decrease": 50, "increase": 50}, -100, -151, Status.FAIL),
        ({"increase": 500}, 0, 1, Status.FAIL),
        ({"increase": 500}, 0, 0, Status.PASS),
        ({"decrease": 500}, 0, 1, Status.PASS),
    ],
)
def test_a_change_is_measured_from_the_value_before(alert, before, value, status):
    outcome = judge(monitor({"type": "percentage", **alert}), metered(value, (YESTERDAY, before, True)))

    assert (outcome.status, outcome.expected) == (status, before)


def test_the_newest_earlier_value_counts():
    history = [(NOW - timedelta(days=3), 1.0, False), (YESTERDAY, 50.0, False), (NOW - timedelta(days=2), 2.0, False)]

    outcome = judge(monitor({"type": "percentage", "increase": 10}), metered(50, *history, (NOW, 7.0, False)))

    assert outcome.reason == snapshot("Row_count of a.b is 50, +0.0% from 50, which is at most 55.")


def test_without_an_earlier_value_a_change_is_learned():
    outcome = judge(monitor({"type": "percentage", "increase": 10}), metered(50, (YESTERDAY, None, False)))

    assert outcome.status is Status.LEARNING


def test_without_an_alert_the_value_is_recorded():
    outcome = judge(monitor(), metered(50))

    assert (outcome.status, outcome.value) == (Status.PASS, 50)
    assert outcome.evidence == {"measured_at": "2024-03-01T12:00:00+00:00"}


def test_no_value_is_skipped_or_fails_as_declared():
    missing = {"missing": "the query gives no row"}

    assert judge(monitor(), metered(None, **missing)).reason == "There is no row_count of a.b: the query gives no row."
    assert judge(monitor(), metered(None, **missing)).status is Status.SKIPPED
    assert judge(monitor(), metered(None, **missing, missing_fails=True)).status is Status.FAIL


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_an_error(value):
    assert judge(monitor({"type": "absolute", "min": 1}), metered(value)).status is Status.ERROR


def test_flagged_values_are_not_learned_from():
    days = [(NOW - timedelta(days=day), 100.0 if day > 4 else 500.0, day <= 4) for day in range(1, 41)]

    outcome = judge(monitor({"type": "automatic", "sensitivity": 50}), metered(500, *days))

    assert (outcome.status, outcome.evidence["sensitivity"]) == (Status.FAIL, 50)


def test_a_sensitivity_of_fifty_is_the_model_s_own_threshold():
    assert [threshold(sensitivity) for sensitivity in (0, 50, 100)] == [7.0, 3.5, 1.75]


@given(
    st.lists(st.floats(min_value=1, max_value=1e6), min_size=10, max_size=30),
    st.floats(min_value=0, max_value=2e6),
    st.integers(0, 99),
)
def test_what_fails_still_fails_when_more_sensitive(values, value, sensitivity):
    history = [(NOW - timedelta(days=day), each, False) for day, each in enumerate(values, start=1)]
    less, more = (
        judge(monitor({"type": "automatic", "sensitivity": level}), metered(value, *history))
        for level in (sensitivity, sensitivity + 1)
    )

    assert not (less.status is Status.FAIL and more.status is Status.PASS)
