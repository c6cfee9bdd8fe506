"""What of the executions nobody was told yet, the rules they are judged by, and what receivers answered."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from observe_dagster.ledger.history import to_row
from observe_dagster.ledger.rows import ExecutionRow
from observe_dagster.ledger.tables import Json, pipeline, pipeline_execution
from observe_dagster.ledger.tables_observed import anomaly_detection_rule, publication

_SHOWN_AT = "shown_at"


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


def shown_since(db: sa.Connection, *, publisher: str, ordering_keys: Collection[str], since: datetime) -> set[str]:
    """The ordering keys of which a receipt was shown to people since a time."""
    columns, shown_at = publication.c, publication.c.receipt[_SHOWN_AT].astext
    wanted = sa.bindparam(None, list(ordering_keys), type_=sa.ARRAY(sa.Text))
    chosen = (columns.publisher == publisher, columns.ordering_key == sa.any_(wanted), columns.sent_at >= since)
    return set(db.execute(sa.select(columns.ordering_key).where(*chosen, shown_at >= _text(since))).scalars())


def note_shown(db: sa.Connection, numbers: Collection[int], *, now: datetime) -> None:
    """Note on receipts that people were shown them."""
    noted = publication.c.receipt.concat(sa.cast({_SHOWN_AT: _text(now)}, Json))
    db.execute(sa.update(publication).where(publication.c.id.in_(list(numbers))).values(receipt=noted))


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


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
