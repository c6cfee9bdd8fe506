"""Delete what is older than people want to keep: by date, in foreign-key order, in batches that are each committed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.database import reporting

SHORTEST_RETENTION_DAYS = 90
DEFAULT_BATCH_SIZE = 10_000

_OLD_EXECUTIONS = """
    SELECT e.id FROM observe.pipeline_execution e
    WHERE e.start_date <= :cutoff AND e.end_date IS NOT NULL
      AND NOT EXISTS (SELECT FROM observe.check_standing s WHERE s.pipeline_execution_id = e.id)
"""
_OF_EXECUTIONS = {
    "timeliness_pipeline_execution_logs": "timeliness_pipeline_execution_log"
    " WHERE pipeline_execution_id = ANY(:numbers)",
    "anomaly_detection_results": "anomaly_detection_result WHERE pipeline_execution_id = ANY(:numbers)",
    "pipeline_execution_closure_parent": "pipeline_execution_closure WHERE parent_execution_id = ANY(:numbers)",
    "pipeline_execution_closure_child": "pipeline_execution_closure WHERE child_execution_id = ANY(:numbers)"
    " AND parent_execution_id <> ALL(:numbers)",
    "query_logs": "query_log WHERE pipeline_execution_id = ANY(:numbers)",
    "schema_changes": "schema_change WHERE pipeline_execution_id = ANY(:numbers)",
    "check_results": "check_result WHERE pipeline_execution_id = ANY(:numbers)",
}
_LET_GO = (
    "UPDATE observe.publication SET pipeline_execution_id = NULL WHERE pipeline_execution_id = ANY(:numbers)",
    "UPDATE observe.pipeline_execution SET parent_id = NULL WHERE parent_id = ANY(:numbers) AND id <> ALL(:numbers)",
)
"""What is younger than a run that goes, and stays."""

_BY_THEIR_OWN_DATE = {
    "freshness_pipeline_logs": """freshness_pipeline_log l WHERE l.last_dml_timestamp <= :cutoff AND (
        l.recovered_at IS NOT NULL OR NOT (SELECT p.active FROM observe.pipeline p WHERE p.id = l.pipeline_id))""",
    "check_results": "check_result l WHERE l.evaluated_at <= :cutoff",
    "check_standings": "check_standing l WHERE l.last_evaluated_at <= :cutoff",
    "publications": "publication l WHERE l.state = 'sent' AND l.sent_at <= :cutoff",
    "alerts": "alert l WHERE l.status = 'resolved' AND l.resolved_at <= :cutoff",
}
_REPORTED = (
    "pipeline_executions",
    "timeliness_pipeline_execution_logs",
    "anomaly_detection_results",
    "pipeline_execution_closure_parent",
    "pipeline_execution_closure_child",
    "freshness_pipeline_logs",
    "check_results",
    "check_standings",
    "query_logs",
    "schema_changes",
    "publications",
    "alerts",
)


def prune(engine: sa.Engine, *, now: datetime, retention_days: int, batch_size: int, dry_run: bool) -> dict[str, int]:
    """Delete what is older, or count it; answers the counts in the Watcher document's names, and ours beside them.

    Runs that go on stay, and so do those by whose verdict a check stands, pending publications, open alerts and late
    tables that have not recovered.
    """
    if retention_days < SHORTEST_RETENTION_DAYS:
        raise ValueError(f"retention_days is at least {SHORTEST_RETENTION_DAYS}, not {retention_days}")
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, not {batch_size}")
    cutoff = now - timedelta(days=retention_days)
    with reporting(engine):
        found = _count(engine, cutoff) if dry_run else _delete(engine, cutoff, batch_size)
    return {f"total_{name}_deleted": found.get(name, 0) for name in _REPORTED}


def _delete(engine: sa.Engine, cutoff: datetime, batch_size: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, what in _BY_THEIR_OWN_DATE.items():
        table = what.partition(" ")[0]
        chosen = f"SELECT l.ctid FROM observe.{what} LIMIT :size"  # noqa: S608 (text of our own)
        statement = f"DELETE FROM observe.{table} WHERE ctid = ANY(ARRAY({chosen}))"  # noqa: S608 (text of our own)
        deleted = None
        while deleted is None or deleted == batch_size:
            with engine.begin() as db:
                deleted = db.execute(sa.text(statement), {"cutoff": cutoff, "size": batch_size}).rowcount
            found[name] = found.get(name, 0) + deleted
    numbers = None
    while numbers is None or len(numbers) == batch_size:
        with engine.begin() as db:
            numbers = _old_executions(db, cutoff, batch_size)
            for name, deleted in delete_executions(db, numbers).items():
                found[name] = found.get(name, 0) + deleted
    return found


def _old_executions(db: sa.Connection, cutoff: datetime, batch_size: int) -> list[int]:
    ordered = f"{_OLD_EXECUTIONS} ORDER BY e.start_date, e.id LIMIT :size FOR UPDATE OF e SKIP LOCKED"
    return list(db.execute(sa.text(ordered), {"cutoff": cutoff, "size": batch_size}).scalars())


def delete_executions(db: sa.Connection, numbers: list[int]) -> dict[str, int]:
    """Delete runs by their numbers with all that refers to them; answers how many rows of what."""
    """Delete executions and all that refers to them; returns how many rows of each table."""
    if not numbers:
        return {}
    given: Mapping[str, Any] = {"numbers": numbers}
    found = {
        name: db.execute(sa.text(f"DELETE FROM observe.{what}"), given).rowcount  # noqa: S608 (text of our own)
        for name, what in _OF_EXECUTIONS.items()
    }
    for statement in _LET_GO:
        db.execute(sa.text(statement), given)
    gone = sa.text("DELETE FROM observe.pipeline_execution WHERE id = ANY(:numbers)")
    return {**found, "pipeline_executions": db.execute(gone, given).rowcount}


def _count(engine: sa.Engine, cutoff: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    with engine.connect() as db:
        for name, what in _BY_THEIR_OWN_DATE.items():
            found[name] = _one(db, f"SELECT count(*) FROM observe.{what}", cutoff)  # noqa: S608 (text of our own)
        old = f"WITH old AS ({_OLD_EXECUTIONS}) SELECT count(*) FROM "  # noqa: S608 (text of our own)
        found["pipeline_executions"] = _one(db, f"{old} old", cutoff)
        for name, what in _OF_EXECUTIONS.items():
            among = what.replace("<> ALL(:numbers)", "NOT IN (SELECT id FROM old)")
            among = among.replace("= ANY(:numbers)", "IN (SELECT id FROM old)")
            if name in _BY_THEIR_OWN_DATE:
                among += " AND evaluated_at > :cutoff"
            found[name] = found.get(name, 0) + _one(db, f"{old} observe.{among}", cutoff)
    return found


def _one(db: sa.Connection, statement: str, cutoff: datetime) -> int:
    return db.execute(sa.text(statement), {"cutoff": cutoff}).scalar_one()
