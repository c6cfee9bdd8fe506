"""The anomaly rules of a pipeline."""

from collections.abc import Collection

import sqlalchemy as sa

from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from observe_dagster.ledger.schema.checks import anomaly_detection_rule
from observe_dagster.ledger.schema.declared import pipeline


def rules_of(db: sa.Connection, pipeline_ids: Collection[str]) -> dict[str, tuple[AnomalyDetectionRule, ...]]:
    """The anomaly rules that pipelines and observed assets have or had, by their ids; those they had are inactive."""
    columns = [anomaly_detection_rule.c[name] for name in AnomalyDetectionRule.model_fields]
    wanted = sa.bindparam(None, list(pipeline_ids), type_=sa.ARRAY(sa.Text))
    statement = sa.select(pipeline.c.slug, *columns).join_from(anomaly_detection_rule, pipeline)
    found: dict[str, list[AnomalyDetectionRule]] = {}
    for row in db.execute(statement.where(pipeline.c.slug == sa.any_(wanted)).order_by(columns[0])).mappings():
        said = {name: row[name] for name in AnomalyDetectionRule.model_fields}
        found.setdefault(row["slug"], []).append(AnomalyDetectionRule(**said))
    return {slug: tuple(rules) for slug, rules in found.items()}
