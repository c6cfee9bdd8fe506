"""Alerts: one open row for each subject and check, from the first failure to recovery."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.database import advisory_key, storable
from observe_dagster.ledger.schema.alerts import alert as alerts
from observe_dagster.ledger.schema.declared import connection, pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.ledger.session import LedgerSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A period of failure, from the first failing event to recovery.

    `subject` is an asset such as `lake/analytics/flights`, or `job:sync`, `pipeline:flights-hourly` and so on.
    `severity` is warn or error. `last_seen_at` is the time of its last event; older events are ignored.
    `last_sent_at` is when a message was last sent. `details` holds only JSON values.
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
        """Whether it is not resolved."""
        return self.status == "open"

    @property
    def key(self) -> tuple[str, str]:
        """The subject and check: at most one open alert has them."""
        return self.subject, self.check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultedResource:
    """A faulted pipeline or connection; `failed_by_run_at` is when a Dagster run failed with it, if one did."""

    kind: str
    id: str
    errors: tuple[str, ...]
    failed_by_run_at: datetime | None = None


_FIELDS = [name for name in Alert.__slots__ if name != "pipeline_id"]
_ALERTS = sa.select(*(alerts.c[name] for name in _FIELDS), pipeline.c.pipeline_id).select_from(
    alerts.outerjoin(pipeline)
)


class AlertStore(LedgerSession):
    """Alerts and faulted resources."""

    def lock(self) -> None:
        """Be the only one who decides about alerts until the transaction ends."""
        with self._begin() as db:
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("alerts"))))

    def open(self) -> list[Alert]:
        """Every open alert, the oldest first."""
        return self._select(_ALERTS.where(alerts.c.status == "open").order_by(alerts.c.opened_at, alerts.c.id))

    def latest(self, keys: Collection[tuple[str, str]]) -> list[Alert]:
        """The newest alert, open or resolved, of each of these subjects and checks."""
        if not keys:
            return []
        columns = alerts.c
        newest = sa.select(sa.func.max(columns.id)).where(
            sa.tuple_(columns.subject, columns.check_name).in_(list(keys))
        )
        return self._select(_ALERTS.where(columns.id.in_(newest.group_by(columns.subject, columns.check_name))))

    def recent(self, *, limit: int) -> list[Alert]:
        """The alerts that were opened last, open or resolved, the newest first."""
        return self._select(_ALERTS.order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(limit))

    def add(self, alert: Alert) -> None:
        """Write a new alert."""
        pk = sa.select(pipeline.c.id).where(pipeline.c.pipeline_id == alert.pipeline_id).scalar_subquery()
        values = {"subject": alert.subject, "check_name": alert.check_name, "opened_at": alert.opened_at}
        with self._begin() as db:
            db.execute(sa.insert(alerts).values(pipeline_pk=pk, **values, **_state(alert)))

    def update(self, alert: Alert) -> None:
        """Write the new state of the open alert of that subject and check."""
        columns = alerts.c
        chosen = (columns.subject == alert.subject, columns.check_name == alert.check_name, columns.status == "open")
        with self._begin() as db:
            db.execute(sa.update(alerts).where(*chosen).values(**_state(alert)))

    def faults(self) -> list[FaultedResource]:
        """The declared pipelines and connections that are faulted now."""
        columns = pipeline_execution.c
        latest = (
            sa.select(columns.end_date, columns.dagster_run_id, columns.completed_successfully)
            .where(columns.pipeline_pk == pipeline.c.id)
            .order_by(columns.id.desc())
            .limit(1)
            .lateral("latest")
        )
        run_failed = latest.c.dagster_run_id.is_not(None) & latest.c.completed_successfully.is_(sa.false())
        pipelines = (
            sa.select(pipeline.c.pipeline_id, pipeline.c.errors, sa.case((run_failed, latest.c.end_date)))
            .select_from(pipeline.outerjoin(latest, sa.true()))
            .where(pipeline.c.active, sa.func.jsonb_array_length(pipeline.c.errors) > 0)
        )
        connections = sa.select(connection.c.id, connection.c.errors, sa.null()).where(
            connection.c.active, sa.func.jsonb_array_length(connection.c.errors) > 0
        )
        with self._begin() as db:
            return [
                FaultedResource(kind=kind, id=key, errors=_messages(errors), failed_by_run_at=failed_at)
                for kind, statement in (("pipeline", pipelines), ("connection", connections))
                for key, errors, failed_at in db.execute(statement)
            ]

    def _select(self, statement: sa.Select[Any]) -> list[Alert]:
        with self._begin() as db:
            return [Alert(**row) for row in db.execute(statement).mappings()]


def _messages(errors: Any) -> tuple[str, ...]:
    return tuple(error["message"] if isinstance(error, dict) else str(error) for error in errors)


def _state(alert: Alert) -> dict[str, Any]:
    return {
        "severity": alert.severity,
        "status": alert.status,
        "description": storable(alert.description),
        "details": dict(alert.details),
        "last_seen_at": alert.last_seen_at,
        "last_sent_at": alert.last_sent_at,
        "resolved_at": alert.resolved_at,
    }
