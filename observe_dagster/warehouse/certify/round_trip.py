"""Values written through stage, prepare and commit, and read back by a source and by a reader."""

from collections.abc import Sequence
from typing import Any

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.errors import UnsupportedTypeError
from observe_dagster.warehouse.certify.expectations import NotOfferedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, Row, TypedField, comparable

VALUE = "value"


def round_trip(trial: Trial, types: Sequence[DataType | Kind], values: Sequence[Any], *, asked: bool = True) -> str:
    """Every value, and NULL, must arrive in a column of each type, and a second run must find it unchanged.

    With `asked` the reader must give the same. A type the engine cannot hold must be refused by the column's name.
    """
    fields = _fields(types)
    rows: list[Row] = [(number, *(value for _ in types)) for number, value in enumerate([*values, None])]
    load_or_refuse(trial, fields, rows)
    require(trial.read(fields), comparable(rows, fields), "rows that the source gives")
    trial.require_counts(trial.load(fields, rows), total_rows=len(rows), unchanged=len(rows))
    if asked:
        trial.require_rows(fields, rows)
    return f"{len(values)} values of {', '.join(str(each.data_type) for each in fields[1:])}, and NULL"


def round_trip_or_quarantine(trial: Trial, data_type: DataType | Kind, values: Sequence[Any]) -> str:
    """Each value must arrive as it is, or its row must be quarantined with a reason that names the column."""
    fields = _fields([data_type])
    rows: list[Row] = list(enumerate(values))
    try:
        counts = trial.load(fields, rows)
    except UnsupportedTypeError as error:
        raise _refused(error) from None
    read = trial.read(fields)
    kept = {row[0] for row in read}
    require(read, comparable([row for row in rows if row[0] in kept], fields), "rows that the source gives")
    require(len(kept) + counts.rejected, len(rows), "rows kept and rejected")
    reasons = [reason for reason, _ in trial.rejected()]
    require([reason for reason in reasons if f'"{VALUE}"' not in reason], [], "reasons without the column's name")
    require(bool(reasons), bool(counts.rejected), "whether there are reasons")
    return f"{len(kept)} kept, {counts.rejected} quarantined"


def load_or_refuse(trial: Trial, fields: Sequence[TypedField], rows: Sequence[Row]) -> None:
    """A first load of all rows; raises NotOfferedError where the engine refuses a column's type by its name."""
    try:
        counts = trial.load(fields, rows)
    except UnsupportedTypeError as error:
        raise _refused(error) from None
    trial.require_counts(counts, total_rows=len(rows), inserts=len(rows), table_rows=len(rows))


def _fields(types: Sequence[DataType | Kind]) -> list[TypedField]:
    names = [VALUE] if len(types) == 1 else [f"{VALUE}_{number}" for number in range(len(types))]
    data_types = [each if isinstance(each, DataType) else DataType(kind=each) for each in types]
    return [ID, *map(TypedField, names, data_types)]


def _refused(error: UnsupportedTypeError) -> NotOfferedError:
    require(error.column.startswith(VALUE), expected=True, what=f"whether the refusal names the column ({error})")
    return NotOfferedError(str(error))
