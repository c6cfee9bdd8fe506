"""Types as users write them, and which may take the place of which."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.datatypes import TYPE_NAMES, DataType, Kind, parse_data_type, widens

_PLAIN = [kind for kind in Kind if kind not in (Kind.DECIMAL, Kind.ARRAY)]
_RANGES = {Kind.SMALLINT: 2**15, Kind.INTEGER: 2**31, Kind.BIGINT: 2**63}

decimals = st.builds(
    lambda precision, scale: DataType(kind=Kind.DECIMAL, precision=precision, scale=min(scale, precision)),
    st.integers(1, 40),
    st.integers(0, 40),
)
rounded_decimals = st.builds(
    lambda precision, scale: DataType(kind=Kind.DECIMAL, precision=precision, scale=scale),
    st.integers(1, 40),
    st.integers(-20, -1),
)
scalars = st.one_of(
    st.sampled_from([DataType(kind=kind) for kind in _PLAIN]), decimals, st.just(DataType(kind=Kind.DECIMAL))
)
numbers = st.one_of(
    st.sampled_from([DataType(kind=kind) for kind in _RANGES]),
    decimals,
    rounded_decimals,
    st.just(DataType(kind=Kind.DECIMAL)),
)
types = st.recursive(scalars, lambda inner: st.builds(lambda e: DataType(kind=Kind.ARRAY, element=e), inner))


def _array(element: DataType) -> DataType:
    return DataType(kind=Kind.ARRAY, element=element)


def _decimal(precision: int, scale: int) -> DataType:
    return DataType(kind=Kind.DECIMAL, precision=precision, scale=scale)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bigint", DataType(kind=Kind.BIGINT)),
        (" Double   Precision ", DataType(kind=Kind.DOUBLE)),
        ("numeric", DataType(kind=Kind.DECIMAL)),
        ("numeric(5)", _decimal(5, 0)),
        ("DECIMAL( 12 , 2 )", _decimal(12, 2)),
        ("timestamp with time zone", DataType(kind=Kind.TIMESTAMPTZ)),
        ("text[]", _array(DataType(kind=Kind.TEXT))),
        ("decimal(4,1)[][]", _array(_array(_decimal(4, 1)))),
    ],
)
def test_a_type_reads_as_a_user_writes_it(text: str, expected: DataType) -> None:
    assert parse_data_type(text) == expected


@pytest.mark.parametrize("name", TYPE_NAMES)
def test_every_listed_name_is_a_type(name: str) -> None:
    assert parse_data_type(name).kind.value == name


@pytest.mark.parametrize(
    "text", ["array", "", "[]", "integer(4)", "decimal(,2)", "decimal(-1,0)", "text; drop table x"]
)
def test_what_is_not_a_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a type; use one of boolean, smallint"):
        parse_data_type(text)


@pytest.mark.parametrize("text", ["decimal(0,0)", "decimal(4,5)", "decimal(1001,0)"])
def test_a_precision_that_no_engine_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the precision must be 1 to 1000"):
        parse_data_type(text)


def test_a_refused_type_lists_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="not a type") as refused:
        parse_data_type("strng")
    assert str(refused.value) == snapshot(
        "'strng' is not a type; use one of boolean, smallint, integer, bigint, real, double, "
        "decimal, text, bytes, date, time, timestamp, timestamptz, uuid, json, decimal(p,s) or T[]"
    )


@given(types)
def test_a_type_reads_back_as_it_is_written(data_type: DataType) -> None:
    assert parse_data_type(str(data_type)) == data_type


@given(types)
def test_every_type_holds_its_own_values(data_type: DataType) -> None:
    assert widens(data_type, data_type)


@settings(max_examples=1000)
@given(st.one_of(st.tuples(types, types, types), st.tuples(numbers, numbers, numbers)))
def test_what_widens_twice_widens_at_once(three: tuple[DataType, DataType, DataType]) -> None:
    first, second, third = three
    if widens(first, second) and widens(second, third):
        assert widens(first, third)


def _limits(data_type: DataType) -> tuple[Decimal, Decimal]:
    """The greatest value and the smallest step of a number type."""
    if data_type.kind in _RANGES:
        return Decimal(_RANGES[data_type.kind] - 1), Decimal(1)
    if data_type.precision is None:
        return Decimal(10) ** 200, Decimal(10) ** -200
    step = Decimal(10) ** -(data_type.scale or 0)
    return (10**data_type.precision - 1) * step, step


@settings(max_examples=1000)
@given(numbers, numbers)
def test_a_wider_number_type_holds_every_value_of_the_narrower(old: DataType, new: DataType) -> None:
    if widens(old, new):
        (old_most, old_step), (new_most, new_step) = _limits(old), _limits(new)
        assert old_most <= new_most
        assert old_step >= new_step


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("integer", "smallint"),
        ("double", "real"),
        ("integer", "text"),
        ("date", "timestamp"),
        ("numeric", "decimal(38,9)"),
    ],
)
def test_what_could_lose_meaning_does_not_widen(old: str, new: str) -> None:
    assert not widens(parse_data_type(old), parse_data_type(new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("smallint", "bigint"),
        ("real", "double"),
        ("integer", "decimal(10,0)"),
        ("decimal(8,2)", "numeric"),
        ("int[]", "bigint[]"),
    ],
)
def test_what_keeps_its_meaning_widens(old: str, new: str) -> None:
    assert widens(parse_data_type(old), parse_data_type(new))
