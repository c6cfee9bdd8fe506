"""Every kind of value keeps its meaning on the way in and out; a type the engine lacks is refused by name."""

import json

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.errors import UnsupportedTypeError
from observe_dagster.records import Column
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, NotOfferedError, require
from observe_dagster.warehouse.certify.round_trip import round_trip, round_trip_or_quarantine
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.dialects import Dialect

_MOST_DIGITS = 38
_UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def _decimal(precision: int, scale: int) -> DataType:
    return DataType(kind=Kind.DECIMAL, precision=precision, scale=scale)


def _array(element: DataType | Kind) -> DataType:
    return DataType(kind=Kind.ARRAY, element=element if isinstance(element, DataType) else DataType(kind=element))


@case
def booleans_arrive(trial: Trial) -> str:
    """Both of them."""
    return round_trip(trial, [Kind.BOOLEAN], [True, False])


@case
def whole_numbers_arrive_up_to_their_limits(trial: Trial) -> str:
    """Of 16, 32 and 64 bits; the last beyond what a double tells apart."""
    round_trip(trial, [Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT], [-(2**15), 0, 2**15 - 1])
    return round_trip(trial.sibling(1), [Kind.BIGINT], [-(2**63), 2**53 + 1, 2**63 - 1])


@case
def floating_point_numbers_arrive_bit_by_bit(trial: Trial) -> str:
    """Of 64 bits, with the smallest and the greatest, and of 32 bits."""
    round_trip(trial, [Kind.DOUBLE], [0.1, -1.5, 1e300, 1.7976931348623157e308, 5e-324, 2.0**-1022])
    return round_trip(trial.sibling(1), [Kind.REAL, Kind.DOUBLE], [0.5, -1.25, 16777216.0, 2.0**-126])


@case
def nan_and_infinite_numbers_arrive_or_are_quarantined(trial: Trial) -> str:
    """In floats of 64 bits."""
    return round_trip_or_quarantine(trial, Kind.DOUBLE, [float("nan"), float("inf"), float("-inf"), 1.0])


@case
def decimals_arrive_exactly(trial: Trial) -> str:
    """Money, whole numbers and small fractions."""
    return round_trip(trial, [_decimal(12, 2)], ["1234567890.12", "-0.01", "0.00", "9999999999.99"])


@case
def decimals_arrive_at_the_limit_of_digits(trial: Trial) -> str:
    """As many digits as the capabilities state, 38 where they state none; whole and with a fraction."""
    digits = min(trial.capabilities.widest_decimal_digits or _MOST_DIGITS, _MOST_DIGITS)
    whole = "9" * digits
    round_trip(trial, [_decimal(digits, 0)], [whole, f"-{whole}", "1"])
    return round_trip(trial.sibling(1), [_decimal(digits, 9)], [f"{whole[:-9]}.{whole[-9:]}", "-0.000000001"])


@case
def a_decimal_with_too_many_digits_is_refused_by_the_columns_name(trial: Trial) -> str:
    """One digit more than the capabilities state."""
    most = trial.capabilities.widest_decimal_digits
    if most is None:
        raise NotOfferedError("widest_decimal_digits: the capabilities state no limit")
    with trial.destination() as destination:
        try:
            native = destination.native_of(_decimal(most + 1, 0), column="amount")
        except UnsupportedTypeError as error:
            require(error.column, "amount", "column that is named")
            return str(error)
    raise CaseFailedError(f"decimal({most + 1},0) was accepted as {native}")


@case
def a_type_without_a_meaning_elsewhere_is_refused_by_the_columns_name(trial: Trial) -> str:
    """A column of another engine whose type is none of ours."""
    column = Column(name="odd", native="no_such_type", data_type=None)
    with trial.destination() as destination:
        try:
            native = destination.native_type(column, source=Dialect())
        except UnsupportedTypeError as error:
            require(error.column, "odd", "column that is named")
            return str(error)
    raise CaseFailedError(f"it was accepted as {native}")


@case
def bytes_arrive(trial: Trial) -> str:
    """Every byte, and none."""
    return round_trip(trial, [Kind.BYTES], [bytes(range(256)), b"", b"\\x00", b"text"])


@case
def uuids_arrive(trial: Trial) -> str:
    """With the smallest and the greatest."""
    return round_trip(trial, [Kind.UUID], [_UUID, "0" * 8 + "-0000-0000-0000-" + "0" * 12, _UUID.replace("a", "f")])


@case
def json_arrives_with_its_meaning(trial: Trial) -> str:
    """Objects, arrays, texts with signs of all kinds, numbers and the JSON null."""
    documents = [{"a": [1, None, "ü"], "b": {}}, [], {"empty": "", "quoted": 'it\'s \\ "so"'}]
    round_trip(trial, [Kind.JSON], [json.dumps(each, ensure_ascii=False) for each in documents])
    # What a driver gives for these cannot be told from a text that is still to be parsed.
    return round_trip(trial.sibling(1), [Kind.JSON], ['"text"', "12.5", "null"], asked=False)


@case
def arrays_arrive(trial: Trial) -> str:
    """Of numbers, texts with commas, braces and quotes, and decimals; empty, and with NULL among the elements."""
    if not trial.capabilities.arrays:
        raise NotOfferedError("arrays: the engine has none")
    round_trip(trial, [_array(Kind.INTEGER), _array(Kind.BIGINT)], [[1, None, 3], [], [-7]])
    round_trip(trial.sibling(1), [_array(Kind.TEXT)], [["a", "", None, "ü,{}\"'\\"], [], ["NULL"]])
    return round_trip(trial.sibling(2), [_array(_decimal(5, 2))], [["1.25", None], []])
