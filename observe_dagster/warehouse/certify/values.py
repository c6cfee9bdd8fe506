"""Rows of plain Python values as Arrow batches, and back.

An infinite date or timestamp is INFINITY or MINUS_INFINITY; decimals, uuids and json are texts.
"""

import json
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column
from observe_dagster.warehouse.port.source import RowStream

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]

INFINITY, MINUS_INFINITY = "infinity", "-infinity"
_TEXTUAL = (Kind.TEXT, Kind.DECIMAL, Kind.UUID, Kind.JSON)
_TIMESTAMPS = (Kind.TIMESTAMP, Kind.TIMESTAMPTZ)
_FLOATS = (Kind.REAL, Kind.DOUBLE)
_INTEGERS = (Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
_MOST_DAYS, _MOST_MICROSECONDS = 2**31 - 1, 2**63 - 1
_BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class TypedField:
    """A column of a case."""

    name: str
    data_type: DataType


def field(name: str, kind: Kind, *, precision: int | None = None, scale: int | None = None) -> TypedField:
    """A column of a kind."""
    return TypedField(name, DataType(kind=kind, precision=precision, scale=scale))


ID = field("id", Kind.BIGINT)


def columns_of(fields: Sequence[TypedField]) -> tuple[Column, ...]:
    """The fields as a source describes them; the native names are nobody's."""
    return tuple(Column(name=each.name, native=str(each.data_type), data_type=each.data_type) for each in fields)


def stream_of(fields: Sequence[TypedField], rows: Sequence[Row]) -> RowStream:
    """Rows on their way, in Arrow batches as every destination takes them."""
    import pyarrow as pa

    schema = pa.schema([pa.field(f"c{i}", _arrow_type(each.data_type)) for i, each in enumerate(fields)])
    stream = RowStream(format="arrow", columns=columns_of(fields), schema=schema)

    def batches() -> "Iterator[pa.RecordBatch]":
        for first in range(0, len(rows), _BATCH_ROWS):
            part = rows[first : first + _BATCH_ROWS]
            arrays = [
                pa.array([_to_arrow(row[i], each.data_type) for row in part], schema.field(i).type)
                for i, each in enumerate(fields)
            ]
            batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            stream.sent += batch.num_rows
            stream.bytes += batch.nbytes
            yield batch

    stream.batches = batches()
    return stream


def rows_of(fields: Sequence[TypedField], batches: "Sequence[pa.RecordBatch]") -> list[Row]:
    """The rows of Arrow batches whose columns are the fields, as `comparable` has them."""
    rows: list[Row] = []
    for batch in batches:
        columns = [_from_arrow(batch.column(i), each.data_type) for i, each in enumerate(fields)]
        rows.extend(zip(*columns, strict=True))
    return rows


def comparable(rows: Sequence[Row], fields: Sequence[TypedField]) -> list[Row]:
    """Rows in one form, whether they were made here or came from a driver, in an order of their own."""
    alike = [tuple(_plain(value, each.data_type) for value, each in zip(row, fields, strict=True)) for row in rows]
    return sorted(alike, key=repr)


def _arrow_type(data_type: DataType) -> "pa.DataType":
    import pyarrow as pa

    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return pa.list_(_arrow_type(data_type.element))
    if data_type.kind in _TEXTUAL:
        return pa.string()
    return {
        Kind.BOOLEAN: pa.bool_(),
        Kind.SMALLINT: pa.int16(),
        Kind.INTEGER: pa.int32(),
        Kind.BIGINT: pa.int64(),
        Kind.REAL: pa.float32(),
        Kind.DOUBLE: pa.float64(),
        Kind.BYTES: pa.binary(),
        Kind.DATE: pa.date32(),
        Kind.TIME: pa.time64("us"),
        Kind.TIMESTAMP: pa.timestamp("us"),
        Kind.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    }[data_type.kind]


def _to_arrow(value: Any, data_type: DataType) -> Any:
    if value is None:
        return None
    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        return [_to_arrow(each, data_type.element) for each in value]
    if data_type.kind is Kind.DATE:
        ends = {INFINITY: _MOST_DAYS, MINUS_INFINITY: -_MOST_DAYS}
        return ends[value] if isinstance(value, str) else (value - date(1970, 1, 1)).days
    if data_type.kind in _TIMESTAMPS:
        ends = {INFINITY: _MOST_MICROSECONDS, MINUS_INFINITY: -_MOST_MICROSECONDS}
        start = datetime(1970, 1, 1, tzinfo=UTC if data_type.kind is Kind.TIMESTAMPTZ else None)
        return ends[value] if isinstance(value, str) else (value - start) // timedelta(microseconds=1)
    return str(value) if data_type.kind in _TEXTUAL else value


def _from_arrow(column: "pa.Array", data_type: DataType) -> list[Any]:
    import pyarrow as pa

    if data_type.kind is Kind.ARRAY and data_type.element is not None:
        flat = iter(_from_arrow(column.flatten(), data_type.element))
        lengths = column.value_lengths().to_pylist()
        return [None if length is None else [next(flat) for _ in range(length)] for length in lengths]
    if data_type.kind is Kind.DATE:
        return [_date(days) for days in column.cast(pa.int32()).to_pylist()]
    if data_type.kind in _TIMESTAMPS:
        zone = UTC if data_type.kind is Kind.TIMESTAMPTZ else None
        micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
        return [_timestamp(number, zone) for number in micros]
    return column.to_pylist()


def _date(days: int | None) -> date | str | None:
    if days is None or abs(days) == _MOST_DAYS:
        return None if days is None else INFINITY if days > 0 else MINUS_INFINITY
    return date(1970, 1, 1) + timedelta(days=days)


def _timestamp(number: int | None, zone: Any) -> datetime | str | None:
    if number is None or abs(number) == _MOST_MICROSECONDS:
        return None if number is None else INFINITY if number > 0 else MINUS_INFINITY
    return datetime(1970, 1, 1, tzinfo=zone) + timedelta(microseconds=number)


def _plain(value: Any, data_type: DataType) -> Any:  # noqa: PLR0911 (a table of cases)
    kind = data_type.kind
    if value is None:
        return None
    if kind is Kind.ARRAY and data_type.element is not None:
        return [_plain(each, data_type.element) for each in value]
    if kind is Kind.DECIMAL:
        number = Decimal(str(value))
        text = "NaN" if number.is_nan() else format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if kind in _FLOATS:
        # A driver may give a short one in its shortest digits.
        number = struct.unpack("f", struct.pack("f", value))[0] if kind is Kind.REAL else float(value)
        return "NaN" if math.isnan(number) else number
    if kind in _INTEGERS:
        return int(value)
    if kind is Kind.UUID:
        return str(value).lower()
    if kind is Kind.JSON:
        return json.loads(value) if isinstance(value, str) else value
    if kind is Kind.BYTES:
        return bytes(value)
    if kind is Kind.TIMESTAMPTZ and isinstance(value, datetime):
        return value.astimezone(UTC)
    return value
