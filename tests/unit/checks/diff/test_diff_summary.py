"""Datafold's numbers and what they mean under an alert, without a database."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.checks.diff import (
    ColumnStats,
    DiffSummary,
    PrimaryKeys,
    Sampled,
    SchemaDifferences,
    Values,
    judge,
    part_to_compare,
)
from observe_dagster.config.models.diff import DiffAlertCondition, DiffSampling
from observe_dagster.records import Status

EQUAL = DiffSummary(
    pks=PrimaryKeys(total_rows=(10, 10), nulls=(0, 0), dupes=(0, 0), exclusives=(0, 0), distincts=(10, 10)),
    values=Values(
        total_rows=10,
        rows_with_differences=0,
        columns_diff_stats=(ColumnStats(column_name="x", values_different=0, match=100.0),),
    ),
    schema=SchemaDifferences(column_counts=(2, 2)),
    shared_columns=2,
)
# Nine rows are on both sides, two of them differ in x; one more is only in a, two only in b.
DIFFERENT = replace(
    EQUAL,
    pks=replace(EQUAL.pks, total_rows=(10, 11), exclusives=(1, 2), distincts=(10, 11)),
    values=Values(
        total_rows=9,
        rows_with_differences=2,
        columns_diff_stats=(ColumnStats(column_name="x", values_different=2, match=100 * 7 / 9),),
    ),
)


def test_the_match_ratio_is_datafolds() -> None:
    assert EQUAL.match_ratio == 1.0
    # 42 values in all; 2 · 2 differ, and 3 rows of 2 columns have no match.
    assert DIFFERENT.match_ratio == pytest.approx((42 - 4 - 6) / 42)
    extra = replace(EQUAL, schema=SchemaDifferences(column_counts=(3, 2), exclusive_columns=(("y",), ())))
    assert extra.match_ratio == pytest.approx((30 + 20 - 10) / 50)


def test_the_document_has_datafolds_field_names() -> None:
    document: dict[str, Any] = DIFFERENT.document()
    assert document["pks"] == snapshot(
        {
            "total_rows": [10, 11],
            "nulls": [0, 0],
            "dupes": [0, 0],
            "exclusives": [1, 2],
            "distincts": [10, 11],
            "nulls_exclusives": [0, 0],
        }
    )
    assert document["values"] == snapshot(
        {
            "total_rows": 9,
            "rows_with_differences": 2,
            "total_values": 9,
            "values_with_differences": 2,
            "compared_columns": 1,
            "columns_with_differences": 1,
            "columns_diff_stats": [{"column_name": "x", "match": 77.7778, "values_different": 2}],
        }
    )


@pytest.mark.parametrize(
    ("alert", "failed"),
    [
        ({}, True),
        ({"different_rows_count": 5}, False),
        ({"different_rows_count": 4}, True),
        ({"different_rows_percent": 42}, False),
        ({"different_rows_percent": 41}, True),
        ({"match_ratio_min": 0.76}, False),
        ({"match_ratio_min": 0.77}, True),
        ({"different_rows_count": 5, "match_ratio_min": 0.77}, True),
    ],
)
def test_an_alert_fails_beyond_its_limits(alert: dict[str, float], failed: bool) -> None:
    outcome = judge(DiffAlertCondition.model_validate(alert), DIFFERENT)
    assert outcome.status is (Status.FAIL if failed else Status.PASS)
    assert outcome.value == 5.0


def test_the_reason_is_one_sentence() -> None:
    assert judge(None, EQUAL).reason == snapshot("No row differs.")
    assert judge(None, DIFFERENT).reason == snapshot(
        "5 of 12 rows differ (41.7 %): 1 only in a, 2 only in b, 2 changed; none may."
    )
    allowed = DiffAlertCondition(different_rows_count=9)
    assert judge(
        allowed, replace(DIFFERENT, sampled=Sampled(rate=0.1, rows=(100, 110), confidence=95))
    ).reason == snapshot(
        "5 of 12 rows differ (41.7 %): 1 only in a, 2 only in b, 2 changed, in a sample of 10.00%, which is allowed."
    )


def test_schemas_that_differ_do_not_make_rows_differ() -> None:
    extra = replace(EQUAL, schema=SchemaDifferences(column_counts=(3, 2), exclusive_columns=(("y",), ())))
    assert judge(None, extra).status is Status.PASS
    assert not extra.schema.same


@pytest.mark.parametrize(
    ("sampling", "rate"),
    [
        (None, None),
        ({"rate": 25}, 0.25),
        ({"rate": 100}, None),
        ({"max_rows": 1000}, 0.1),
        ({"max_rows": 10_000}, None),
        ({"rate": 25, "threshold": 10_001}, None),
        ({"tolerance": 1, "confidence": 95}, 0.49),
        ({"tolerance": 0.01, "confidence": 95}, 1.0),
    ],
)
def test_the_part_to_compare(sampling: dict[str, float] | None, rate: float | None) -> None:
    declared = None if sampling is None else DiffSampling.model_validate(sampling)
    found = part_to_compare(declared, (10_000, 9000))
    assert (None if found is None else found.rate) == (rate if rate is None else pytest.approx(rate, abs=0.002))


def test_nothing_is_sampled_of_nothing() -> None:
    assert part_to_compare(DiffSampling(rate=1), (0, 0)) is None


@given(compared=st.integers(0, 10**6), part=st.floats(0, 1), rate=st.floats(1e-6, 0.999))
def test_an_estimate_lies_in_its_interval(compared: int, part: float, rate: float) -> None:
    different = int(compared * part)
    told = Sampled(rate=rate, rows=(compared, compared), confidence=95).estimate(different, compared)
    assert different <= told["interval"]["min"] <= told["estimate"] <= told["interval"]["max"] or compared == 0
