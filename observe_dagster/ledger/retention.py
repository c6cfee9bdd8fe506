"""Delete old rows: by date, in foreign-key order, in batches that are each committed."""

from datetime import datetime

import sqlalchemy as sa

_OLD_EXECUTIONS = """
    SELECT e.id FROM observe.pipeline_execution e
    WHERE e.start_date <= :cutoff AND e.end_date IS NOT NULL
      AND NOT EXISTS (SELECT FROM observe.check_status s WHERE s.pipeline_execution_id = e.id)
"""
_OF_EXECUTIONS = {
    "timeliness_pipeline_execution_logs": "timeliness_pipeline_execution_log"
    " WHERE pipeline_execution_id = ANY(:executions)",
    "anomaly_detection_results": "anomaly_detection_result WHERE pipeline_execution_id = ANY(:executions)",
    "pipeline_execution_closure_parent": "pipeline_execution_closure WHERE parent_execution_id = ANY(:executions)",
    "pipeline_execution_closure_child": "pipeline_execution_closure WHERE child_execution_id = ANY(:executions)"
    " AND parent_execution_id <> ALL(:executions)",
    "query_logs": "query_log WHERE pipeline_execution_id = ANY(:executions)",
    "schema_changes": "schema_change WHERE pipeline_execution_id = ANY(:executions)",
    "check_results": "check_result WHERE pipeline_execution_id = ANY(:executions)",
}
_DETACH = (
    "UPDATE observe.publication SET pipeline_execution_id = NULL WHERE pipeline_execution_id = ANY(:executions)",
    """UPDATE observe.pipeline_execution SET parent_id = NULL
    WHERE parent_id = ANY(:executions) AND id <> ALL(:executions)""",
)
"""What refers to a deleted run and stays, for it is younger."""

_BY_THEIR_OWN_DATE = {
    "freshness_pipeline_logs": """freshness_pipeline_log l WHERE l.last_dml_timestamp <= :cutoff AND (
        l.recovered_at IS NOT NULL OR NOT (SELECT p.active FROM observe.pipeline p WHERE p.id = l.pipeline_pk))""",
    "check_results": "check_result l WHERE l.evaluated_at <= :cutoff",
    "check_statuses": "check_status l WHERE l.last_evaluated_at <= :cutoff",
    "publications": "publication l WHERE l.state = 'sent' AND l.sent_at <= :cutoff",
    "alerts": "alert l WHERE l.status = 'resolved' AND l.resolved_at <= :cutoff",
}
REPORTED = (
    "pipeline_executions",
    "timeliness_pipeline_execution_logs",
    "anomaly_detection_results",
    "pipeline_execution_closure_parent",
    "pipeline_execution_closure_child",
    "freshness_pipeline_logs",
    "check_results",
    "check_statuses",
    "query_logs",
    "schema_changes",
    "publications",
    "alerts",
)


def delete_old(engine: sa.Engine, cutoff: datetime, batch_size: int) -> dict[str, int]:
    """Delete what is not younger than `cutoff`; returns how many rows of each kind."""
    counts: dict[str, int] = {}
    for name, what in _BY_THEIR_OWN_DATE.items():
        table = what.partition(" ")[0]
        chosen = f"SELECT l.ctid FROM observe.{what} LIMIT :size"  # noqa: S608 (text of our own)
        statement = f"DELETE FROM observe.{table} WHERE ctid = ANY(ARRAY({chosen}))"  # noqa: S608 (text of our own)
        deleted = None
        while deleted is None or deleted == batch_size:
            with engine.begin() as db:
                deleted = db.execute(sa.text(statement), {"cutoff": cutoff, "size": batch_size}).rowcount
            counts[name] = counts.get(name, 0) + deleted
    old = f"{_OLD_EXECUTIONS} ORDER BY e.start_date, e.id LIMIT :size FOR UPDATE OF e SKIP LOCKED"
    execution_ids = None
    while execution_ids is None or len(execution_ids) == batch_size:
        with engine.begin() as db:
            execution_ids = list(db.execute(sa.text(old), {"cutoff": cutoff, "size": batch_size}).scalars())
            for name, deleted in delete_executions(db, execution_ids).items():
                counts[name] = counts.get(name, 0) + deleted
    return counts


def delete_executions(db: sa.Connection, execution_ids: list[int]) -> dict[str, int]:
    """Delete executions and all that refers to them; returns how many rows of each table."""
    if not execution_ids:
        return {}
    parameters = {"executions": execution_ids}
    counts = {
        name: db.execute(sa.text(f"DELETE FROM observe.{what}"), parameters).rowcount  # noqa: S608 (text of our own)
        for name, what in _OF_EXECUTIONS.items()
    }
    for statement in _DETACH:
        db.execute(sa.text(statement), parameters)
    gone = sa.text("DELETE FROM observe.pipeline_execution WHERE id = ANY(:executions)")
    return {**counts, "pipeline_executions": db.execute(gone, parameters).rowcount}


def count_old(engine: sa.Engine, cutoff: datetime) -> dict[str, int]:
    """Count what `delete_old` would delete."""
    counts: dict[str, int] = {}
    with engine.connect() as db:
        for name, what in _BY_THEIR_OWN_DATE.items():
            counts[name] = _one(db, f"SELECT count(*) FROM observe.{what}", cutoff)  # noqa: S608 (text of our own)
        old = f"WITH old AS ({_OLD_EXECUTIONS}) SELECT count(*) FROM "  # noqa: S608 (text of our own)
        counts["pipeline_executions"] = _one(db, f"{old} old", cutoff)
        for name, what in _OF_EXECUTIONS.items():
            condition = what.replace("<> ALL(:executions)", "NOT IN (SELECT id FROM old)")
            condition = condition.replace("= ANY(:executions)", "IN (SELECT id FROM old)")
            if name in _BY_THEIR_OWN_DATE:
                condition += " AND evaluated_at > :cutoff"
            counts[name] = counts.get(name, 0) + _one(db, f"{old} observe.{condition}", cutoff)
    return counts


def _one(db: sa.Connection, statement: str, cutoff: datetime) -> int:
    return db.execute(sa.text(statement), {"cutoff": cutoff}).scalar_one()
