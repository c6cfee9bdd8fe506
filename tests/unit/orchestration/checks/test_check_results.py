"""Outcomes as Dagster shows them: passed or not, how severe, numbers that plot, and rows as a table."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.orchestration.checks.results import check_evaluation, check_result, result_metadata
from observe_dagster.records import CheckResult, Outcome, Status

NOW = datetime(2024, 3, 1, tzinfo=UTC)
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def result(status: Status = Status.FAIL, *, kind: str = "anomaly", **outcome: Any) -> CheckResult:
    return CheckResult(
        asset=("lake", "analytics", "orders"),
        check_name="checked",
        kind=kind,
        outcome=Outcome(status=status, reason="It is so.", **outcome),
        judged_at=NOW,
        evaluated_at=NOW,
        pipeline_id="orders",
        execution_id=7,
    )


def rows(**evidence: Any) -> list[dict[str, Any]]:
    table = result_metadata(result(evidence=evidence))["observe/rows"]
    return [dict(record.data) for record in table.records]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.PASS, (True, ERROR)),
        (Status.LEARNING, (True, ERROR)),
        (Status.SKIPPED, (True, ERROR)),
        (Status.WARN, (False, WARN)),
        (Status.FAIL, (False, ERROR)),
        (Status.ERROR, (False, WARN)),
    ],
)
def test_what_was_not_judged_passes_and_what_could_not_be_only_warns(status, shown):
    for made in (check_result(result(status)), check_evaluation(result(status))):
        assert (made.passed, made.severity) == shown
        assert made.description == "It is so."
        assert made.metadata["observe/status"].value == status.value


def test_a_check_that_is_declared_to_warn_warns():
    assert check_result(result(Status.FAIL), severity=WARN).severity is WARN


def test_numbers_plot_under_keys_that_say_their_unit():
    numbers = {"value": 90061.234567, "expected": 0.0123456, "lower": None, "upper": 7200}
    assert result_metadata(result(kind="freshness", **numbers)) == snapshot(
        {
            "observe/status": "fail",
            "observe/kind": "freshness",
            "observe/pipeline": "orders",
            "observe/execution_id": "7",
            "observe/value_seconds": 90061.23,
            "observe/expected_seconds": 0.0123,
            "observe/upper_bound_seconds": 7200.0,
        }
    )
    assert result_metadata(result(kind="anomaly", **numbers))["observe/value"] == 90061.23


def test_evidence_is_kept_without_the_rows_that_are_a_table():
    evidence = {"match": 0.5, "sample": [{"key": {"id": "1"}, "difference": "only_in_a", "a": {"n": None}, "b": {}}]}
    assert result_metadata(result(kind="diff", evidence=evidence))["observe/evidence"].value == {"match": 0.5}


def test_rows_that_differ_show_both_sides():
    sample = [
        {"key": {"id": "1"}, "difference": "changed", "a": {"amount": "1.5"}, "b": {"amount": "2.5"}},
        {"key": {"id": "2"}, "difference": "only_in_a", "a": {"amount": None, "note": "new"}, "b": {}},
    ]
    assert rows(sample=sample) == snapshot(
        [
            {
                "id": "1",
                "difference": "changed",
                "amount (a)": "1.5",
                "amount (b)": "2.5",
                "note (a)": "",
                "note (b)": "",
            },
            {
                "id": "2",
                "difference": "only in a",
                "amount (a)": "NULL",
                "amount (b)": "",
                "note (a)": "new",
                "note (b)": "",
            },
        ]
    )


def test_rows_that_fail_say_which_test_where_several_failed():
    one = {"test": "id is unique", "columns": ["id", "count"], "rows": [[7, "2"]]}
    other = {"test": "note is not null", "columns": ["id"], "rows": [[8]]}
    assert rows(samples=[one]) == [{"id": "7", "count": "2"}]
    assert rows(samples=[one, other]) == snapshot(
        [{"test": "id is unique", "id": "7", "count": "2"}, {"test": "note is not null", "id": "8", "count": ""}]
    )


def test_a_check_that_passes_shows_no_rows():
    sample = [{"key": {"id": "1"}, "difference": "changed", "a": {}, "b": {}}]
    assert "observe/rows" not in result_metadata(result(Status.PASS, evidence={"sample": sample}))
