"""Several sessions at once: one wins, the others are told apart from it."""

import threading

from observe_dagster.datatypes import Kind
from observe_dagster.errors import WatermarkConflictError
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, Committed, Running

_FIELDS = [ID, field("name", Kind.TEXT)]
_OLD = [(1, "old")]
_JOIN_SECONDS = 60.0


@case
def a_run_that_was_planned_before_anothers_commit_is_refused(trial: Trial) -> str:
    """Its watermark is no longer the last one; nothing is changed."""
    trial.load(_FIELDS, _OLD)
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS, run={"expected_watermark": None})
        staged = trial.stage(destination, plan, _FIELDS, [(1, "stale")])
        destination.prepare(plan, staged)
        try:
            trial.commit(destination, plan, staged)
        except WatermarkConflictError as error:
            require((error.expected, error.found), (None, "0001"), "watermarks expected and found")
        else:
            raise CaseFailedError("a commit with another's watermark was accepted")
        finally:
            destination.drop_stage(plan)
    trial.require_rows(_FIELDS, _OLD)
    return "WatermarkConflictError"


@case
def of_two_sessions_that_commit_at_once_one_wins(trial: Trial) -> str:
    """The other begins while the first one's transaction is open, waits, and finds the watermark moved."""
    trial.require_concurrent_sessions()
    trial.load(_FIELDS, _OLD)
    errors: list[BaseException | None] = []

    def second() -> None:
        try:
            with trial.destination() as destination:
                plan = trial.plan(destination, _FIELDS, run={"expected_watermark": "0001"})
                staged = trial.stage(destination, plan, _FIELDS, [(1, "second")])
                destination.prepare(plan, staged)
                trial.commit(destination, plan, staged)
        except Exception as error:  # noqa: BLE001 (given to the case's own thread)
            errors.append(error)
        else:
            errors.append(None)

    thread = threading.Thread(target=second, daemon=True)
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS)
        staged = trial.stage(destination, plan, _FIELDS, [(1, "first")])
        destination.prepare(plan, staged)
        trial.commit(destination, plan, staged, on_commit=thread.start)
        thread.join(_JOIN_SECONDS)
        destination.drop_stage(plan)
    require(len(errors), 1, "ends of the second session")
    if not isinstance(errors[0], WatermarkConflictError):
        raise CaseFailedError(f"the second session ended with {errors[0]!r} instead of a WatermarkConflictError")
    trial.require_rows(_FIELDS, [(1, "first")])
    return "the first one's rows; WatermarkConflictError for the second"


@case
def two_pipelines_may_write_one_table_at_once(trial: Trial) -> str:
    """Each its own rows."""
    trial.require_concurrent_sessions()
    trial.load(_FIELDS, _OLD)
    errors: list[Exception] = []

    def load(number: int) -> None:
        try:
            trial.load(_FIELDS, [(number, "new")], run={"pipeline_id": f"{trial.pipeline_id}-{number}"})
        except Exception as error:  # noqa: BLE001 (given to the case's own thread)
            errors.append(error)

    threads = [threading.Thread(target=load, args=(number,), daemon=True) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_JOIN_SECONDS)
    require(errors, [], "errors")
    trial.require_rows(_FIELDS, [*_OLD, (2, "new"), (3, "new")])
    return "2 pipelines"


@case
def nobody_sees_anything_of_a_commit_before_it_ends(trial: Trial) -> str:
    """Neither rows nor quarantine nor the run."""
    trial.require_concurrent_sessions()
    trial.load(_FIELDS, [*_OLD, (None, "x")])
    runs = trial.dialect.table(TableName(schema=trial.table.schema, table=SYNC_RUN_TABLE))
    count = f"SELECT count(*) FROM {runs} WHERE pipeline_id = {trial.dialect.string(trial.pipeline_id)}"
    seen: list[object] = []

    def look() -> None:
        seen.append((trial.read(_FIELDS), trial.rejected(), trial.ask(count)[0][0]))

    look()
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS)
        staged = trial.stage(destination, plan, _FIELDS, [(1, "new"), (2, "b"), (None, "x")])
        destination.prepare(plan, staged)
        trial.commit(destination, plan, staged, on_commit=look)
        destination.drop_stage(plan)
    require(seen[1], seen[0], "what another session sees before the commit ends")
    require(trial.ask(count)[0][0], 2, "runs after it")
    return "rows, quarantine and runs as before"


@case
def the_outcome_of_a_commit_that_goes_on_is_not_decided(trial: Trial) -> str:
    """Another session must neither take it for committed nor for lost."""
    trial.require_concurrent_sessions()
    trial.load(_FIELDS, _OLD)
    outcomes: list[type] = []
    with trial.destination() as destination, trial.destination() as other:
        plan = trial.plan(destination, _FIELDS)
        staged = trial.stage(destination, plan, _FIELDS, [(1, "new")])
        destination.prepare(plan, staged)
        asked = (trial.pipeline_id, plan.run.execution_key, trial.table)
        trial.commit(destination, plan, staged, on_commit=lambda: outcomes.append(type(other.outcome(*asked))))
        outcomes.append(type(other.outcome(*asked)))
        destination.drop_stage(plan)
    require(outcomes, [Running, Committed], "outcomes before and after the commit ends")
    return "Running, then Committed"
