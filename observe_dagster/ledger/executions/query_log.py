"""Keep what a run saw: the statements it sent and the columns that changed."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import storable
from observe_dagster.ledger.schema.executions import query_log, schema_change
from observe_dagster.records import QueryLog, SchemaChange


def record_queries(db: sa.Connection, execution_id: int, queries: Sequence[QueryLog]) -> None:
    """Keep the statements of one execution; one that is there already stays as it is."""
    rows = [
        {
            "pipeline_execution_id": execution_id,
            "connection_id": query.connection_id,
            "query_id": query.query_id,
            "query_text": storable(query.text),
            "user_name": query.user,
            "started_at": query.started_at,
            "ended_at": query.ended_at,
            "returned_rows": query.rows,
        }
        for query in queries
    ]
    if rows:
        db.execute(insert(query_log).on_conflict_do_nothing(), rows)


def record_schema_changes(db: sa.Connection, execution_id: int, changes: Sequence[SchemaChange]) -> None:
    """Keep the schema changes of one execution; one that is there already stays as it is."""
    rows = [
        {
            "pipeline_execution_id": execution_id,
            "column_name": change.column,
            "change": change.change,
            "old_type": change.old_type,
            "new_type": change.new_type,
            "action": change.action,
        }
        for change in changes
    ]
    if rows:
        db.execute(insert(schema_change).on_conflict_do_nothing(), rows)
