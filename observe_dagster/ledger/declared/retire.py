"""Skip the checks whose rule or pipeline is no longer declared."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.config.models.check_names import anomaly_check_name
from observe_dagster.ledger.database import among
from observe_dagster.ledger.schema.checks import anomaly_detection_rule, check_status
from observe_dagster.ledger.schema.declared import pipeline


def retire_anomaly_checks(db: sa.Connection, pipeline_ids: Collection[str], *, now: datetime) -> None:
    """Set the anomaly checks of these pipelines that have no active rule to skipped."""
    chosen = among(pipeline.c.pipeline_id, pipeline_ids)
    rule, current = anomaly_detection_rule.c, check_status.c
    active = sa.select(pipeline.c.id, rule.metric_field).join_from(anomaly_detection_rule, pipeline)
    rows = db.execute(active.where(chosen, pipeline.c.active, rule.active))
    kept = {(row.id, anomaly_check_name(row.metric_field)) for row in rows}
    judged = sa.select(current.asset, current.check_name, current.pipeline_pk).join_from(check_status, pipeline)
    rows = db.execute(judged.where(chosen, current.kind == "anomaly", current.status != "skipped"))
    gone = [
        {"key_asset": row.asset, "key_name": row.check_name}
        for row in rows
        if (row.pipeline_pk, row.check_name) not in kept
    ]
    if gone:
        key = (current.asset == sa.bindparam("key_asset"), current.check_name == sa.bindparam("key_name"))
        skipped = {"status": "skipped", "reason": "The rule is no longer declared or active.", "since": now}
        db.execute(sa.update(check_status).where(*key).values(**skipped), gone)
