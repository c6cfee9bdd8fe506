"""Put runs that are no anomalies after all back into the baseline."""

from collections.abc import Sequence

import sqlalchemy as sa

from observe_dagster.config.models.check_names import anomaly_check_name
from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.declared.store import find_pipeline
from observe_dagster.ledger.schema.checks import anomaly_detection_result, anomaly_detection_rule, check_result
from observe_dagster.ledger.schema.executions import pipeline_execution


def unflag(db: sa.Connection, pipeline_id: str, execution_id: int, metric_fields: Sequence[str]) -> tuple[str, ...]:
    """Take these flags off a run and return those that it had; it is judged again.

    Raises NotFoundError for another pipeline's run, and for a run that has none of the flags.
    """
    number = find_pipeline(db, pipeline_id).id
    columns = pipeline_execution.c
    chosen = (columns.id == execution_id, columns.pipeline_id == number)
    found = db.execute(sa.select(columns.anomaly_flags).where(*chosen).with_for_update()).one_or_none()
    if found is None:
        raise NotFoundError(f"run of pipeline {pipeline_id}", str(execution_id))
    flags: dict[str, bool] = found.anomaly_flags or {}
    taken = tuple(metric for metric in dict.fromkeys(metric_fields) if flags.get(metric) is True)
    if not taken:
        raise NotFoundError(f"anomaly flag of run {execution_id}", ", ".join(metric_fields))
    kept = {**flags, **dict.fromkeys(taken, False)}
    db.execute(sa.update(pipeline_execution).where(*chosen).values(anomaly_flags=kept, anomaly_judged_at=None))
    rules = sa.select(anomaly_detection_rule.c.id).where(
        anomaly_detection_rule.c.pipeline_id == number, anomaly_detection_rule.c.metric_field.in_(taken)
    )
    result = anomaly_detection_result.c
    db.execute(
        sa.delete(anomaly_detection_result).where(
            result.pipeline_execution_id == execution_id, result.rule_id.in_(rules)
        )
    )
    verdict, names = check_result.c, [anomaly_check_name(metric) for metric in taken]
    of_run = (verdict.pipeline_execution_id == execution_id, verdict.check_name.in_(names))
    db.execute(sa.update(check_result).where(*of_run).values(flagged=False))
    return taken
