"""Look up how checks stand and what they said."""

from datetime import datetime

import sqlalchemy as sa

from observe_dagster.ledger.checks.rows import CheckResultRow, CheckStatus
from observe_dagster.ledger.schema.checks import check_result, check_status
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.records import Status

_STANDINGS = sa.select(check_status, pipeline.c.slug).select_from(check_status.outerjoin(pipeline))
_RESULTS = sa.select(check_result, pipeline.c.slug).select_from(
    check_result.outerjoin(pipeline, pipeline.c.id == check_result.c.pipeline_id)
)


def check_statuses(db: sa.Connection, asset: tuple[str, ...] | None = None) -> list[CheckStatus]:
    """How every check stands, or those of one asset, by asset and name."""
    statement = _STANDINGS.order_by(check_status.c.asset, check_status.c.check_name)
    if asset is not None:
        statement = statement.where(check_status.c.asset == "/".join(asset))
    return [_standing(row) for row in db.execute(statement).mappings()]


def check_history(
    db: sa.Connection, asset: tuple[str, ...], check_name: str, *, limit: int, before: datetime | None
) -> list[CheckResultRow]:
    """What one check said, of the newest moments first, judged before `before`."""
    columns = check_result.c
    statement = _RESULTS.where(columns.asset == "/".join(asset), columns.check_name == check_name)
    if before is not None:
        statement = statement.where(columns.judged_at < before)
    newest_first = statement.order_by(columns.judged_at.desc(), columns.id.desc()).limit(limit)
    return [_verdict(row) for row in db.execute(newest_first).mappings()]


def _standing(row: sa.RowMapping) -> CheckStatus:
    return CheckStatus(
        asset=tuple(row["asset"].split("/")),
        check_name=row["check_name"],
        kind=row["kind"],
        status=Status(row["status"]),
        reason=row["reason"],
        since=row["since"],
        judged_at=row["judged_at"],
        last_evaluated_at=row["last_evaluated_at"],
        last_reported_at=row["last_reported_at"],
        pipeline_id=row["slug"],
        execution_id=row["pipeline_execution_id"],
    )


def _verdict(row: sa.RowMapping) -> CheckResultRow:
    return CheckResultRow(
        id=row["id"],
        asset=tuple(row["asset"].split("/")),
        check_name=row["check_name"],
        kind=row["kind"],
        status=Status(row["status"]),
        reason=row["reason"],
        value=row["value"],
        expected=row["expected"],
        lower=row["lower_bound"],
        upper=row["upper_bound"],
        evidence=row["evidence"] or {},
        judged_at=row["judged_at"],
        evaluated_at=row["evaluated_at"],
        pipeline_id=row["slug"],
        execution_id=row["pipeline_execution_id"],
        flagged=row["flagged"],
    )
