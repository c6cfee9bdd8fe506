"""Look executions up and list them."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.declared.queries import pipeline_pk
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, pipeline_execution_closure
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.records import Counts, RunStatus, RunType

EXECUTIONS = sa.select(pipeline_execution, pipeline.c.pipeline_id).join(pipeline)
"""The columns of an execution, with its pipeline's id."""

COUNT_NAMES = tuple(each.name for each in fields(Counts))
_LISTS = ("errors", "retry_errors")
_CONVERTED = ("type", "status", "counts", *_LISTS)
_PLAIN = tuple(each.name for each in fields(ExecutionRow) if each.name not in _CONVERTED)


def select_executions(db: sa.Connection, statement: sa.Select[Any]) -> list[ExecutionRow]:
    """The executions of a statement that begins with `EXECUTIONS`."""
    return [to_row(row) for row in db.execute(statement).mappings()]


def to_row(row: sa.RowMapping) -> ExecutionRow:
    """Make an ExecutionRow of the table's columns and the pipeline's id."""
    counts = None
    if row["total_rows"] is not None:
        counts = Counts(**{name: row[name] for name in COUNT_NAMES})
    return ExecutionRow(
        type=RunType(row["type"]),
        status=RunStatus(row["status"]),
        counts=counts,
        **{name: tuple(row[name]) for name in _LISTS},
        **{name: row[name] for name in _PLAIN},
    )


def execution_by_key(db: sa.Connection, execution_key: str) -> ExecutionRow:
    """The execution that was started with that key; raises NotFoundError."""
    rows = select_executions(db, EXECUTIONS.where(pipeline_execution.c.execution_key == execution_key))
    if not rows:
        raise NotFoundError("execution", execution_key)
    return rows[0]


class ExecutionQueries(LedgerSession):
    """Executions, read only."""

    def get(self, execution_id: int) -> ExecutionRow:
        """The execution of that id; raises NotFoundError."""
        with self._begin() as db:
            rows = select_executions(db, EXECUTIONS.where(pipeline_execution.c.id == execution_id))
        if not rows:
            raise NotFoundError("run", str(execution_id))
        return rows[0]

    def by_key(self, execution_key: str) -> ExecutionRow:
        """The execution that was started with that key; raises NotFoundError."""
        with self._begin() as db:
            return execution_by_key(db, execution_key)

    def open(self, pipeline_id: str | None = None) -> list[ExecutionRow]:
        """Executions that have not ended, of one pipeline or all, oldest first."""
        statement = EXECUTIONS.where(pipeline_execution.c.end_date.is_(None)).order_by(pipeline_execution.c.id)
        if pipeline_id is not None:
            statement = statement.where(pipeline.c.pipeline_id == pipeline_id)
        with self._begin() as db:
            return select_executions(db, statement)

    def children(self, execution_id: int, *, max_depth: int | None = None) -> list[ExecutionRow]:
        """The descendants of an execution down to `max_depth`, by id."""
        closure = pipeline_execution_closure
        statement = EXECUTIONS.join(closure, closure.c.child_execution_id == pipeline_execution.c.id)
        statement = statement.where(closure.c.parent_execution_id == execution_id, closure.c.depth > 0)
        if max_depth is not None:
            statement = statement.where(closure.c.depth <= max_depth)
        with self._begin() as db:
            return select_executions(db, statement.order_by(pipeline_execution.c.id))

    def page(
        self,
        pipeline_id: str,
        *,
        page: int = 1,
        page_size: int = 50,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> Page[ExecutionRow]:
        """One page of a pipeline's executions by id, with logical dates from `start_date` to `end_date`, both in."""
        if page < 1 or page_size < 1:
            raise ValueError("page and page_size count from 1")
        columns = pipeline_execution.c
        with self._begin() as db:
            chosen = [columns.pipeline_pk == pipeline_pk(db, pipeline_id)]
            if start_date is not None:
                chosen.append(columns.logical_date >= start_date)
            if end_date is not None:
                chosen.append(columns.logical_date <= end_date)
            total = db.execute(sa.select(sa.func.count()).select_from(pipeline_execution).where(*chosen)).scalar_one()
            statement = EXECUTIONS.where(*chosen).order_by(columns.id)
            items = select_executions(db, statement.limit(page_size).offset((page - 1) * page_size))
        return Page(items=tuple(items), current_page=page, page_size=page_size, total_items=total)

    def latest(self, pipeline_id: str) -> ExecutionRow | None:
        """The execution with the latest logical date, None before the first."""
        columns = pipeline_execution.c
        with self._begin() as db:
            statement = EXECUTIONS.where(columns.pipeline_pk == pipeline_pk(db, pipeline_id))
            rows = select_executions(db, statement.order_by(columns.logical_date.desc(), columns.id.desc()).limit(1))
        return rows[0] if rows else None

    def latest_of_each(self) -> dict[str, ExecutionRow]:
        """The execution that started last, of each active pipeline and watched asset that has one, by pipeline id."""
        columns = pipeline_execution.c
        last = sa.select(columns.id).where(columns.pipeline_pk == pipeline.c.id).order_by(columns.start_date.desc())
        of_each = sa.select(last.limit(1).scalar_subquery()).where(pipeline.c.active)
        with self._begin() as db:
            return {row.pipeline_id: row for row in select_executions(db, EXECUTIONS.where(columns.id.in_(of_each)))}

    def latest_successful_id(self, pipeline_id: str) -> int | None:
        """The id of the execution that succeeded last, None before the first."""
        columns = pipeline_execution.c
        with self._begin() as db:
            chosen = (columns.pipeline_pk == pipeline_pk(db, pipeline_id), columns.completed_successfully)
            latest = sa.select(columns.id).where(*chosen).order_by(columns.end_date.desc(), columns.id.desc())
            return db.execute(latest.limit(1)).scalar_one_or_none()

    def remote_runs(self, pipeline_id: str, field: str) -> dict[int, datetime]:
        """The logical dates of a pipeline's executions elsewhere, by their run number in the metadata `field`."""
        columns = pipeline_execution.c
        number = sa.cast(columns.execution_metadata[field].astext, sa.BigInteger)
        with self._begin() as db:
            chosen = (columns.pipeline_pk == pipeline_pk(db, pipeline_id), columns.execution_metadata.has_key(field))
            return {row[0]: row[1] for row in db.execute(sa.select(number, columns.logical_date).where(*chosen))}
