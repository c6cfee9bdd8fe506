"""Infinite dates and timestamps as they cross Arrow."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.warehouse.load.infinity import (
    ARRIVED_INFINITY,
    ARROW_TO_POSTGRES,
    POSTGRES_TO_ARROW,
    Remapping,
    has_positive_infinity,
    remapped,
)

_MOST, _MOST_DAYS = 2**63 - 1, 2**31 - 1
_EPOCHS_APART = datetime(2000, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)


def _wrapped(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half


def _from_postgres(value: int, bits: int) -> int:
    """What the driver makes of PostgreSQL's own number: the epochs' distance is added, and wraps around."""
    apart = _EPOCHS_APART // timedelta(microseconds=1) if bits == 64 else _EPOCHS_APART.days
    return _wrapped(value + apart, bits)


def _batch(values: list[int | None], kind: pa.DataType) -> pa.RecordBatch:
    integers = pa.array(values, pa.int64() if kind.bit_width == 64 else pa.int32())
    return pa.RecordBatch.from_arrays([integers.cast(kind)], ["c0"])


def _integers(batch: pa.RecordBatch) -> list[int | None]:
    column = batch.column(0)
    return column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32()).to_pylist()


def _crossed(values: list[int | None], kind: pa.DataType, *mappings: Remapping) -> list[int | None]:
    batch = _batch(values, kind)
    for mapping in mappings:
        batch = remapped(batch, None, mapping)
    return _integers(batch)


@pytest.mark.parametrize(
    ("kind", "bits", "most"),
    [(pa.timestamp("us"), 64, _MOST), (pa.timestamp("us", "UTC"), 64, _MOST), (pa.date32(), 32, _MOST_DAYS)],
    ids=str,
)
def test_postgres_infinities_become_arrows_largest_and_its_negative(kind: pa.DataType, bits: int, most: int) -> None:
    values = [_from_postgres(most, bits), 0, None, _from_postgres(-most - 1, bits)]
    assert _crossed(values, kind, POSTGRES_TO_ARROW) == [most, 0, None, -most]


@pytest.mark.parametrize(("kind", "most"), [(pa.timestamp("us"), _MOST), (pa.date32(), _MOST_DAYS)], ids=str)
def test_a_negative_infinity_comes_back_from_postgres(kind: pa.DataType, most: int) -> None:
    assert _crossed([-most, None, 7], kind, ARROW_TO_POSTGRES, POSTGRES_TO_ARROW) == [-most, None, 7]


def test_an_infinite_date_comes_back_from_postgres() -> None:
    assert _crossed([_MOST_DAYS], pa.date32(), ARROW_TO_POSTGRES, POSTGRES_TO_ARROW) == [_MOST_DAYS]


def test_an_infinite_timestamp_is_written_as_the_value_that_is_looked_for_later() -> None:
    assert _crossed([_MOST], pa.timestamp("us"), ARROW_TO_POSTGRES) == [_MOST]
    days, microseconds = divmod(_MOST, 86_400_000_000)
    assert ARRIVED_INFINITY.endswith(str(timedelta(microseconds=microseconds)).zfill(15))
    assert days == 106_751_991


@given(st.lists(st.none() | st.datetimes()))
def test_finite_timestamps_pass_as_they_are(values: list[datetime | None]) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(values, pa.timestamp("us"))], ["c0"])
    for mapping in (POSTGRES_TO_ARROW, ARROW_TO_POSTGRES):
        assert remapped(batch, None, mapping).column(0).to_pylist() == values


def test_infinities_inside_arrays_cross_as_well() -> None:
    given_ = _from_postgres(_MOST, 64)
    elements = pa.array([1, given_, None, given_, 2], pa.int64()).cast(pa.timestamp("us"))
    lists = pa.ListArray.from_arrays(pa.array([0, 1, None, 4, 5], pa.int32()), elements)
    for column in (lists, lists.slice(1)):
        batch = remapped(pa.RecordBatch.from_arrays([column], ["c0"]), None, POSTGRES_TO_ARROW)
        expected = [None if row is None else [_MOST if v == given_ else v for v in row] for row in _raw(column)]
        assert _raw(batch.column(0)) == expected
        batch.validate(full=True)


def _raw(column: pa.Array) -> list[list[int | None] | None]:
    return column.cast(pa.list_(pa.int64())).to_pylist()


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, _MOST], pa.timestamp("us"), True),
        ([1, None, -_MOST], pa.timestamp("us"), False),
        ([None], pa.timestamp("us"), False),
        ([], pa.timestamp("us"), False),
        ([_MOST_DAYS], pa.date32(), False),
    ],
)
def test_a_positive_infinite_timestamp_is_noticed(
    values: list[int | None], kind: pa.DataType, *, expected: bool
) -> None:
    assert has_positive_infinity(_batch(values, kind).column(0)) is expected


def test_a_positive_infinite_timestamp_is_noticed_in_arrays() -> None:
    lists = pa.array([[1, _MOST], None, [2]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("us")))

    assert has_positive_infinity(lists)
    assert not has_positive_infinity(lists.slice(1))
