"""Alerts of something being wrong: one open row for each subject and check, from the first failure to recovery."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.database import advisory_key, storable
from observe_dagster.ledger.schema import alerts as schema
from observe_dagster.ledger.schema.declared import connection, pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One time that something is wrong, from the first failure to recovery.

    `subject` is an asset such as `lake/analytics/flights`, or `job:sync`, `pipeline:flights-hourly` and so on.
    `severity` is warn or error. `last_seen_at` is the time of the last thing that was heard of it; anything older is
    old news. `last_sent_at` is when people were told last. `details` holds only what JSON can.
    """

    subject: str
    check_name: str
    severity: str
    description: str
    opened_at: datetime
    last_seen_at: datetime
    status: str = "open"
    pipeline_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    last_sent_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.status == "open"

    @property
    def key(self) -> tuple[str, str]:
        """What at most one open alert has."""
        return self.subject, self.check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultedResource:
    """Something the ledger says cannot go on; `told_by_run` is when a Dagster run failed with it, if one did."""

    kind: str
    id: str
    errors: tuple[str, ...]
    told_by_run: datetime | None = None


_FIELDS = [name for name in Alert.__slots__ if name != "pipeline_id"]
_ALERTS = sa.select(*(schema.alert.c[name] for name in _FIELDS), pipeline.c.slug.label("pipeline_id")).select_from(
    schema.alert.outerjoin(pipeline)
)


def lock_alerts(db: sa.Connection) -> None:
    """Be the only one who decides about alerts until the transaction ends."""
    db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("alerts"))))


def open_alerts(db: sa.Connection) -> list[Alert]:
    """Every open alert, the oldest first."""
    return _alerts(
        db, _ALERTS.where(schema.alert.c.status == "open").order_by(schema.alert.c.opened_at, schema.alert.c.id)
    )


def latest_alerts(db: sa.Connection, keys: Collection[tuple[str, str]]) -> list[Alert]:
    """The newest alert, open or over, of each of these subjects and checks."""
    if not keys:
        return []
    wanted = sa.tuple_(schema.alert.c.subject, schema.alert.c.check_name).in_(list(keys))
    newest = (
        sa.select(sa.func.max(schema.alert.c.id))
        .where(wanted)
        .group_by(schema.alert.c.subject, schema.alert.c.check_name)
    )
    return _alerts(db, _ALERTS.where(schema.alert.c.id.in_(newest)))


def recent_alerts(db: sa.Connection, *, limit: int) -> list[Alert]:
    """The alerts that were opened last, open or over, the newest first."""
    return _alerts(db, _ALERTS.order_by(schema.alert.c.opened_at.desc(), schema.alert.c.id.desc()).limit(limit))


def add_alert(db: sa.Connection, alert: Alert) -> None:
    """Write a new alert."""
    number = sa.select(pipeline.c.id).where(pipeline.c.slug == alert.pipeline_id).scalar_subquery()
    values = {"subject": alert.subject, "check_name": alert.check_name, "opened_at": alert.opened_at}
    db.execute(sa.insert(schema.alert).values(pipeline_id=number, **values, **_changing(alert)))


def update_alert(db: sa.Connection, alert: Alert) -> None:
    """Write what became of the open alert of that subject and check."""
    chosen = (
        schema.alert.c.subject == alert.subject,
        schema.alert.c.check_name == alert.check_name,
        schema.alert.c.status == "open",
    )
    db.execute(sa.update(schema.alert).where(*chosen).values(**_changing(alert)))


def faults(db: sa.Connection) -> list[FaultedResource]:
    """What is faulted now among the declared pipelines and connections."""
    columns = pipeline_execution.c
    latest = (
        sa.select(columns.end_date, columns.dagster_run_id, columns.completed_successfully)
        .where(columns.pipeline_id == pipeline.c.id)
        .order_by(columns.id.desc())
        .limit(1)
        .lateral("latest")
    )
    told = sa.case(
        (latest.c.dagster_run_id.is_not(None) & latest.c.completed_successfully.is_(sa.false()), latest.c.end_date)
    )
    pipelines = (
        sa.select(pipeline.c.slug, pipeline.c.errors, told.label("told"))
        .select_from(pipeline.outerjoin(latest, sa.true()))
        .where(pipeline.c.active, sa.func.jsonb_array_length(pipeline.c.errors) > 0)
    )
    connections = sa.select(connection.c.id, connection.c.errors).where(
        connection.c.active, sa.func.jsonb_array_length(connection.c.errors) > 0
    )
    return [
        *(
            FaultedResource(kind="pipeline", id=row.slug, errors=_messages(row.errors), told_by_run=row.told)
            for row in db.execute(pipelines)
        ),
        *(
            FaultedResource(kind="connection", id=row.id, errors=_messages(row.errors))
            for row in db.execute(connections)
        ),
    ]


def _messages(errors: Any) -> tuple[str, ...]:
    return tuple(error["message"] if isinstance(error, dict) else str(error) for error in errors)


def _alerts(db: sa.Connection, statement: sa.Select[Any]) -> list[Alert]:
    return [Alert(**row) for row in db.execute(statement).mappings()]


def _changing(alert: Alert) -> dict[str, Any]:
    return {
        "severity": alert.severity,
        "status": alert.status,
        "description": storable(alert.description),
        "details": dict(alert.details),
        "last_seen_at": alert.last_seen_at,
        "last_sent_at": alert.last_sent_at,
        "resolved_at": alert.resolved_at,
    }
