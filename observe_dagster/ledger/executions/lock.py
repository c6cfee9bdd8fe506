"""One run per pipeline across processes and machines: PostgreSQL advisory locks on connections of their own.

The lock belongs to the database session, so it ends with the process, however that ends.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa

from observe_dagster.ledger.database import KEEPALIVE, advisory_key, fail

# The server must notice a vanished client as well, and must not end a session for being idle during a long run.
_SESSION = """
    SET idle_session_timeout = 0;
    SET tcp_keepalives_idle = 30;
    SET tcp_keepalives_interval = 10;
    SET tcp_keepalives_count = 3
"""
_HELD = """
    SELECT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (classid::bigint << 32) | objid::bigint = %s
    )
"""


@dataclass(frozen=True, slots=True)
class PipelineLock:
    """The result of a try: true when acquired."""

    acquired: bool
    _session: psycopg.Connection[Any]
    _key: int

    def __bool__(self) -> bool:
        return self.acquired

    def still_held(self) -> bool:
        """Ask the server whether the lock is still held: false once the connection was lost."""
        if not self.acquired:
            return False
        try:
            row = self._session.execute(_HELD, (self._key,)).fetchone()
        except psycopg.Error:
            return False
        return row is not None and bool(row[0])


@contextmanager
def pipeline_lock(engine: sa.Engine, pipeline_id: str) -> Generator[PipelineLock]:
    """Try to take the lock of a pipeline, without waiting, and hold it while the block runs."""
    key = advisory_key(f"pipeline:{pipeline_id}")
    try:
        session = _open_session(engine)
    except psycopg.Error as error:
        fail(error, engine.url)
    try:
        try:
            row = session.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        except psycopg.Error as error:
            fail(error, engine.url)
        yield PipelineLock(row is not None and bool(row[0]), session, key)
    finally:
        # Ending the session releases the lock too, but some time after this process has gone on.
        with suppress(psycopg.Error):
            session.execute("SELECT pg_advisory_unlock_all()")
        session.close()


def _open_session(engine: sa.Engine) -> psycopg.Connection[Any]:
    _, arguments = engine.dialect.create_connect_args(engine.url)
    parameters: dict[str, Any] = {**arguments, **KEEPALIVE, "application_name": "observe lock", "connect_timeout": 10}
    session = psycopg.connect(**parameters, autocommit=True)
    try:
        session.execute(_SESSION)
    except psycopg.Error:
        session.close()
        raise
    return session
