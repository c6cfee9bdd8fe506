"""Every kind of test finds the same rows on PostgreSQL and on DuckDB."""

import pytest
from inline_snapshot import snapshot

from observe_dagster.records import Status

FLIGHTS = "analytics.flights"


def standard(kind: str, *columns: str, **variables) -> dict:
    test = {"type": kind, "tables": [{"path": FLIGHTS, "columns": list(columns)}]}
    return {"type": "test", "connection_id": "here", "test": {**test, "variables": variables}}


@pytest.mark.parametrize(
    ("monitor", "rows"),
    [
        (standard("not_null", "id"), 0),
        (standard("not_null", "carrier"), 1),
        (standard("not_null", "carrier", "price", "zoned"), 5),
        (standard("unique", "id"), 1),
        (standard("unique", "id", "speed"), 0),
        (standard("unique", "zoned"), 0),
        (standard("unique", 'Odd "name'), 0),
        (standard("accepted_values", "carrier", accepted_values={"value": ["AA", "UA"]}), 1),
        (standard("accepted_values", "carrier", accepted_values={"value": ["AA", "O'Hare", "XX"]}), 1),
        (standard("accepted_values", "id", accepted_values={"value": [1, 2, 3], "quote": False}), 2),
        (standard("accepted_values", "id", accepted_values={"value": [1, 2, 3]}), 2),
        (standard("numeric_range", "price", minimum={"value": 0, "quote": False}), 1),
        (standard("numeric_range", "price", minimum={"value": 0}, maximum={"value": 99.5}), 2),
        (standard("numeric_range", "speed", maximum={"value": 16, "quote": False}), 0),
    ],
)
def test_a_standard_test_counts_the_rows_that_fail(judge, monitor, rows):
    outcome = judge(**monitor)

    assert (outcome.status, outcome.value) == (Status.FAIL if rows else Status.PASS, rows), outcome.reason


def test_a_reference_to_nothing_is_found_and_null_refers_to_nothing(judge):
    tables = [{"path": FLIGHTS, "columns": ["carrier"]}, {"path": "analytics.carriers", "columns": ["code"]}]

    outcome = judge(type="test", connection_id="here", test={"type": "referential_integrity", "tables": tables})

    assert outcome.reason == snapshot(
        "1 row fails referential_integrity of carrier in analytics.flights to analytics.carriers."
    )
    (sample,) = outcome.evidence["samples"]
    assert sample["rows"][0][:3] == ["4", "XX", "-5.00"]


def test_the_verdict_shows_the_rows_that_fail(judge):
    outcome = judge(type="test", connection_id="here", query="SELECT id, zoned FROM analytics.flights WHERE speed > 3")

    assert outcome.reason == snapshot("3 rows fail watched.")
    (sample,) = outcome.evidence["samples"]
    assert sample == {
        "test": "watched",
        "columns": ["id", "zoned"],
        "rows": [["3", None], ["4", None], ["4", None]],
    }


def test_at_most_ten_rows_are_shown_and_long_text_is_cut(judge):
    query = "SELECT repeat('x', 500) AS note FROM analytics.flights a, analytics.flights b -- pairs"

    outcome = judge(type="test", connection_id="here", query=query)

    (sample,) = outcome.evidence["samples"]
    assert outcome.value == 25
    assert sample["rows"] == [["x" * 200 + "…"]] * 10


def test_columns_of_one_name_are_shown_as_well(judge):
    query = "SELECT a.id, b.id FROM analytics.flights a JOIN analytics.flights b ON a.id = b.id WHERE a.id = 1"

    (sample,) = judge(type="test", connection_id="here", query=query).evidence["samples"]

    assert len(sample["columns"]) == 2
    assert [[str(value) for value in row] for row in sample["rows"]] == [["1", "1"]]


def test_a_template_is_tried_on_every_column_of_every_table(judge):
    outcome = judge(
        type="test",
        connection_id="here",
        query="SELECT * FROM {table} WHERE {column} > {limit} AND carrier IN ({carriers})",
        test={
            "type": "custom_template",
            "tables": [{"path": FLIGHTS, "columns": ["price", "speed"]}],
            "variables": {"limit": {"value": 2, "quote": False}, "carriers": {"value": ["AA", "XX"]}},
        },
    )

    assert [found["rows"] for found in outcome.evidence["tests"]] == [2, 2]
    assert outcome.reason == snapshot("2 rows fail watched (1 of 2); 2 rows fail watched (2 of 2).")


def test_a_query_that_the_engine_rejects_is_an_error(judge):
    outcome = judge(type="test", connection_id="here", query="SELECT nothing FROM analytics.flights")

    assert outcome.status is Status.ERROR
    assert "nothing" in outcome.reason
