"""Small batches become fewer ones, of no more rows or bytes than is good."""

import pyarrow as pa

from observe_dagster.warehouse.duckdb.source import joined


def batches(count: int, rows: int, length: int = 1) -> list[pa.RecordBatch]:
    return [pa.record_batch({"text": ["x" * length] * rows}) for _ in range(count)]


def sizes(found: list[pa.RecordBatch]) -> list[int]:
    return [batch.num_rows for batch in found]


def test_they_are_joined_up_to_the_number_of_rows():
    found = list(joined(batches(7, 1000), 3000))

    assert sizes(found) == [3000, 3000, 1000]
    assert found[0].column("text").to_pylist() == ["x"] * 3000


def test_long_rows_are_handed_on_sooner():
    assert sizes(list(joined(batches(5, 1000, length=9_000), 65_536))) == [2000, 2000, 1000]


def test_nothing_gives_nothing():
    assert list(joined([], 10)) == []
