"""What the ledger and its stores work on: an engine, or one open transaction; driver errors are reported as ours."""

from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa

from observe_dagster.ledger.database import reporting


class LedgerSession:
    """A ledger database. Verbs raise LedgerError, or NotFoundError.

    Each verb is a transaction of its own, or part of the open one when the session is bound to its connection.
    """

    def __init__(self, engine: sa.Engine, connection: sa.Connection | None = None) -> None:
        self.engine, self._connection = engine, connection

    @contextmanager
    def _begin(self) -> Generator[sa.Connection]:
        with reporting(self.engine):
            if self._connection is not None:
                yield self._connection
            else:
                with self.engine.begin() as db:
                    yield db
