"""Each engine's types and ours: there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.warehouse.duckdb import types as duckdb
from observe_dagster.warehouse.postgres import types as postgres

_OIDS = {
    "boolean": 16,
    "smallint": 21,
    "integer": 23,
    "bigint": 20,
    "real": 700,
    "double precision": 701,
    "text": 25,
    "bytea": 17,
    "date": 1082,
    "time": 1083,
    "timestamp": 1114,
    "timestamptz": 1184,
    "uuid": 2950,
    "jsonb": 3802,
}
_PLAIN = [DataType(kind=kind) for kind in Kind if kind not in (Kind.DECIMAL, Kind.ARRAY)]
_named = pytest.mark.parametrize("data_type", _PLAIN, ids=str)


def _decimal(precision: int | None, scale: int | None) -> DataType:
    return DataType(kind=Kind.DECIMAL, precision=precision, scale=scale)


def _array(element: DataType) -> DataType:
    return DataType(kind=Kind.ARRAY, element=element)


def _modifier(precision: int, scale: int) -> int:
    return ((precision << 16) | (scale & 0x7FF)) + 4


@_named
def test_a_type_comes_back_from_duckdb(data_type: DataType) -> None:
    native = duckdb.native_of(data_type)
    assert native is not None
    assert duckdb.data_type_of(native) == data_type
    assert duckdb.data_type_of(f"{native}[]") == _array(data_type)
    assert duckdb.native_of(_array(data_type)) == f"{native}[]"


@_named
def test_a_type_comes_back_from_postgres(data_type: DataType) -> None:
    oid = _OIDS[postgres.native_of(data_type)]
    assert postgres.data_type_of(oid, -1) == data_type
    assert postgres.data_type_of(0, -1, oid) == _array(data_type)
    assert postgres.native_of(_array(data_type)) == f"{postgres.native_of(data_type)}[]"


@given(st.integers(1, 38), st.integers(0, 38))
def test_a_decimal_comes_back_from_duckdb(precision: int, scale: int) -> None:
    data_type = _decimal(precision, min(scale, precision))
    assert duckdb.data_type_of(duckdb.native_of(data_type) or "") == data_type


@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_a_decimal_comes_back_from_postgres(precision: int, scale: int) -> None:
    data_type = postgres.data_type_of(1700, _modifier(precision, scale))
    assert data_type == _decimal(precision, scale)
    assert postgres.native_of(data_type) == f"numeric({precision},{scale})"


def test_an_unbounded_decimal_is_postgres_own_and_not_duckdbs() -> None:
    assert postgres.data_type_of(1700, -1) == _decimal(None, None)
    assert postgres.native_of(_decimal(None, None)) == "numeric"
    assert duckdb.native_of(_decimal(None, None)) is None
    assert duckdb.native_of(_array(_decimal(None, None))) is None


@pytest.mark.parametrize(
    ("precision", "scale", "native"),
    [(38, 38, "DECIMAL(38,38)"), (39, 0, None), (3, -2, "DECIMAL(5,0)"), (2, 4, "DECIMAL(4,4)"), (30, -9, None)],
)
def test_duckdb_holds_a_decimal_of_postgres_exactly_or_not_at_all(
    precision: int, scale: int, native: str | None
) -> None:
    assert duckdb.native_of(_decimal(precision, scale)) == native


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        ("TINYINT", DataType(kind=Kind.SMALLINT)),
        ("UINTEGER", DataType(kind=Kind.BIGINT)),
        ("UBIGINT", _decimal(20, 0)),
        ("HUGEINT", _decimal(39, 0)),
        ("ENUM('a', 'b[]')", DataType(kind=Kind.TEXT)),
        ("INTEGER[3]", _array(DataType(kind=Kind.INTEGER))),
        ("DECIMAL(4,1)[][]", _array(_array(_decimal(4, 1)))),
        ("INTERVAL", None),
        ("STRUCT(a INTEGER[])", None),
        ("STRUCT(a INTEGER)[]", None),
        ("MAP(VARCHAR, INTEGER)", None),
    ],
)
def test_what_duckdb_says_a_column_is(native: str, expected: DataType | None) -> None:
    assert duckdb.data_type_of(native) == expected


@pytest.mark.parametrize(("oid", "element"), [(1186, 0), (869, 0), (0, 1186)], ids=["interval", "inet", "interval[]"])
def test_what_no_other_engine_holds_has_no_type(oid: int, element: int) -> None:
    assert postgres.data_type_of(oid, -1, element) is None


@pytest.mark.parametrize("module", [postgres, duckdb], ids=["postgres", "duckdb"])
@pytest.mark.parametrize("kind", [Kind.UUID, Kind.JSON, Kind.DECIMAL])
def test_what_arrow_has_no_words_for_travels_as_text(module: object, kind: Kind) -> None:
    text = "text" if module is postgres else "VARCHAR"
    assert module.arrow_transport_type(DataType(kind=kind)) == text
    assert module.arrow_transport_type(_array(DataType(kind=kind))) == f"{text}[]"
    assert postgres.sent_as_text(_array(DataType(kind=kind)))
    assert not postgres.sent_as_text(DataType(kind=Kind.INTEGER))


def test_duckdbs_own_spelling_of_every_type_is_one_that_is_known() -> None:
    import duckdb as engine

    with engine.connect() as connection:
        for data_type in [*_PLAIN, _decimal(12, 2), _array(_decimal(12, 2))]:
            native = duckdb.native_of(data_type)
            described = connection.execute(f"DESCRIBE SELECT NULL::{native} AS c").fetchone()
            assert described is not None
            assert described[1] == native
