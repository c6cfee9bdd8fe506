"""The ledger: one store for each subject, on one database."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from observe_dagster.ledger.alerts.store import AlertStore
from observe_dagster.ledger.checks.store import CheckStore
from observe_dagster.ledger.database import open_engine, reporting
from observe_dagster.ledger.declared.store import DeclaredStore
from observe_dagster.ledger.executions.store import ExecutionStore
from observe_dagster.ledger.lineage.store import LineageStore
from observe_dagster.ledger.outbox.outbox import Outbox
from observe_dagster.ledger.outbox.rate_limit import LedgerRateLimiter
from observe_dagster.ledger.retention import REPORTED, count_old, delete_executions, delete_old
from observe_dagster.ledger.schema.alerts import alert
from observe_dagster.ledger.schema.checks import check_result, check_status, freshness_pipeline_log
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.ledger.schema.migrate import require_current
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.ledger.watched.store import WatchedAssetStore

SHORTEST_RETENTION_DAYS = 90
_AS_DECLARED = {
    "status": "idle",
    "errors": [],
    "paused_by_user": False,
    "watermark": None,
    "next_watermark": None,
    "last_target_insert": None,
    "last_target_update": None,
    "last_target_soft_delete": None,
    "updated_at": None,
}


class Ledger(LedgerSession):
    """The record of what is declared, what ran and what was found. Verbs raise LedgerError, or NotFoundError."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Make a ledger on a `postgresql://` URL; connects when a verb is called. Close it, or use it in `with`."""
        return cls(open_engine(url))

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Generator[Self]:
        """A ledger whose verbs are all part of one transaction, committed when the block ends well."""
        with self._begin() as db:
            yield type(self)(self.engine, db)

    def require_current(self) -> None:
        """Raise LedgerSchemaError unless the database is at this version's schema."""
        require_current(self.engine)

    @property
    def declared(self) -> DeclaredStore:
        """Declared connections, data models and pipelines, and their state."""
        return DeclaredStore(self.engine, self._connection)

    @property
    def executions(self) -> ExecutionStore:
        """Runs of pipelines."""
        return ExecutionStore(self.engine, self._connection)

    @property
    def watched(self) -> WatchedAssetStore:
        """Assets that are defined elsewhere, and their runs."""
        return WatchedAssetStore(self.engine, self._connection)

    @property
    def checks(self) -> CheckStore:
        """Inputs, results and current status of checks."""
        return CheckStore(self.engine, self._connection)

    @property
    def lineage(self) -> LineageStore:
        """Lineage of tables and columns, and ingested SQL."""
        return LineageStore(self.engine, self._connection)

    @property
    def alerts(self) -> AlertStore:
        """Alerts and faulted resources."""
        return AlertStore(self.engine, self._connection)

    @property
    def outbox(self) -> Outbox:
        """Publications to other systems."""
        return Outbox(self.engine, self._connection)

    def rate_limit(self, scope: str, *, limit: int, window: timedelta) -> LedgerRateLimiter:
        """At most `limit` requests of one scope, such as an API token, in a window, over all processes."""
        return LedgerRateLimiter(self.engine, self._connection, scope=scope, limit=limit, window=window)

    def prune(
        self,
        *,
        now: datetime,
        retention_days: int = SHORTEST_RETENTION_DAYS,
        batch_size: int = 10_000,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Delete what is older, each batch committed, or with `dry_run` count it; keeps at least 90 days.

        Open runs stay, and so do those that a check's current status refers to, pending publications, open alerts and
        late tables that have not recovered. Returns counts by the Watcher document's names and further ones.
        """
        if retention_days < SHORTEST_RETENTION_DAYS:
            raise ValueError(f"retention_days is at least {SHORTEST_RETENTION_DAYS}, not {retention_days}")
        if batch_size < 1:
            raise ValueError(f"batch_size is at least 1, not {batch_size}")
        cutoff = now - timedelta(days=retention_days)
        with reporting(self.engine):
            counts = count_old(self.engine, cutoff) if dry_run else delete_old(self.engine, cutoff, batch_size)
        return {f"total_{name}_deleted": counts.get(name, 0) for name in REPORTED}

    def reset_pipelines(self, pipeline_ids: Collection[str], assets: Collection[str], *, now: datetime) -> None:
        """Delete the runs of pipelines and every check result and alert of them and of `assets`, keys joined by `/`.

        The pipelines count as declared `now`, without watermark, fault or pause.
        """
        keys = list(assets)
        with self._begin() as db:
            pks = list(db.scalars(sa.select(pipeline.c.id).where(pipeline.c.pipeline_id.in_(list(pipeline_ids)))))
            for table, subject in ((check_status, "asset"), (check_result, "asset"), (alert, "subject")):
                concerned = sa.or_(table.c[subject].in_(keys), table.c.pipeline_pk.in_(pks))
                db.execute(sa.delete(table).where(concerned))
            db.execute(sa.delete(freshness_pipeline_log).where(freshness_pipeline_log.c.pipeline_pk.in_(pks)))
            runs = sa.select(pipeline_execution.c.id).where(pipeline_execution.c.pipeline_pk.in_(pks))
            delete_executions(db, list(db.scalars(runs)))
            db.execute(sa.update(pipeline).where(pipeline.c.id.in_(pks)).values(created_at=now, **_AS_DECLARED))
