"""The record of committed runs, in the same transaction as their rows."""

from observe_dagster.datatypes import Kind
from observe_dagster.errors import ObserveError
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, Committed

_FIELDS = [ID, field("name", Kind.TEXT)]
_ROWS = [(1, "a"), (2, "b")]


def _watermark(trial: Trial, pipeline_id: str | None = None) -> str | None:
    with trial.destination() as destination:
        last = destination.last_commit(pipeline_id or trial.pipeline_id, trial.table)
    return None if last is None else last.watermark


@case
def each_commit_moves_the_watermark(trial: Trial) -> str:
    """Before the first there is none; a run without rows moves it too."""
    require(_watermark(trial), None, "watermark before the first run")
    trial.load(_FIELDS, _ROWS)
    require(_watermark(trial), "0001", "watermark after the first run")
    trial.load(_FIELDS, [])
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS)
        destination.prepare(plan, None)
        trial.require_counts(trial.commit(destination, plan, None), table_rows=2)
        last = destination.last_commit(trial.pipeline_id, trial.table)
    require(
        None if last is None else (last.watermark, last.range_start, last.range_end), ("0003", "0002", "0003"), "run"
    )
    return "0001, 0002, 0003"


@case
def a_run_that_does_not_move_the_watermark_leaves_it(trial: Trial) -> str:
    """Its outcome is known nevertheless."""
    trial.load(_FIELDS, _ROWS)
    trial.load(_FIELDS, [(3, "c")], moves_watermark=False)
    require(_watermark(trial), "0001", "watermark")
    with trial.destination() as destination:
        outcome = destination.outcome(trial.pipeline_id, f"{trial.pipeline_id}-2", trial.table)
    require(type(outcome), Committed, "outcome of the run that leaves it")
    return "0001 as before"


@case
def an_execution_key_is_committed_once(trial: Trial) -> str:
    """A second commit of the same run is refused, and adds no row."""
    options = {"write_mode": "append", "primary_key": (), "run": {"execution_key": f"{trial.pipeline_id}-once"}}
    trial.load(_FIELDS, _ROWS, **options)
    try:
        trial.load(_FIELDS, _ROWS, **options)
    except ObserveError as error:
        trial.require_rows(_FIELDS, _ROWS)
        return f"{type(error).__name__}"
    raise CaseFailedError("one execution key was committed twice")


@case
def each_pipeline_has_its_own_watermark(trial: Trial) -> str:
    """Also where two write the same table."""
    other = f"{trial.pipeline_id}-other"
    trial.load(_FIELDS, _ROWS)
    trial.load(_FIELDS, [(3, "c")], run={"pipeline_id": other})
    trial.load(_FIELDS, [(4, "d")], run={"pipeline_id": other})
    require((_watermark(trial), _watermark(trial, other)), ("0001", "0003"), "watermarks")
    trial.require_rows(_FIELDS, [*_ROWS, (3, "c"), (4, "d")])
    return "0001 and 0003"


@case
def a_table_that_was_dropped_has_no_watermark(trial: Trial) -> str:
    """So that the next run loads everything."""
    trial.load(_FIELDS, _ROWS)
    trial.sandbox.execute(f"DROP TABLE {trial.dialect.table(trial.table)}")
    require(_watermark(trial), None, "watermark")
    counts = trial.load(_FIELDS, _ROWS, moves_watermark=False)
    trial.require_counts(counts, total_rows=2, inserts=2, table_rows=2)
    return "dropped and loaded anew"


@case
def the_record_has_the_counts_that_the_run_gave(trial: Trial) -> str:
    """With the bytes and the rows of the table, under the times of the clock that was handed in."""
    trial.load(_FIELDS, _ROWS)
    counts = trial.load(_FIELDS, [(2, "B"), (2, "A"), (3, "c"), (None, "x")])
    with trial.destination() as destination:
        last = destination.last_commit(trial.pipeline_id, trial.table)
    require(None if last is None else last.counts, counts, "counts")
    names = "pipeline_id, table_name, sequence, total_rows, rejected"
    runs = trial.dialect.table(TableName(schema=trial.table.schema, table=SYNC_RUN_TABLE))
    where = f"WHERE pipeline_id = {trial.dialect.string(trial.pipeline_id)} ORDER BY sequence"
    rows = trial.ask(f"SELECT {names} FROM {runs} {where}")
    pair = (trial.pipeline_id, trial.table.table)
    require([tuple(row) for row in rows], [(*pair, 1, 2, 0), (*pair, 2, 4, 1)], "rows of the record")
    return "2 runs"
