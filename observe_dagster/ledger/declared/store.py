"""Find connections, data models and pipelines, and keep what is wrong with them or was decided about them."""

import difflib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow
from observe_dagster.ledger.schema.declared import connection, data_model, pipeline, pipeline_type
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.records import TableName

_PIPELINES = sa.select(pipeline, pipeline_type.c.name.label("pipeline_type_name")).select_from(
    pipeline.outerjoin(pipeline_type)
)
_PIPELINE_FIELDS = [name for name in PipelineRow.__slots__ if name not in ("pipeline_id", "destination", "errors")]


def resting_status() -> sa.ColumnElement[str]:
    """The status of a pipeline that is not running: faulted while it has errors, stopped while it is paused."""
    return sa.case(
        (sa.func.jsonb_array_length(pipeline.c.errors) > 0, "faulted"),
        (sa.or_(pipeline.c.paused_by_user, pipeline.c.state == "paused", sa.not_(pipeline.c.active)), "stopped"),
        else_="idle",
    )


def settled_status() -> sa.ColumnElement[str]:
    """The status of a pipeline by its executions: running while one is open, else resting."""
    is_open = sa.exists().where(
        pipeline_execution.c.pipeline_id == pipeline.c.id, pipeline_execution.c.end_date.is_(None)
    )
    return sa.case((is_open, "running"), else_=resting_status())


def find_pipeline(db: sa.Connection, pipeline_id: str) -> PipelineRow:
    """The pipeline of that id, declared now or once; raises NotFoundError."""
    row = db.execute(_PIPELINES.where(pipeline.c.slug == pipeline_id)).mappings().one_or_none()
    if row is None:
        raise not_found(db, "pipeline", pipeline.c.slug, pipeline_id)
    return _pipeline_row(row)


def all_pipelines(db: sa.Connection, *, observed: bool = False) -> list[PipelineRow]:
    """Every declared pipeline, by id; with `observed` also the assets that others make."""
    chosen = pipeline.c.active if observed else sa.and_(pipeline.c.active, pipeline.c.managed)
    rows = db.execute(_PIPELINES.where(chosen).order_by(pipeline.c.slug)).mappings()
    return [_pipeline_row(row) for row in rows]


def find_connection(db: sa.Connection, connection_id: str) -> ConnectionRow:
    """The connection of that id; raises NotFoundError."""
    row = db.execute(sa.select(connection).where(connection.c.id == connection_id)).mappings().one_or_none()
    if row is None:
        raise not_found(db, "connection", connection.c.id, connection_id)
    return _connection_row(row)


def all_connections(db: sa.Connection) -> list[ConnectionRow]:
    """Every declared connection, by id."""
    rows = db.execute(sa.select(connection).where(connection.c.active).order_by(connection.c.id)).mappings()
    return [_connection_row(row) for row in rows]


def find_data_model(db: sa.Connection, data_model_id: str) -> DataModelRow:
    """The data model of that id; raises NotFoundError."""
    row = db.execute(sa.select(data_model).where(data_model.c.id == data_model_id)).mappings().one_or_none()
    if row is None:
        raise not_found(db, "data model", data_model.c.id, data_model_id)
    return _data_model_row(row)


def all_data_models(db: sa.Connection) -> list[DataModelRow]:
    """Every declared data model, by id."""
    rows = db.execute(sa.select(data_model).where(data_model.c.active).order_by(data_model.c.id)).mappings()
    return [_data_model_row(row) for row in rows]


def set_pipeline_errors(db: sa.Connection, pipeline_id: str, errors: Sequence[str]) -> None:
    """Fault a pipeline, or clear its fault with no errors."""
    kept = [storable(error) for error in errors]
    _change_pipeline(db, pipeline_id, errors=kept)
    _change_pipeline(db, pipeline_id, status="faulted" if kept else settled_status())


def set_paused(db: sa.Connection, pipeline_id: str, *, paused: bool) -> None:
    """Pause or resume a pipeline whatever its files say; a running execution goes on."""
    _change_pipeline(db, pipeline_id, paused_by_user=paused, updated_at=sa.func.now())
    _change_pipeline(db, pipeline_id, status=settled_status())


def set_watermark(db: sa.Connection, pipeline_id: str, watermark: str | None) -> None:
    """Set the watermark to what the destination says."""
    _change_pipeline(db, pipeline_id, watermark=watermark)


def set_connection_errors(db: sa.Connection, connection_id: str, errors: Sequence[str]) -> None:
    """Fault a connection, or clear its fault with no errors."""
    values = {"errors": [storable(error) for error in errors], "status": "faulted" if errors else "healthy"}
    if db.execute(sa.update(connection).where(connection.c.id == connection_id).values(values)).rowcount == 0:
        raise not_found(db, "connection", connection.c.id, connection_id)


def set_data_model_errors(db: sa.Connection, data_model_id: str, errors: Sequence[str]) -> None:
    """Invalidate a data model, or validate it with no errors."""
    values = {"errors": [storable(error) for error in errors], "status": "invalid" if errors else "valid"}
    if db.execute(sa.update(data_model).where(data_model.c.id == data_model_id).values(values)).rowcount == 0:
        raise not_found(db, "data model", data_model.c.id, data_model_id)


def not_found(db: sa.Connection, kind: str, column: sa.Column[str], wanted: str) -> NotFoundError:
    """The error for a name that is not there, with the closest name that is."""
    names = db.execute(sa.select(column)).scalars().all()
    close = difflib.get_close_matches(wanted, names, n=1)
    return NotFoundError(kind, wanted, close[0] if close else None)


def _change_pipeline(db: sa.Connection, pipeline_id: str, **values: object) -> None:
    if db.execute(sa.update(pipeline).where(pipeline.c.slug == pipeline_id).values(**values)).rowcount == 0:
        raise not_found(db, "pipeline", pipeline.c.slug, pipeline_id)


def _pipeline_row(found: sa.RowMapping) -> PipelineRow:
    destination = TableName(schema=found["destination_schema"], table=found["destination_table"])
    return PipelineRow(
        pipeline_id=found["slug"],
        destination=destination if found["managed"] else None,
        errors=tuple(found["errors"]),
        **{name: found[name] for name in _PIPELINE_FIELDS},
    )


def _connection_row(row: sa.RowMapping) -> ConnectionRow:
    found: dict[str, Any] = {name: row[name] for name in ConnectionRow.__slots__}
    found["errors"] = tuple(found["errors"])
    return ConnectionRow(**found)


def _data_model_row(row: sa.RowMapping) -> DataModelRow:
    found: dict[str, Any] = {name: row[name] for name in DataModelRow.__slots__}
    found["errors"] = tuple(found["errors"])
    return DataModelRow(**found)
