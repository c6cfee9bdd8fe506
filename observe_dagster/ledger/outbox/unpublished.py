"""Find the statements that a publisher was not told of yet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.executions.queries import to_row
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, query_log
from observe_dagster.ledger.schema.outbox import publication


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedQuery:
    """A statement of the query log; `id` is the ledger's number."""

    id: int
    connection_id: str
    query_id: str
    query_text: str
    user_name: str
    started_at: datetime
    ended_at: datetime
    returned_rows: int | None


_FIELDS = [query_log.c[name] for name in LoggedQuery.__slots__]


def unpublished_queries(
    db: sa.Connection, *, publisher: str, prefix: str, connections: Collection[str], since: datetime, limit: int
) -> list[LoggedQuery]:
    """The oldest statements on some connections that have no publication with the dedupe key `prefix` and their id."""
    told = sa.exists().where(
        publication.c.publisher == publisher, publication.c.dedupe_key == prefix + sa.cast(query_log.c.id, sa.Text)
    )
    statement = (
        sa.select(*_FIELDS)
        .where(query_log.c.started_at >= since, query_log.c.connection_id.in_(connections), ~told)
        .order_by(query_log.c.started_at, query_log.c.id)
        .limit(limit)
    )
    return [LoggedQuery(**row) for row in db.execute(statement).mappings()]


def unpublished_executions(
    db: sa.Connection,
    *,
    publisher: str,
    prefix: str,
    ended: bool,
    pipelines: Collection[str],
    since: datetime,
    limit: int,
) -> list[ExecutionRow]:
    """Executions of these pipelines since a time without a publication of the key `<prefix><number>`, oldest first.

    With `ended` only those that have ended, by their end.
    """
    moment = pipeline_execution.c.end_date if ended else pipeline_execution.c.start_date
    key = sa.literal(prefix) + sa.cast(pipeline_execution.c.id, sa.Text)
    told = sa.exists().where(publication.c.publisher == publisher, publication.c.dedupe_key == key)
    statement = (
        sa.select(pipeline_execution, pipeline.c.slug)
        .join(pipeline)
        .where(moment >= since, pipeline.c.slug.in_(list(pipelines)), ~told)
        .order_by(moment, pipeline_execution.c.id)
        .limit(limit)
    )
    return [to_row(row) for row in db.execute(statement).mappings()]
