"""Reset pipelines to the state after their declaration."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.retention import delete_executions
from observe_dagster.ledger.schema.alerts import alert
from observe_dagster.ledger.schema.checks import check_result, check_status, freshness_pipeline_log
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution

_INITIAL = {
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
    """Delete the runs of pipelines and every check result and alert of them and of `assets`, keys joined by `/`.

    The pipelines count as declared `now`, without watermark, fault or pause.
    """
    pks = list(db.scalars(sa.select(pipeline.c.id).where(pipeline.c.pipeline_id.in_(list(pipeline_ids)))))
    keys = list(assets)
    db.execute(sa.delete(check_status).where(_concerns(check_status, "asset", keys, pks)))
    db.execute(sa.delete(check_result).where(_concerns(check_result, "asset", keys, pks)))
    db.execute(sa.delete(alert).where(_concerns(alert, "subject", keys, pks)))
    db.execute(sa.delete(freshness_pipeline_log).where(freshness_pipeline_log.c.pipeline_pk.in_(pks)))
    runs = sa.select(pipeline_execution.c.id).where(pipeline_execution.c.pipeline_pk.in_(pks))
    delete_executions(db, list(db.scalars(runs)))
    db.execute(sa.update(pipeline).where(pipeline.c.id.in_(pks)).values(created_at=now, **_INITIAL))


def _concerns(table: sa.Table, subject: str, keys: list[str], pks: list[int]) -> sa.ColumnElement[bool]:
    return sa.or_(table.c[subject].in_(keys), table.c.pipeline_pk.in_(pks))
