"""Look up declared things by id, and derive a pipeline's status."""

import difflib

import sqlalchemy as sa

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.declared.rows import PipelineRow
from observe_dagster.ledger.schema.declared import pipeline, pipeline_type
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.records import TableName

_PIPELINE_FIELDS = [name for name in PipelineRow.__slots__ if name not in ("destination", "errors")]


def settled_status() -> sa.ColumnElement[str]:
    """The status of a pipeline: running while an execution is open, else faulted with errors, stopped by a pause."""
    is_open = sa.exists().where(
        pipeline_execution.c.pipeline_pk == pipeline.c.id, pipeline_execution.c.end_date.is_(None)
    )
    return sa.case(
        (is_open, "running"),
        (sa.func.jsonb_array_length(pipeline.c.errors) > 0, "faulted"),
        (sa.or_(pipeline.c.paused_by_user, pipeline.c.state == "paused", sa.not_(pipeline.c.active)), "stopped"),
        else_="idle",
    )


def select_pipelines(db: sa.Connection, *where: sa.ColumnElement[bool]) -> list[PipelineRow]:
    """The pipelines for which all conditions hold, by id."""
    statement = sa.select(pipeline, pipeline_type.c.name.label("pipeline_type_name"))
    statement = statement.select_from(pipeline.outerjoin(pipeline_type)).where(*where)
    return [_pipeline_row(row) for row in db.execute(statement.order_by(pipeline.c.pipeline_id)).mappings()]


def pipeline_pk(db: sa.Connection, pipeline_id: str, *, kind: str = "pipeline", lock: bool = False) -> int:
    """The primary key of a pipeline or watched asset, its row locked with `lock`; raises NotFoundError."""
    statement = sa.select(pipeline.c.id).where(pipeline.c.pipeline_id == pipeline_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    pk = db.execute(statement).scalar_one_or_none()
    if pk is None:
        raise not_found(db, kind, pipeline.c.pipeline_id, pipeline_id)
    return pk


def not_found(db: sa.Connection, kind: str, column: sa.Column[str], requested: str) -> NotFoundError:
    """The error for an id that does not exist, with the closest one that does."""
    close = difflib.get_close_matches(requested, db.execute(sa.select(column)).scalars().all(), n=1)
    return NotFoundError(kind, requested, close[0] if close else None)


def _pipeline_row(row: sa.RowMapping) -> PipelineRow:
    destination = TableName(schema=row["destination_schema"], table=row["destination_table"])
    return PipelineRow(
        destination=destination if row["managed"] else None,
        errors=tuple(row["errors"]),
        **{name: row[name] for name in _PIPELINE_FIELDS},
    )
