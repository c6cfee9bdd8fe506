"""Declared connections, data models and pipelines: bring them in step with the project, look them up, fault, pause."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.config.project import Project
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared.queries import not_found, select_pipelines, settled_status
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow, SynchroniseReport
from observe_dagster.ledger.declared.synchronise import compare, declared_kinds, report, write
from observe_dagster.ledger.schema.declared import connection, data_model, pipeline
from observe_dagster.ledger.session import LedgerSession


class DeclaredStore(LedgerSession):
    """Declared connections, data models and pipelines, and their state."""

    def synchronise(self, project: Project, *, now: datetime) -> SynchroniseReport:
        """Bring the ledger in step with the project; writes nothing, and waits for nobody, when nothing differs."""
        kinds = declared_kinds(project)
        with self._begin() as db:
            differences = compare(db, kinds)
        if not all(difference.is_empty for difference in differences):
            with self._begin() as db:
                differences = write(db, kinds, now=now)
        return report(kinds, differences)

    def pipeline(self, pipeline_id: str) -> PipelineRow:
        """The pipeline of that id, active or not; raises NotFoundError."""
        with self._begin() as db:
            rows = select_pipelines(db, pipeline.c.pipeline_id == pipeline_id)
            if not rows:
                raise not_found(db, "pipeline", pipeline.c.pipeline_id, pipeline_id)
            return rows[0]

    def pipelines(self, *, watched: bool = False) -> list[PipelineRow]:
        """Every active pipeline, by id; with `watched` also the watched assets."""
        with self._begin() as db:
            return select_pipelines(db, pipeline.c.active, sa.true() if watched else pipeline.c.managed)

    def connection(self, connection_id: str) -> ConnectionRow:
        """The connection of that id; raises NotFoundError."""
        return ConnectionRow(**self._get(connection, "connection", connection_id))

    def connections(self) -> list[ConnectionRow]:
        """Every active connection, by id."""
        return [ConnectionRow(**values) for values in self._active(connection)]

    def data_model(self, data_model_id: str) -> DataModelRow:
        """The data model of that id; raises NotFoundError."""
        return DataModelRow(**self._get(data_model, "data model", data_model_id))

    def data_models(self) -> list[DataModelRow]:
        """Every active data model, by id."""
        return [DataModelRow(**values) for values in self._active(data_model)]

    def fault_pipeline(self, pipeline_id: str, errors: Sequence[str]) -> None:
        """Mark a pipeline faulted with at least one error."""
        self._change_pipeline(pipeline_id, {"errors": _some(errors), "status": "faulted"})

    def clear_pipeline_fault(self, pipeline_id: str) -> None:
        """Clear a pipeline's fault."""
        self._change_pipeline(pipeline_id, {"errors": []}, {"status": settled_status()})

    def pause(self, pipeline_id: str) -> None:
        """Pause a pipeline until it is resumed, whatever is declared; a running execution goes on."""
        paused = {"paused_by_user": True, "updated_at": sa.func.now()}
        self._change_pipeline(pipeline_id, paused, {"status": settled_status()})

    def resume(self, pipeline_id: str) -> None:
        """Undo a pause; a pipeline declared as paused stays paused."""
        paused = {"paused_by_user": False, "updated_at": sa.func.now()}
        self._change_pipeline(pipeline_id, paused, {"status": settled_status()})

    def set_watermark(self, pipeline_id: str, watermark: str | None) -> None:
        """Set a pipeline's watermark to the destination's."""
        self._change_pipeline(pipeline_id, {"watermark": watermark})

    def fault_connection(self, connection_id: str, errors: Sequence[str]) -> None:
        """Mark a connection faulted with at least one error."""
        self._set_status(connection, "connection", connection_id, "faulted", _some(errors))

    def clear_connection_fault(self, connection_id: str) -> None:
        """Mark a connection healthy."""
        self._set_status(connection, "connection", connection_id, "healthy", [])

    def invalidate_data_model(self, data_model_id: str, errors: Sequence[str]) -> None:
        """Mark a data model invalid with at least one error."""
        self._set_status(data_model, "data model", data_model_id, "invalid", _some(errors))

    def validate_data_model(self, data_model_id: str) -> None:
        """Mark a data model valid."""
        self._set_status(data_model, "data model", data_model_id, "valid", [])

    def _get(self, table: sa.Table, kind: str, key: str) -> dict[str, Any]:
        with self._begin() as db:
            row = db.execute(sa.select(table).where(table.c.id == key)).mappings().one_or_none()
            if row is None:
                raise not_found(db, kind, table.c.id, key)
            return _values(row)

    def _active(self, table: sa.Table) -> list[dict[str, Any]]:
        with self._begin() as db:
            statement = sa.select(table).where(table.c.active).order_by(table.c.id)
            return [_values(row) for row in db.execute(statement).mappings()]

    def _set_status(self, table: sa.Table, kind: str, key: str, status: str, errors: list[str]) -> None:
        with self._begin() as db:
            _update(db, table.c.id, kind, key, {"status": status, "errors": errors})

    def _change_pipeline(self, pipeline_id: str, *changes: dict[str, Any]) -> None:
        with self._begin() as db:
            for values in changes:  # in turn, for the status follows from what was written before
                _update(db, pipeline.c.pipeline_id, "pipeline", pipeline_id, values)


def _update(db: sa.Connection, column: sa.Column[str], kind: str, key: str, values: dict[str, Any]) -> None:
    if db.execute(sa.update(column.table).where(column == key).values(values)).rowcount == 0:
        raise not_found(db, kind, column, key)


def _values(row: sa.RowMapping) -> dict[str, Any]:
    return {
        **{name: value for name, value in row.items() if name != "content_hash"},
        "errors": tuple(row["errors"]),
    }


def _some(errors: Sequence[str]) -> list[str]:
    if not errors:
        raise ValueError("a fault needs at least one error")
    return [storable(error) for error in errors]
