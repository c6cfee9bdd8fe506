"""A commit is one transaction without DDL; whatever stops a run, the next attempt leads to the same rows."""

import re
from collections.abc import Callable, Sequence

from observe_dagster.datatypes import Kind
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, Row, field
from observe_dagster.warehouse.port.load import Committed, NotCommitted

_FIELDS = [ID, field("name", Kind.TEXT)]
_OLD = [(1, "a"), (2, "b")]
_ROWS = [(2, "B"), (3, "c"), (None, "x")]
_NEW = [(1, "a"), (2, "B"), (3, "c")]
_DDL = re.compile(r"\s*(CREATE|ALTER|DROP|TRUNCATE|RENAME)\b", re.IGNORECASE)
_BEGIN = re.compile(r"\s*(BEGIN|START)\b", re.IGNORECASE)
_COMMIT = re.compile(r"\s*COMMIT\b", re.IGNORECASE)


class _Stop(Exception):  # noqa: N818 (what stops a run is no error of it)
    """Stops a run in the middle."""


def _stopped_run(trial: Trial, stop_after: str) -> str:
    """Begin a run in a session that ends after a step; return the run's execution key."""
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS)
        staged = trial.stage(destination, plan, _FIELDS, _ROWS)
        if stop_after != "stage":
            destination.prepare(plan, staged)
        if stop_after == "commit":
            trial.commit(destination, plan, staged)
        return plan.run.execution_key


def _retry(trial: Trial, execution_key: str) -> None:
    """The next attempt of the same run, in a new session, after which the rows must be as if nothing had stopped."""
    with trial.destination() as destination:
        plan = trial.plan(destination, _FIELDS, run={"execution_key": execution_key})
        staged = trial.stage(destination, plan, _FIELDS, _ROWS)
        destination.prepare(plan, staged)
        trial.commit(destination, plan, staged)
        destination.drop_stage(plan)
        outcome = destination.outcome(trial.pipeline_id, execution_key, trial.table)
        require(type(outcome), Committed, "outcome after the retry")


def _survives(trial: Trial, stop_after: str) -> str:
    for each, old, new in ((trial, [], _ROWS[:2]), (trial.sibling(1), _OLD, _NEW)):
        if old:
            each.load(_FIELDS, old)
        execution_key = _stopped_run(each, stop_after)
        with each.destination() as destination:
            outcome = destination.outcome(each.pipeline_id, execution_key, each.table)
            require(type(outcome), NotCommitted, f"outcome of a run that stopped after {stop_after}")
        if old:
            each.require_rows(_FIELDS, old)
        _retry(each, execution_key)
        each.require_rows(_FIELDS, new)
        require(each.rejected(), [('primary key "id" is null', 1)], "quarantine")
    return "in a first run and in a later one"


@case
def a_run_that_stops_after_staging_can_be_retried(trial: Trial) -> str:
    """Nothing of it is seen until then."""
    return _survives(trial, "stage")


@case
def a_run_that_stops_after_preparing_can_be_retried(trial: Trial) -> str:
    """Nothing of it is seen until then."""
    return _survives(trial, "prepare")


@case
def a_run_that_stops_after_its_commit_is_known_as_committed(trial: Trial) -> str:
    """A new session learns its counts and watermark, so that it is not run again."""
    trial.load(_FIELDS, _OLD)
    execution_key = _stopped_run(trial, "commit")
    with trial.destination() as destination:
        outcome = destination.outcome(trial.pipeline_id, execution_key, trial.table)
    if not isinstance(outcome, Committed):
        raise CaseFailedError(f"the outcome of a committed run is {outcome}")
    trial.require_counts(outcome.run.counts, total_rows=3, inserts=1, updates=1, rejected=1, table_rows=3)
    require((outcome.run.execution_key, outcome.run.watermark), (execution_key, "0002"), "run and watermark")
    trial.require_rows(_FIELDS, _NEW)
    return f"watermark {outcome.run.watermark}"


@case
def a_run_that_never_was_is_not_committed(trial: Trial) -> str:
    """Also where there is no table yet."""
    with trial.destination() as destination:
        for _ in range(2):
            outcome = destination.outcome(trial.pipeline_id, "never", trial.table)
            require(type(outcome), NotCommitted, "outcome")
            trial.load(_FIELDS, _OLD)
    return "before the first run and after it"


def _rolls_back(trial: Trial, write_mode: str, old: Sequence[Row]) -> None:
    """A failure right before the commit ends leaves the table, its quarantine and the run record as they were."""
    key = () if write_mode == "append" else ("id",)
    if old:
        trial.load(_FIELDS, old, write_mode=write_mode, primary_key=key)
    execution_key = f"{trial.pipeline_id}-rolled-back"
    calls: list[str] = []

    def fail() -> None:
        calls.append("on_commit")
        raise _Stop

    with trial.destination() as destination:
        before = destination.last_commit(trial.pipeline_id, trial.table)
        plan = trial.plan(
            destination, _FIELDS, write_mode=write_mode, primary_key=key, run={"execution_key": execution_key}
        )
        staged = trial.stage(destination, plan, _FIELDS, _ROWS)
        destination.prepare(plan, staged)
        try:
            trial.commit(destination, plan, staged, on_commit=fail)
        except _Stop:
            destination.drop_stage(plan)
        require(calls, ["on_commit"], "calls of on_commit")
        require(destination.last_commit(trial.pipeline_id, trial.table), before, "last commit")
        outcome = destination.outcome(trial.pipeline_id, execution_key, trial.table)
        require(type(outcome), NotCommitted, "outcome")
        exists = destination.table_columns(trial.table) is not None
    if exists:
        trial.require_rows(_FIELDS, old)
    require(trial.rejected(), [], "quarantine")


@case
def a_commit_that_fails_leaves_everything_as_it_was(trial: Trial) -> str:
    """In every write mode."""
    modes = ("upsert", "append", "replace", "mirror")
    for part, write_mode in enumerate(modes):
        _rolls_back(trial.sibling(part), write_mode, _OLD)
    return ", ".join(modes)


@case
def a_first_commit_that_fails_can_be_retried(trial: Trial) -> str:
    """There is no table, or an empty one."""
    _rolls_back(trial, "upsert", [])
    _retry(trial, f"{trial.pipeline_id}-retried")
    trial.require_rows(_FIELDS, _ROWS[:2])
    return "rolled back, then 2 rows"


def _recorded_commits(trial: Trial, check: Callable[[list[str], bool], None]) -> str:
    """Check the statements of commits: of first and later runs in every write mode, with and without rows."""
    commits = 0
    for part, write_mode in enumerate(("upsert", "append", "replace", "mirror")):
        each = trial.sibling(part)
        key = () if write_mode == "append" else ("id",)
        for rows in ([*_OLD, (None, "x")], [*_ROWS, (3, "d")], []):
            with each.destination() as destination:
                plan = each.plan(destination, _FIELDS, write_mode=write_mode, primary_key=key)
                staged = (
                    each.stage(destination, plan, _FIELDS, rows)
                    if rows or write_mode in ("replace", "mirror")
                    else None
                )
                destination.prepare(plan, staged)
                destination.queries.drain()
                each.commit(destination, plan, staged)
                check([log.text for log in destination.queries.drain()], plan.target.existing is None)
                destination.drop_stage(plan)
            commits += 1
    return f"{commits} commits"


@case
def a_commit_runs_no_ddl(trial: Trial) -> str:
    """But where DDL is transactional, a first load's stage may be altered until it is the table."""

    def check(statements: list[str], first: bool) -> None:  # noqa: FBT001 (a callback)
        ddl = [text for text in statements if _DDL.match(text)]
        if first and trial.capabilities.transactional_ddl:
            ddl = [text for text in ddl if not text.lstrip().upper().startswith("ALTER")]
        require(ddl, [], "DDL in a commit")

    return _recorded_commits(trial, check)


@case
def a_commit_is_one_transaction(trial: Trial) -> str:
    """It begins with its first statement and ends with its last."""

    def check(statements: list[str], first: bool) -> None:  # noqa: FBT001 (a callback)
        del first
        if len(statements) == 1:
            return
        begins = [number for number, text in enumerate(statements) if _BEGIN.match(text)]
        ends = [number for number, text in enumerate(statements) if _COMMIT.match(text)]
        require((begins, ends), ([0], [len(statements) - 1]), f"places of BEGIN and COMMIT in {statements}")

    return _recorded_commits(trial, check)
