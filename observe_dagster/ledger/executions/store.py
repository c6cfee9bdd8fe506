"""Start and end executions: idempotent by key, the watermark tied to the execution that read it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.errors import LedgerConflictError, LedgerError, NotFoundError
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared.queries import pipeline_pk, settled_status
from observe_dagster.ledger.executions.lock import PipelineLock, pipeline_lock
from observe_dagster.ledger.executions.queries import COUNT_NAMES, ExecutionQueries, execution_by_key, to_row
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import (
    pipeline_execution,
    pipeline_execution_closure,
    query_log,
    schema_change,
)
from observe_dagster.records import Counts, QueryLog, RunStatus, RunType, SchemaChange


class ExecutionStore(ExecutionQueries):
    """Runs of pipelines: their lock, start, end, statements and schema changes."""

    def lock(self, pipeline_id: str) -> AbstractContextManager[PipelineLock]:
        """Try, without waiting, to be the only one who runs the pipeline on any machine; true when acquired."""
        return pipeline_lock(self.engine, pipeline_id)

    def start(
        self,
        *,
        pipeline_id: str,
        execution_key: str,
        run_type: RunType,
        logical_date: datetime,
        range_start: str | None,
        range_end: str | None,
        watermark: str | None,
        next_watermark: str | None,
        started_at: datetime,
        moves_watermark: bool,
        dagster_run_id: str | None = None,
        parent_execution_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ExecutionRow:
        """Record the start of a run; idempotent by key.

        A repeated start may come from another process at another time, but with the same pipeline, type, logical
        date, range, watermarks and parent: otherwise raises LedgerConflictError.
        """
        recorded = started_at.astimezone(UTC)
        with self._begin() as db:
            identity = {
                "type": run_type,
                "logical_date": logical_date,
                "range_start": range_start,
                "range_end": range_end,
                "watermark": watermark,
                "next_watermark": next_watermark,
                "moves_watermark": moves_watermark,
                "parent_id": None if parent_execution_key is None else execution_by_key(db, parent_execution_key).id,
            }
            pk = pipeline_pk(db, pipeline_id, lock=True)
            statement = insert(pipeline_execution).values(
                **identity,
                pipeline_pk=pk,
                execution_key=execution_key,
                status=RunStatus.RUNNING,
                start_date=recorded,
                date_recorded=recorded.date(),
                hour_recorded=recorded.hour,
                dagster_run_id=dagster_run_id,
                execution_metadata=None if metadata is None else dict(metadata),
            )
            statement = statement.on_conflict_do_nothing(index_elements=["execution_key"])
            inserted = db.execute(statement.returning(pipeline_execution.c.id)).scalar_one_or_none()
            execution = execution_by_key(db, execution_key)
            if inserted is not None:
                _record_ancestors(db, execution)
                values = {"status": "running", "next_watermark": next_watermark}
                db.execute(sa.update(pipeline).where(pipeline.c.id == pk).values(values))
            elif any(
                getattr(execution, name) != value for name, value in {**identity, "pipeline_id": pipeline_id}.items()
            ):
                raise LedgerConflictError(f"Execution {execution_key!r} was already started with other facts.")
            return execution

    def mark_retrying(self, execution_key: str, *, error: str, attempt: int) -> ExecutionRow:
        """Record an error after which attempt number `attempt` follows."""
        with self._begin() as db:
            execution = _lock_open(db, execution_key)
            retry_errors = [*execution.retry_errors, storable(error)]
            return _update(db, execution, status=RunStatus.RETRYING, retry_errors=retry_errors, attempts=attempt)

    def mark_running(self, execution_key: str) -> ExecutionRow:
        """Record that a queued or retrying execution runs."""
        with self._begin() as db:
            return _update(db, _lock_open(db, execution_key), status=RunStatus.RUNNING)

    def succeed(
        self,
        execution_key: str,
        *,
        ended_at: datetime,
        counts: Counts,
        watermark: str | None,
        range_end: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        clear_fault: bool = False,
        force_watermark: bool = False,
        overrule_failure: bool = False,
    ) -> ExecutionRow:
        """End a run as succeeded and advance the pipeline's watermark if it is where this run started from.

        `watermark` is the committed one, `range_end` where the range was drawn back to. `force_watermark` advances
        from anywhere, for the destination is the truth. `overrule_failure` lets a run that was closed by somebody
        else succeed after all. Idempotent; a repetition with other values raises LedgerConflictError.
        """
        with self._begin() as db:
            execution = _lock(db, execution_key)
            if execution.status is RunStatus.SUCCESS:
                same = (execution.counts, execution.reached_watermark) == (counts, watermark)
                if not same or not (overrule_failure or execution.end_date == ended_at):
                    _conflict(execution)
                return execution
            if not execution.is_open and not overrule_failure:
                _conflict(execution)
            duration = _duration(execution, ended_at)
            ended = _update(
                db,
                execution,
                status=RunStatus.SUCCESS,
                completed_successfully=True,
                errors=[],
                end_date=ended_at,
                duration_seconds=duration,
                throughput=counts.total_rows / duration,
                reached_watermark=watermark,
                range_end=execution.range_end if range_end is None else range_end,
                execution_metadata={**(execution.execution_metadata or {}), **(metadata or {})} or None,
                **{name: getattr(counts, name) for name in COUNT_NAMES},
            )
            if ended.moves_watermark and watermark is not None:
                from_here = pipeline.c.watermark.is_not_distinct_from(ended.watermark)
                _change_pipeline(db, ended, sa.true() if force_watermark else from_here, watermark=watermark)
            changes = {**load_times(counts, ended_at), **({"errors": []} if clear_fault else {})}
            if changes:
                _change_pipeline(db, ended, **changes)
            _change_pipeline(db, ended, status=settled_status())
            return ended

    def fail(
        self, execution_key: str, *, ended_at: datetime, errors: Sequence[str], status: RunStatus = RunStatus.FAILED
    ) -> ExecutionRow:
        """End a run as failed or stopped; the watermark stays. Idempotent, as `succeed` is."""
        if status not in (RunStatus.FAILED, RunStatus.STOPPED):
            raise ValueError(f"a run fails as failed or stopped, not {status}")
        kept = tuple(storable(error) for error in errors)
        with self._begin() as db:
            execution = _lock(db, execution_key)
            if not execution.is_open:
                if (execution.status, execution.end_date, execution.errors) != (status, ended_at, kept):
                    _conflict(execution)
                return execution
            ended = _update(
                db,
                execution,
                status=status,
                completed_successfully=False,
                errors=list(kept),
                end_date=ended_at,
                duration_seconds=_duration(execution, ended_at),
            )
            _change_pipeline(db, ended, status=settled_status())
            return ended

    def record_queries(self, execution_id: int, queries: Sequence[QueryLog]) -> None:
        """Record the statements that an execution sent; idempotent by connection and query id."""
        rows = [
            {
                "pipeline_execution_id": execution_id,
                "connection_id": query.connection_id,
                "query_id": query.query_id,
                "query_text": storable(query.text),
                "user_name": query.user,
                "started_at": query.started_at,
                "ended_at": query.ended_at,
                "returned_rows": query.rows,
            }
            for query in queries
        ]
        self._insert_new(query_log, rows)

    def record_schema_changes(self, execution_id: int, changes: Sequence[SchemaChange]) -> None:
        """Record the schema changes that an execution met; idempotent by column and change."""
        rows = [
            {
                "pipeline_execution_id": execution_id,
                "column_name": change.column,
                "change": change.change,
                "old_type": change.old_type,
                "new_type": change.new_type,
                "action": change.action,
            }
            for change in changes
        ]
        self._insert_new(schema_change, rows)

    def _insert_new(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._begin() as db:
                db.execute(insert(table).on_conflict_do_nothing(), rows)


def load_times(counts: Counts, at: datetime) -> dict[str, Any]:
    """The columns of a pipeline that say when its table was last changed, after a run that succeeded at `at`."""
    specified = counts.inserts + counts.updates + counts.unchanged + counts.soft_deletes + counts.rejected
    loaded = {
        # A run that counts only the rows it read has loaded them.
        "last_target_insert": counts.inserts or (0 if specified else counts.total_rows),
        "last_target_update": counts.updates,
        "last_target_soft_delete": counts.soft_deletes,
    }
    return {name: sa.func.greatest(pipeline.c[name], at) for name, rows in loaded.items() if rows}


def _lock(db: sa.Connection, execution_key: str) -> ExecutionRow:
    """Lock the pipeline before the execution is read: everybody in the same order, so that no deadlock arises."""
    of_key = pipeline_execution.c.execution_key == execution_key
    statement = sa.select(pipeline.c.pipeline_id).join(pipeline_execution).where(of_key)
    pipeline_id = db.execute(statement).scalar_one_or_none()
    if pipeline_id is None:
        raise NotFoundError("execution", execution_key)
    pipeline_pk(db, pipeline_id, lock=True)
    return execution_by_key(db, execution_key)


def _lock_open(db: sa.Connection, execution_key: str) -> ExecutionRow:
    execution = _lock(db, execution_key)
    if not execution.is_open:
        _conflict(execution)
    return execution


def _record_ancestors(db: sa.Connection, execution: ExecutionRow) -> None:
    closure = pipeline_execution_closure
    columns = ["parent_execution_id", "child_execution_id", "depth"]
    itself = sa.select(sa.literal(execution.id), sa.literal(execution.id), sa.literal(0))
    above = sa.select(closure.c.parent_execution_id, sa.literal(execution.id), closure.c.depth + 1)
    above = above.where(closure.c.child_execution_id == execution.parent_id)
    ancestors = itself if execution.parent_id is None else sa.union_all(itself, above)
    db.execute(sa.insert(closure).from_select(columns, ancestors))


def _update(db: sa.Connection, execution: ExecutionRow, **values: Any) -> ExecutionRow:
    statement = sa.update(pipeline_execution).where(pipeline_execution.c.id == execution.id).values(**values)
    pipeline_id = sa.literal(execution.pipeline_id).label("pipeline_id")
    return to_row(db.execute(statement.returning(pipeline_execution, pipeline_id)).mappings().one())


def _change_pipeline(db: sa.Connection, execution: ExecutionRow, *where: sa.ColumnElement[bool], **values: Any) -> None:
    of_execution = pipeline.c.pipeline_id == execution.pipeline_id
    db.execute(sa.update(pipeline).where(of_execution, *where).values(**values))


def _duration(execution: ExecutionRow, ended_at: datetime) -> float:
    if ended_at <= execution.start_date:
        raise LedgerError(
            f"Execution {execution.execution_key!r} cannot end at {ended_at.isoformat()}: "
            f"it started at {execution.start_date.isoformat()}."
        )
    return (ended_at - execution.start_date).total_seconds()


def _conflict(execution: ExecutionRow) -> NoReturn:
    raise LedgerConflictError(
        f"Execution {execution.execution_key!r} already ended as {execution.status} with other facts; "
        "nothing was changed."
    )
