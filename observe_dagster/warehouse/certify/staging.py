"""Nothing of a load is left behind but the table, its quarantine and the record of runs."""

from observe_dagster.datatypes import Kind
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field
from observe_dagster.warehouse.port.load import REJECTED_SUFFIX, SYNC_RUN_TABLE

_FIELDS = [ID, field("name", Kind.TEXT)]
_ROWS = [(1, "a"), (None, "x")]


@case
def a_load_leaves_its_table_and_quarantine_only(trial: Trial) -> str:
    """In every write mode, in first and later runs."""
    before = trial.table_names()
    expected: set[str] = set()
    for part, write_mode in enumerate(("upsert", "append", "replace", "mirror")):
        each = trial.sibling(part)
        expected |= {each.table.table, trial.dialect.suffixed(each.table.table, REJECTED_SUFFIX)}
        key = () if write_mode == "append" else ("id",)
        iterator = {"iterator": "id", "reject_null_iterator": True} if write_mode == "append" else {}
        for rows in (_ROWS, _ROWS, []):
            each.load(_FIELDS, rows, write_mode=write_mode, primary_key=key, **iterator)
    require(trial.table_names() - before - {SYNC_RUN_TABLE}, expected, "tables that are new")
    return f"{len(expected)} tables of 12 runs"


@case
def what_a_crashed_run_staged_is_swept_by_the_next(trial: Trial) -> str:
    """Before the table is there and afterwards, whatever step it crashed after; another pipeline's stage stays."""
    before = trial.table_names()
    for rows in (_ROWS[:1], [(2, "b")]):
        for number, prepares in enumerate((False, True)):
            with trial.destination() as destination:
                plan = trial.plan(destination, _FIELDS, run={"execution_key": f"crashed-{number}"})
                staged = trial.stage(destination, plan, _FIELDS, rows)
                if prepares:
                    destination.prepare(plan, staged)
        trial.load(_FIELDS, rows)
        require(trial.table_names() - before - {SYNC_RUN_TABLE}, {trial.table.table}, "tables that are new")
    trial.require_rows(_FIELDS, [(1, "a"), (2, "b")])
    return "4 crashes, 2 sweeps"


@case
def dropping_a_stage_that_is_not_there_is_no_error(trial: Trial) -> str:
    """Also where the schema is not there."""
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS)
        for _ in range(2):
            destination.drop_stage(plan)
        elsewhere = TableName(schema=f"{trial.table.schema}_none", table="x")
        destination.drop_stage(trial.plan(destination, _FIELDS, table=elsewhere))
    return "3 times"


@case
def the_size_of_a_table_is_a_number_or_unknown(trial: Trial) -> str:
    """In bytes."""
    trial.load(_FIELDS, [(number, "x" * 100) for number in range(1_000)])
    with trial.destination() as destination:
        size = destination.table_bytes(trial.table)
    require(size is None or size > 0, expected=True, what=f"whether {size} is a size")
    return f"{size} bytes" if size is not None else "unknown"
