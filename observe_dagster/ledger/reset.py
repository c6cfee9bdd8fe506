"""Forget everything that pipelines did, as if they had just been declared; what is declared stays."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.retention import delete_executions
from observe_dagster.ledger.schema.alerts import alert
from observe_dagster.ledger.schema.checks import check_result, check_status, freshness_pipeline_log
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.ledger.schema.outbox import publication

_NOTHING_HAPPENED = {
    "status": "idle",
    "errors": [],
    "paused_by_user": False,
    "watermark": None,
    "next_watermark": None,
    "last_target_insert": None,
    "last_target_update": None,
    "last_target_soft_delete": None,
    "updated_at": None,
}


def reset_pipelines(
    db: sa.Connection, pipeline_ids: Collection[str], assets: Collection[str], *, now: datetime
) -> None:
    """Delete the runs of pipelines and every verdict and alert about them and about `assets`, keys joined by `/`.

    The pipelines count as declared `now`, without watermark, fault or pause.
    """
    known = list(db.scalars(sa.select(pipeline.c.id).where(pipeline.c.slug.in_(list(pipeline_ids)))))
    about = list(assets)
    db.execute(sa.delete(check_status).where(_concerns(check_status, "asset", about, known)))
    db.execute(sa.delete(check_result).where(_concerns(check_result, "asset", about, known)))
    db.execute(sa.delete(alert).where(_concerns(alert, "subject", about, known)))
    db.execute(sa.delete(freshness_pipeline_log).where(freshness_pipeline_log.c.pipeline_id.in_(known)))
    runs = sa.select(pipeline_execution.c.id).where(pipeline_execution.c.pipeline_id.in_(known))
    delete_executions(db, list(db.scalars(runs)))
    db.execute(sa.update(pipeline).where(pipeline.c.id.in_(known)).values(created_at=now, **_NOTHING_HAPPENED))


def delete_publications(db: sa.Connection, ordering_keys: Collection[str]) -> None:
    """Delete what was told, or is to be told, about some things."""
    db.execute(sa.delete(publication).where(publication.c.ordering_key.in_(list(ordering_keys))))


def _concerns(table: sa.Table, subject: str, about: list[str], known: list[int]) -> sa.ColumnElement[bool]:
    return sa.or_(table.c[subject].in_(about), table.c.pipeline_id.in_(known))
