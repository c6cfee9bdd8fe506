"""Names arrive as they are written, and names that the engine would change are refused."""

from observe_dagster.datatypes import Kind
from observe_dagster.errors import WarehouseError
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, NotOfferedError, require
from observe_dagster.warehouse.certify.round_trip import load_or_refuse
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, Row, comparable, field

_WIDE = 300


def _columns_arrive(trial: Trial, *names: str) -> str:
    fields = [ID, *(field(name, Kind.INTEGER) for name in names)]
    rows = [(1, *range(len(names))), (2, *(None for _ in names))]
    load_or_refuse(trial, fields, rows)
    require(trial.read(fields), comparable(rows, fields), "rows that the source gives")
    changed = [(1, *range(1, len(names) + 1)), (2, *(None for _ in names))]
    trial.require_counts(trial.load(fields, changed), total_rows=2, updates=1, unchanged=1)
    trial.require_rows(fields, changed)
    return f"{len(names)} columns, written twice"


@case
def reserved_words_can_be_columns(trial: Trial) -> str:
    """They are quoted wherever they are named, as is every other column."""
    return _columns_arrive(trial, "order", "select", "group", "user", "table", "end", "default", "rejected", "c0")


@case
def names_with_capitals_quotes_and_spaces_can_be_columns(trial: Trial) -> str:
    """Also with dots, umlauts and a text that tries to end the statement."""
    return _columns_arrive(
        trial, "MixedCase", "with space", 'q"uote', "it's", "a.b", "Größe", '"; DROP TABLE x; --', "%s"
    )


@case
def columns_that_differ_in_case_only_are_two_where_the_dialect_says_so(trial: Trial) -> str:
    """The dialect must know how the engine compares names."""
    if trial.dialect.fold("Name") == trial.dialect.fold("name"):
        raise NotOfferedError("ignores_case: they would be one column")
    return _columns_arrive(trial, "Name", "name", "NAME")


@case
def a_table_may_be_wide(trial: Trial) -> str:
    """Of hundreds of columns, each read from its own place."""
    fields = [ID, *(field(f"column_{number}", Kind.INTEGER) for number in range(_WIDE))]
    rows: list[Row] = [(row, *(row * 1_000 + number for number in range(_WIDE))) for row in range(3)]
    load_or_refuse(trial, fields, rows)
    trial.require_rows(fields, rows)
    rows[1] = (1, *(None for _ in range(_WIDE)))
    trial.require_counts(trial.load(fields, rows), total_rows=3, updates=1, unchanged=2)
    trial.require_rows(fields, rows)
    return f"{_WIDE} columns"


@case
def a_name_longer_than_the_engine_keeps_is_refused(trial: Trial) -> str:
    """What is left of it could be another table's name."""
    longest = trial.capabilities.longest_name_bytes
    if longest is None:
        raise NotOfferedError("longest_name_bytes: the capabilities state no limit")
    table = TableName(schema=trial.table.schema, table="x" * (longest + 1))
    with trial.destination() as destination:
        try:
            destination.table_columns(table)
        except WarehouseError as error:
            return str(error)
    raise CaseFailedError(f"a table name of {longest + 1} bytes was accepted")


@case
def the_quarantine_of_a_table_with_the_longest_name_is_its_own(trial: Trial) -> str:
    """Two long names that differ at their end have two quarantines."""
    longest = trial.capabilities.longest_name_bytes or 60
    fields, names = [ID], ["n" * (longest - 1) + end for end in "ab"]
    for name in names:
        trial.table = TableName(schema=trial.table.schema, table=name)
        trial.load(fields, [(1,), (None,)])
        require(trial.rejected(), [('primary key "id" is null', 1)], "quarantine")
        trial.require_rows(fields, [(1,)])
    return f"two names of {longest} bytes"
