"""Rate limiter for an API that admits only so many requests in a time, shared by every process with its token.

A request is counted from when it begins until its answer is as old as the window. Counting from the answer is what
keeps clear of the limit whatever kind of window the API has: its own clock may stamp a request at any moment between
the two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from observe_dagster.ledger.database import advisory_key
from observe_dagster.ledger.schema.outbox import request_slot
from observe_dagster.ledger.session import LedgerSession

LONGEST_REQUEST = timedelta(minutes=2)
"""A request without an answer for so long, for its process died, counts as answered then."""


def seconds_until_allowed(answered: Sequence[datetime], *, limit: int, window: timedelta, now: datetime) -> timedelta:
    """How long to wait before another request: until fewer than `limit` answers lie in the window before now."""
    inside = sorted(at for at in answered if at + window > now)
    return timedelta() if len(inside) < limit else inside[-limit] + window - now


class LedgerRateLimiter(LedgerSession):
    """The request slots of one scope, such as one token; verbs raise LedgerError."""

    def __init__(
        self, engine: sa.Engine, connection: sa.Connection | None, *, scope: str, limit: int, window: timedelta
    ) -> None:
        super().__init__(engine, connection)
        self._scope, self._limit, self._window = scope, limit, window

    def take(self, *, now: datetime) -> int | timedelta:
        """Take a slot and return its id, or how long it is until one is free."""
        columns = request_slot.c
        with self._begin() as db:
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key(f"request_slot:{self._scope}"))))
            answered_before = columns.completed_at <= now - self._window
            lost_before = sa.and_(
                columns.completed_at.is_(None), columns.started_at <= now - self._window - LONGEST_REQUEST
            )
            over = sa.or_(answered_before, lost_before)
            db.execute(sa.delete(request_slot).where(columns.scope == self._scope, over))
            completed = db.execute(sa.select(columns.completed_at).where(columns.scope == self._scope)).scalars()
            answered = [at or now for at in completed]
            wait = seconds_until_allowed(answered, limit=self._limit, window=self._window, now=now)
            if wait > timedelta():
                return wait
            slot = sa.insert(request_slot).values(scope=self._scope, started_at=now).returning(columns.id)
            return db.execute(slot).scalar_one()

    def answered(self, slot: int, *, now: datetime) -> None:
        """Record that the request of a slot was answered, or has failed."""
        with self._begin() as db:
            db.execute(sa.update(request_slot).where(request_slot.c.id == slot).values(completed_at=now))
