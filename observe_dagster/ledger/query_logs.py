"""Find the statements that a publisher was not told of yet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.tables_observed import publication, query_log


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


def untold_queries(
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
