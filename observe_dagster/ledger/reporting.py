"""What of the executions nobody was told yet, and what a receiver answered to an earlier publication."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.history import to_row
from observe_dagster.ledger.rows import ExecutionRow
from observe_dagster.ledger.tables import pipeline, pipeline_execution
from observe_dagster.ledger.tables_observed import publication


def untold_executions(
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


def receipt_of(db: sa.Connection, *, publisher: str, dedupe_key: str) -> Mapping[str, Any] | None:
    """What the receiver answered to the publication of that key; None when it did not arrive."""
    statement = sa.select(publication.c.receipt).where(
        publication.c.publisher == publisher, publication.c.dedupe_key == dedupe_key, publication.c.state == "sent"
    )
    return db.execute(statement).scalar_one_or_none()
