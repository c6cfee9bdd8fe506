"""Start and end executions: idempotent by key, the watermark tied to the execution that read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.errors import LedgerConflictError, LedgerError, NotFoundError
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared.store import not_found, settled_status
from observe_dagster.ledger.executions.queries import execution_by_key, to_row
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, pipeline_execution_closure
from observe_dagster.records import Counts, RunStatus, RunType

_COUNT_NAMES = tuple(each.name for each in fields(Counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What identifies a run: starting one key twice must say the same."""

    pipeline_id: str
    type: RunType
    logical_date: datetime
    range_start: str | None
    range_end: str | None
    watermark: str | None
    next_watermark: str | None
    moves_watermark: bool
    parent_id: int | None


def start(
    db: sa.Connection,
    facts: Start,
    *,
    execution_key: str,
    started_at: datetime,
    dagster_run_id: str | None,
    metadata: Mapping[str, Any] | None,
) -> ExecutionRow:
    """Record the start of a run, or find it when the key was started before with the same facts."""
    pipeline_number = _lock_pipeline(db, facts.pipeline_id)
    recorded = started_at.astimezone(UTC)
    values = {name: getattr(facts, name) for name in Start.__slots__ if name != "pipeline_id"}
    statement = insert(pipeline_execution).values(
        **values,
        pipeline_id=pipeline_number,
        execution_key=execution_key,
        status=RunStatus.RUNNING,
        start_date=recorded,
        date_recorded=recorded.date(),
        hour_recorded=recorded.hour,
        dagster_run_id=dagster_run_id,
        execution_metadata=None if metadata is None else dict(metadata),
    )
    statement = statement.on_conflict_do_nothing(index_elements=["execution_key"])
    number = db.execute(statement.returning(pipeline_execution.c.id)).scalar_one_or_none()
    found = execution_by_key(db, execution_key)
    if number is None:
        if any(getattr(found, name) != getattr(facts, name) for name in Start.__slots__):
            raise LedgerConflictError(f"Execution {execution_key!r} was already started with other facts.")
        return found
    _record_ancestors(db, number, facts.parent_id)
    db.execute(
        sa.update(pipeline)
        .where(pipeline.c.id == pipeline_number)
        .values(status="running", next_watermark=facts.next_watermark)
    )
    return found


def set_open_status(db: sa.Connection, execution_key: str, status: RunStatus) -> ExecutionRow:
    """Change the status of an execution that has not ended."""
    found = _lock(db, execution_key)
    if not found.is_open:
        _conflict(found)
    return _update(db, found, status=status)


def mark_retrying(db: sa.Connection, execution_key: str, *, error: str, attempt: int) -> ExecutionRow:
    """Note that attempt number `attempt` is about to follow an error."""
    found = _lock(db, execution_key)
    if not found.is_open:
        _conflict(found)
    retry_errors = [*found.retry_errors, storable(error)]
    return _update(db, found, status=RunStatus.RETRYING, retry_errors=retry_errors, attempts=attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """How a run ended well: `watermark` is what it committed, `range_end` where its range was drawn back to."""

    ended_at: datetime
    counts: Counts
    watermark: str | None
    range_end: str | None = None
    metadata: Mapping[str, Any] | None = None
    clear_fault: bool = False
    force_watermark: bool = False
    overrule_failure: bool = False


def succeed(db: sa.Connection, execution_key: str, success: Success) -> ExecutionRow:
    """End a run well: its row, the pipeline's watermark, times and status, all or nothing."""
    found = _lock(db, execution_key)
    if found.status is RunStatus.SUCCESS:
        told_again = (found.counts, found.reached_watermark) == (success.counts, success.watermark)
        if not told_again or not (success.overrule_failure or found.end_date == success.ended_at):
            _conflict(found)
        return found
    if not found.is_open and not success.overrule_failure:
        _conflict(found)
    duration = _duration(found, success.ended_at)
    ended = _update(
        db,
        found,
        status=RunStatus.SUCCESS,
        completed_successfully=True,
        errors=[],
        end_date=success.ended_at,
        duration_seconds=duration,
        throughput=success.counts.total_rows / duration,
        reached_watermark=success.watermark,
        range_end=found.range_end if success.range_end is None else success.range_end,
        execution_metadata={**(found.execution_metadata or {}), **(success.metadata or {})} or None,
        **{name: getattr(success.counts, name) for name in _COUNT_NAMES},
    )
    _advance_watermark(db, ended, force=success.force_watermark)
    changes: dict[str, Any] = loads(success.counts, success.ended_at)
    if success.clear_fault:
        changes["errors"] = []
    if changes:
        _change_pipeline(db, found, **changes)
    _change_pipeline(db, found, status=settled_status())
    return ended


def fail(
    db: sa.Connection, execution_key: str, *, ended_at: datetime, errors: Sequence[str], status: RunStatus
) -> ExecutionRow:
    """End a run badly; the watermark stays."""
    if status not in (RunStatus.FAILED, RunStatus.STOPPED):
        raise ValueError(f"a run fails as failed or stopped, not {status}")
    found = _lock(db, execution_key)
    kept = tuple(storable(error) for error in errors)
    if not found.is_open:
        if (found.status, found.end_date, found.errors) != (status, ended_at, kept):
            _conflict(found)
        return found
    ended = _update(
        db,
        found,
        status=status,
        completed_successfully=False,
        errors=list(kept),
        end_date=ended_at,
        duration_seconds=_duration(found, ended_at),
    )
    _change_pipeline(db, found, status=settled_status())
    return ended


def parent_number(db: sa.Connection, execution_key: str) -> int:
    """The id of the execution with that key; raises NotFoundError."""
    return execution_by_key(db, execution_key).id


def _lock_pipeline(db: sa.Connection, pipeline_id: str) -> int:
    number = db.execute(
        sa.select(pipeline.c.id).where(pipeline.c.slug == pipeline_id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if number is None:
        raise not_found(db, "pipeline", pipeline.c.slug, pipeline_id)
    return number


def _lock(db: sa.Connection, execution_key: str) -> ExecutionRow:
    """Lock the pipeline, then the execution: everybody in the same order, so that nobody waits in a circle."""
    slug = db.execute(
        sa.select(pipeline.c.slug).join(pipeline_execution).where(pipeline_execution.c.execution_key == execution_key)
    ).scalar_one_or_none()
    if slug is None:
        raise NotFoundError("execution", execution_key)
    _lock_pipeline(db, slug)
    return execution_by_key(db, execution_key)


def _record_ancestors(db: sa.Connection, number: int, parent_id: int | None) -> None:
    closure = pipeline_execution_closure
    columns = ["parent_execution_id", "child_execution_id", "depth"]
    itself = sa.select(sa.literal(number), sa.literal(number), sa.literal(0))
    above = sa.select(closure.c.parent_execution_id, sa.literal(number), closure.c.depth + 1)
    above = above.where(closure.c.child_execution_id == parent_id)
    db.execute(sa.insert(closure).from_select(columns, itself if parent_id is None else sa.union_all(itself, above)))


def _update(db: sa.Connection, found: ExecutionRow, **values: Any) -> ExecutionRow:
    statement = sa.update(pipeline_execution).where(pipeline_execution.c.id == found.id).values(**values)
    row = (
        db.execute(statement.returning(pipeline_execution, sa.literal(found.pipeline_id).label("slug")))
        .mappings()
        .one()
    )
    return to_row(row)


def _change_pipeline(db: sa.Connection, execution: ExecutionRow, **values: Any) -> None:
    db.execute(sa.update(pipeline).where(pipeline.c.slug == execution.pipeline_id).values(**values))


def _advance_watermark(db: sa.Connection, execution: ExecutionRow, *, force: bool) -> None:
    if not execution.moves_watermark or execution.reached_watermark is None:
        return
    statement = sa.update(pipeline).where(pipeline.c.slug == execution.pipeline_id)
    if not force:
        statement = statement.where(pipeline.c.watermark.is_not_distinct_from(execution.watermark))
    db.execute(statement.values(watermark=execution.reached_watermark))


def loads(counts: Counts, at: datetime) -> dict[str, Any]:
    """What a run that ended well at `at` says about when its table was last changed."""
    told_apart = counts.inserts + counts.updates + counts.unchanged + counts.soft_deletes + counts.rejected
    loaded = {
        # A run that tells only how many rows it read has loaded them.
        "last_target_insert": counts.inserts or (0 if told_apart else counts.total_rows),
        "last_target_update": counts.updates,
        "last_target_soft_delete": counts.soft_deletes,
    }
    return {name: sa.func.greatest(pipeline.c[name], at) for name, rows in loaded.items() if rows}


def _duration(found: ExecutionRow, ended_at: datetime) -> float:
    if ended_at <= found.start_date:
        raise LedgerError(
            f"Execution {found.execution_key!r} cannot end at {ended_at.isoformat()}: "
            f"it started at {found.start_date.isoformat()}."
        )
    return (ended_at - found.start_date).total_seconds()


def _conflict(found: ExecutionRow) -> NoReturn:
    raise LedgerConflictError(
        f"Execution {found.execution_key!r} already ended as {found.status} with other facts; nothing was changed."
    )
