"""Diffs are read in Datafold's words, and what cannot be done here is refused by name."""

from typing import Any

import pytest
from pydantic import ValidationError

from observe_dagster.config.models.diff import DataDiffConfig, DatetimeTolerance

SIDES = {
    "primary_key": ["id"],
    "dataset_a": {"connection_id": 7, "table": "public.orders", "filter": None, "session_parameters": None},
    "dataset_b": {"connection_id": "lake", "query": "SELECT 1 AS id", "materialize": True},
}


def read(**fields: Any) -> DataDiffConfig:
    return DataDiffConfig.model_validate({**SIDES, **fields})


def test_datafolds_yaml_is_read_as_it_is() -> None:
    config = read(
        diff_type="indb",
        columns_to_compare=["a"],
        materialize_results=False,
        sampling={"tolerance": 0.1, "confidence": 95, "threshold": None},
        column_remapping=None,
        timeseries_dimension_column=None,
        tolerance={"float": {"default": {"type": "relative", "value": 1}, "column_tolerance": None}},
    )
    assert config.dataset_a.connection_id == "7"
    assert config.include_columns == ("a",)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"timeseries_dimension_column": "day"}, "timeseries_dimension_column is not supported"),
        ({"sort_array_columns": True}, "sort_array_columns is not supported"),
        (
            {"dataset_a": {"connection_id": "x", "table": "t", "time_travel_point": 3}},
            "time_travel_point is not supported",
        ),
        (
            {"dataset_a": {"connection_id": "x", "table": "t", "session_parameters": {"a": 1}}},
            "session_parameters is not",
        ),
        ({"dataset_a": {"connection_id": "x"}}, "exactly one of table and query"),
        ({"dataset_a": {"connection_id": "x", "query": "q", "filter": "f"}}, "filter goes with table"),
        ({"primary_key": []}, "at least 1 item"),
        ({"primary_key": ["id", "id"]}, "names a column twice"),
        ({"column_remapping": {"a": "x", "b": "x"}}, "two columns of a the name 'x'"),
        ({"sampling": {"rate": 5, "max_rows": 5}}, "exactly one of rate, max_rows"),
        ({"sampling": {"tolerance": 5}}, "tolerance and confidence go together"),
        ({"column_rules": [{"column": "x", "equal_if": "true"}]}, "must compare {a} with {b}"),
        ({"columns_to_compare": ["a"], "include_columns": ["a"]}, "are the same; give one"),
        ({"bisection_factor": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        read(**fields)


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("1s", 1_000_000),
        ("0.1s", 100_000),
        ("0.01s", 10_000),
        ("1ms", 1000),
        ("0.1ms", 100),
        ("0.01ms", 10),
        ("1us", 0),
    ],
)
def test_datetime_tolerances_are_microseconds(written: Any, microseconds: int) -> None:
    assert DatetimeTolerance(default=written).microseconds == microseconds
