"""A test fails when its queries give rows, and shows the first of them."""

import json
from decimal import Decimal

from observe_dagster.checks.test import Failures, judge
from observe_dagster.records import Status


def test_no_rows_pass():
    outcome = judge([Failures(looked_for="not_null of id in a.b", count=0)])

    assert (outcome.status, outcome.value, outcome.reason) == (
        Status.PASS,
        0,
        "No row fails: not_null of id in a.b.",
    )


def test_the_first_failing_queries_are_told_and_the_rest_are_counted():
    found = [Failures(looked_for=f"test {number}", count=number) for number in range(7)]

    outcome = judge(found)

    assert outcome.value == 21
    assert outcome.reason == (
        "1 row fails test 1; 2 rows fail test 2; "
        "3 rows fail test 3; 4 rows fail test 4; 5 rows fail test 5; and 1 more."
    )


def test_ten_rows_are_shown_over_all_queries_as_json():
    rows = [(number, Decimal("1.50"), b"\x00\xff", None, True, "x" * 300) for number in range(8)]
    columns = ("id", "price", "bytes", "nothing", "yes", "long")
    found = [Failures(looked_for=name, count=8, columns=columns, sample=rows) for name in "ab"]

    samples = json.loads(json.dumps(judge(found).evidence["samples"]))

    assert [len(sample["rows"]) for sample in samples] == [8, 2]
    assert samples[0]["rows"][0] == [0, "1.50", "00ff", None, True, "x" * 200 + "…"]
