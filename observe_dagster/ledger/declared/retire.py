"""Lay to rest how checks stand whose rule or pipeline is no longer declared."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.config.models.check_names import anomaly_check_name
from observe_dagster.ledger.schema.checks import anomaly_detection_rule, check_status
from observe_dagster.ledger.schema.declared import pipeline


def retire_anomaly_checks(db: sa.Connection, slugs: Collection[str], *, now: datetime) -> None:
    """Let the anomaly checks of these pipelines that have no active rule say that they are skipped."""
    chosen = pipeline.c.slug == sa.any_(sa.bindparam(None, list(slugs), type_=sa.ARRAY(sa.Text)))
    rule, standing = anomaly_detection_rule.c, check_status.c
    watched = sa.select(pipeline.c.id, rule.metric_field).join_from(anomaly_detection_rule, pipeline)
    rows = db.execute(watched.where(chosen, pipeline.c.active, rule.active))
    kept = {(row.id, anomaly_check_name(row.metric_field)) for row in rows}
    judged = sa.select(standing.asset, standing.check_name, standing.pipeline_id).join_from(check_status, pipeline)
    found = db.execute(judged.where(chosen, standing.kind == "anomaly", standing.status != "skipped"))
    gone = [
        {"key_asset": row.asset, "key_name": row.check_name}
        for row in found
        if (row.pipeline_id, row.check_name) not in kept
    ]
    if gone:
        key = (standing.asset == sa.bindparam("key_asset"), standing.check_name == sa.bindparam("key_name"))
        rests = {"status": "skipped", "reason": "The rule is no longer declared or active.", "since": now}
        db.execute(sa.update(check_status).where(*key).values(**rests), gone)
