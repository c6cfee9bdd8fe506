"""Look executions up and list them."""

from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.declared.store import not_found
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, pipeline_execution_closure
from observe_dagster.records import Counts, RunStatus, RunType

_EXECUTIONS = sa.select(pipeline_execution, pipeline.c.slug).join(pipeline)
_COUNT_NAMES = tuple(each.name for each in fields(Counts))
_LISTS = ("errors", "retry_errors")
_CONVERTED = ("pipeline_id", "type", "status", "counts", *_LISTS)
_PLAIN = tuple(each.name for each in fields(ExecutionRow) if each.name not in _CONVERTED)


def to_row(found: sa.RowMapping) -> ExecutionRow:
    """Make an ExecutionRow of the table's columns and the pipeline's `slug`."""
    counts = None
    if found["total_rows"] is not None:
        counts = Counts(**{name: found[name] for name in _COUNT_NAMES})
    return ExecutionRow(
        pipeline_id=found["slug"],
        type=RunType(found["type"]),
        status=RunStatus(found["status"]),
        counts=counts,
        **{name: tuple(found[name]) for name in _LISTS},
        **{name: found[name] for name in _PLAIN},
    )


def execution(db: sa.Connection, execution_id: int) -> ExecutionRow:
    """The execution of that number; raises NotFoundError."""
    row = db.execute(_EXECUTIONS.where(pipeline_execution.c.id == execution_id)).mappings().one_or_none()
    if row is None:
        raise NotFoundError("run", str(execution_id))
    return to_row(row)


def execution_by_key(db: sa.Connection, execution_key: str) -> ExecutionRow:
    """The execution that was started with that key; raises NotFoundError."""
    row = db.execute(_EXECUTIONS.where(pipeline_execution.c.execution_key == execution_key)).mappings().one_or_none()
    if row is None:
        raise NotFoundError("execution", execution_key)
    return to_row(row)


def open_executions(db: sa.Connection, pipeline_id: str | None) -> list[ExecutionRow]:
    """Executions that have not ended, oldest first."""
    statement = _EXECUTIONS.where(pipeline_execution.c.end_date.is_(None)).order_by(pipeline_execution.c.id)
    if pipeline_id is not None:
        statement = statement.where(pipeline.c.slug == pipeline_id)
    return [to_row(row) for row in db.execute(statement).mappings()]


def child_executions(db: sa.Connection, execution_id: int, max_depth: int | None) -> list[ExecutionRow]:
    """The descendants of an execution down to `max_depth`, by number."""
    closure = pipeline_execution_closure
    statement = _EXECUTIONS.join(closure, closure.c.child_execution_id == pipeline_execution.c.id)
    statement = statement.where(closure.c.parent_execution_id == execution_id, closure.c.depth > 0)
    if max_depth is not None:
        statement = statement.where(closure.c.depth <= max_depth)
    return [to_row(row) for row in db.execute(statement.order_by(pipeline_execution.c.id)).mappings()]


def executions(
    db: sa.Connection,
    pipeline_id: str,
    *,
    page: int,
    page_size: int,
    start_date: datetime | None,
    end_date: datetime | None,
) -> Page[ExecutionRow]:
    """One page of a pipeline's executions by number, with logical dates from `start_date` to `end_date`, both in."""
    if page < 1 or page_size < 1:
        raise ValueError("page and page_size count from 1")
    chosen = [pipeline_execution.c.pipeline_id == _pipeline_number(db, pipeline_id)]
    if start_date is not None:
        chosen.append(pipeline_execution.c.logical_date >= start_date)
    if end_date is not None:
        chosen.append(pipeline_execution.c.logical_date <= end_date)
    total = db.execute(sa.select(sa.func.count()).select_from(pipeline_execution).where(*chosen)).scalar_one()
    listed = _EXECUTIONS.where(*chosen).order_by(pipeline_execution.c.id)
    rows = db.execute(listed.limit(page_size).offset((page - 1) * page_size)).mappings()
    items = tuple(to_row(row) for row in rows)
    return Page(items=items, current_page=page, page_size=page_size, total_items=total)


def latest_execution(db: sa.Connection, pipeline_id: str) -> ExecutionRow | None:
    """The execution with the latest logical date, None before the first."""
    columns = pipeline_execution.c
    statement = _EXECUTIONS.where(columns.pipeline_id == _pipeline_number(db, pipeline_id))
    row = (
        db.execute(statement.order_by(columns.logical_date.desc(), columns.id.desc()).limit(1)).mappings().one_or_none()
    )
    return None if row is None else to_row(row)


def latest_executions(db: sa.Connection) -> dict[str, ExecutionRow]:
    """The execution that started last, of each pipeline that has one, by the pipeline's id."""
    columns = pipeline_execution.c
    last = sa.select(columns.id).where(columns.pipeline_id == pipeline.c.id).order_by(columns.start_date.desc())
    of_each = sa.select(last.limit(1).scalar_subquery()).where(pipeline.c.active)
    rows = db.execute(_EXECUTIONS.where(columns.id.in_(of_each))).mappings()
    return {row["slug"]: to_row(row) for row in rows}


def latest_successful_execution_id(db: sa.Connection, pipeline_id: str) -> int | None:
    """The number of the execution that ended well last, None before the first."""
    columns = pipeline_execution.c
    chosen = (columns.pipeline_id == _pipeline_number(db, pipeline_id), columns.completed_successfully)
    statement = sa.select(columns.id).where(*chosen).order_by(columns.end_date.desc(), columns.id.desc()).limit(1)
    return db.execute(statement).scalar_one_or_none()


def remote_runs(db: sa.Connection, pipeline_id: str, field: str) -> dict[int, datetime]:
    """The numbers that a pipeline's executions have elsewhere, by their metadata `field`, with their logical dates."""
    columns = pipeline_execution.c
    number = sa.cast(columns.execution_metadata[field].astext, sa.BigInteger)
    chosen = (columns.pipeline_id == _pipeline_number(db, pipeline_id), columns.execution_metadata.has_key(field))
    statement = sa.select(number, columns.logical_date).where(*chosen)
    return {row[0]: row[1] for row in db.execute(statement)}


def _pipeline_number(db: sa.Connection, pipeline_id: str) -> int:
    number = db.execute(sa.select(pipeline.c.id).where(pipeline.c.slug == pipeline_id)).scalar_one_or_none()
    if number is None:
        raise not_found(db, "pipeline", pipeline.c.slug, pipeline_id)
    return number
