"""Executions and statements of the ledger without a publication to a publisher, and receipts of publications."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.database import among
from observe_dagster.ledger.executions.queries import EXECUTIONS, select_executions
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.outbox.rows import LoggedQuery
from observe_dagster.ledger.schema.columns import Json
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, query_log
from observe_dagster.ledger.schema.outbox import publication
from observe_dagster.ledger.session import LedgerSession

_SHOWN_AT = "shown_at"


class PublishedStore(LedgerSession):
    """What is published already, and what the receivers answered."""

    def unpublished_queries(
        self, *, publisher: str, prefix: str, connections: Collection[str], since: datetime, limit: int
    ) -> list[LoggedQuery]:
        """The oldest statements on some connections without a publication of the dedupe key `<prefix><id>`."""
        statement = (
            sa.select(*(query_log.c[name] for name in LoggedQuery.__slots__))
            .where(
                query_log.c.started_at >= since,
                query_log.c.connection_id.in_(connections),
                ~_is_published(publisher, prefix, query_log.c.id),
            )
            .order_by(query_log.c.started_at, query_log.c.id)
            .limit(limit)
        )
        with self._begin() as db:
            return [LoggedQuery(**row) for row in db.execute(statement).mappings()]

    def unpublished_executions(
        self, *, publisher: str, prefix: str, ended: bool, pipelines: Collection[str], since: datetime, limit: int
    ) -> list[ExecutionRow]:
        """The oldest executions of these pipelines without a publication of the dedupe key `<prefix><id>`.

        With `ended` only those that have ended, by their end.
        """
        moment = pipeline_execution.c.end_date if ended else pipeline_execution.c.start_date
        statement = (
            EXECUTIONS.where(
                moment >= since,
                pipeline.c.pipeline_id.in_(list(pipelines)),
                ~_is_published(publisher, prefix, pipeline_execution.c.id),
            )
            .order_by(moment, pipeline_execution.c.id)
            .limit(limit)
        )
        with self._begin() as db:
            return select_executions(db, statement)

    def receipt(self, *, publisher: str, dedupe_key: str) -> Mapping[str, Any] | None:
        """The receiver's answer to the publication of that key; None when it was not sent."""
        statement = sa.select(publication.c.receipt).where(
            publication.c.publisher == publisher, publication.c.dedupe_key == dedupe_key, publication.c.state == "sent"
        )
        with self._begin() as db:
            return db.execute(statement).scalar_one_or_none()

    def receipts_shown_since(self, *, publisher: str, ordering_keys: Collection[str], since: datetime) -> set[str]:
        """The ordering keys of which a receipt was shown in the UI since a time."""
        columns, shown_at = publication.c, publication.c.receipt[_SHOWN_AT].astext
        chosen = (columns.publisher == publisher, among(columns.ordering_key, ordering_keys), columns.sent_at >= since)
        statement = sa.select(columns.ordering_key).where(*chosen, shown_at >= _text(since))
        with self._begin() as db:
            return set(db.execute(statement).scalars())

    def mark_receipts_shown(self, ids: Collection[int], *, now: datetime) -> None:
        """Record on the receipts of these items that they were shown in the UI."""
        receipt = publication.c.receipt.concat(sa.cast({_SHOWN_AT: _text(now)}, Json))
        with self._begin() as db:
            db.execute(sa.update(publication).where(publication.c.id.in_(list(ids))).values(receipt=receipt))


def _is_published(publisher: str, prefix: str, row_id: sa.Column[int]) -> sa.Exists:
    key = sa.literal(prefix) + sa.cast(row_id, sa.Text)
    return sa.exists().where(publication.c.publisher == publisher, publication.c.dedupe_key == key)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
