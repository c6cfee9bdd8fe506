"""How a table changes before a commit: additively, repeatably, and without changing a row."""

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, TypedField, field

_NAME, _MORE = field("name", Kind.TEXT), field("more", Kind.DOUBLE)
_ROWS = [(1, "a"), (2, None)]


@case
def a_new_column_is_added_and_null_in_old_rows(trial: Trial) -> str:
    """Values of new and of changed rows are in their own columns, in whatever order they arrive."""
    trial.load([ID, _NAME], _ROWS)
    counts = trial.load([_MORE, ID, _NAME], [(0.5, 2, "b"), (1.5, 3, "c")])
    trial.require_counts(counts, total_rows=2, inserts=1, updates=1, table_rows=3)
    trial.require_rows([ID, _NAME, _MORE], [(1, "a", None), (2, "b", 0.5), (3, "c", 1.5)])
    return "1 column added, 1 row updated, 1 inserted"


@case
def a_column_is_widened_and_keeps_its_values(trial: Trial) -> str:
    """Whole numbers to larger ones, decimals to more digits."""
    narrow, wide = (DataType(kind=Kind.DECIMAL, precision=digits, scale=2) for digits in (6, 12))
    trial.load([ID, field("n", Kind.SMALLINT), TypedField("price", narrow)], [(1, 7, "1.25"), (2, None, None)])
    fields = [ID, field("n", Kind.BIGINT), TypedField("price", wide)]
    counts = trial.load(fields, [(1, 7, "1.25"), (3, 2**40, "1234567890.12")])
    trial.require_counts(counts, total_rows=2, inserts=1, unchanged=1, table_rows=3)
    trial.require_rows(fields, [(1, 7, "1.25"), (2, None, None), (3, 2**40, "1234567890.12")])
    return "smallint to bigint, decimal(6,2) to decimal(12,2)"


@case
def a_column_that_is_left_out_is_not_written(trial: Trial) -> str:
    """One the table does not have, and one that it has and the source no longer gives."""
    trial.load([ID, _NAME], _ROWS)
    trial.load([ID, _NAME, _MORE], [(1, "b", 0.5)], written=[ID, _NAME])
    trial.load([ID], [(1,), (3,)])
    trial.require_rows([ID, _NAME], [(1, "b"), (2, None), (3, None)])
    return "1 discarded, 1 kept as it was"


@case
def a_column_that_somebody_else_added_stays_as_it_is(trial: Trial) -> str:
    """Runs change only the columns that are theirs."""
    trial.load([ID, _NAME], _ROWS)
    table, extra = trial.dialect.table(trial.table), trial.dialect.quote("extra")
    trial.sandbox.execute(
        f"ALTER TABLE {table} ADD COLUMN {extra} {trial.dialect.text_type}", f"UPDATE {table} SET {extra} = 'mine'"
    )
    counts = trial.load([ID, _NAME], [(1, "changed"), (3, "new")])
    trial.require_counts(counts, total_rows=2, inserts=1, updates=1)
    fields = [ID, _NAME, field("extra", Kind.TEXT)]
    trial.require_rows(fields, [(1, "changed", "mine"), (2, None, "mine"), (3, "new", None)])
    return "1 column of another"


@case
def prepare_may_be_repeated(trial: Trial) -> str:
    """Twice in a session, and again by another one after a stop; the commit is the same."""
    trial.load([ID, _NAME], _ROWS)
    fields, rows = [ID, _NAME, _MORE], [(1, "b", 0.5), (None, "x", None)]
    with trial.destination() as destination:
        plan = trial.plan(destination, fields)
        destination.prepare(plan, trial.stage(destination, plan, fields, rows))
    for repeats in (1, 2):
        with trial.destination() as destination:
            # As the next attempt does, plan by the table as it is.
            plan = trial.plan(destination, fields)
            staged = trial.stage(destination, plan, fields, rows)
            for _ in range(repeats):
                destination.prepare(plan, staged)
            if repeats == 2:
                counts = trial.commit(destination, plan, staged)
                trial.require_counts(counts, total_rows=2, updates=1, rejected=1)
            destination.drop_stage(plan)
    trial.require_rows(fields, [(1, "b", 0.5), (2, None, None)])
    return "prepared 4 times, committed once"


@case
def a_first_load_may_be_prepared_twice(trial: Trial) -> str:
    """Where nothing is there yet, in one session and after a stop."""
    fields, rows = [ID, _NAME], [*_ROWS, (None, "x"), (1, "a")]
    for stops in (True, False):
        with trial.destination() as destination:
            plan = trial.plan(destination, fields)
            staged = trial.stage(destination, plan, fields, rows)
            destination.prepare(plan, staged)
            if stops:
                continue
            destination.prepare(plan, staged)
            counts = trial.commit(destination, plan, staged)
            destination.drop_stage(plan)
            trial.require_counts(counts, total_rows=4, inserts=2, unchanged=1, rejected=1, superseded=1)
    trial.require_rows(fields, _ROWS)
    return "prepared 3 times, committed once"


@case
def prepare_changes_no_row(trial: Trial) -> str:
    """It adds a column, and what readers see of the others stays as it was."""
    trial.load([ID, _NAME], _ROWS, write_mode="mirror")
    fields = [ID, _NAME, _MORE]
    with trial.destination() as destination:
        plan = trial.plan(destination, fields, write_mode="mirror")
        destination.prepare(plan, trial.stage(destination, plan, fields, [(1, "changed", 0.5), (None, "x", 1.0)]))
    trial.require_rows([ID, _NAME], _ROWS)
    require(trial.rejected(), [], "quarantine before the commit")
    with trial.destination() as destination:
        destination.drop_stage(plan)
    return "2 rows as they were"


@case
def a_table_is_described_as_it_was_written(trial: Trial) -> str:
    """Its columns' types are those it was given, so that the next run has nothing to change."""
    kinds = [
        Kind.BOOLEAN,
        Kind.INTEGER,
        Kind.DOUBLE,
        Kind.TEXT,
        Kind.DATE,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
        Kind.BYTES,
    ]
    fields = [ID, *(field(f"c_{kind}", kind) for kind in kinds), field("price", Kind.DECIMAL, precision=12, scale=2)]
    trial.load(fields, [])
    with trial.destination() as destination:
        plan = trial.plan(destination, fields)
        require([column.name for column in plan.schema.added], [], "columns to be added")
        require([column.name for column in plan.schema.widened], [], "columns to be widened")
        described = destination.table_columns(trial.table) or ()
    with trial.reader() as reader:
        require([each.name for each in reader.columns(trial.table) or ()], [each.name for each in described], "columns")
    return ", ".join(column.native for column in described)
