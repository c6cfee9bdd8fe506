"""What every front of the ledger works on: the engine, and transactions whose errors are ours."""

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from observe_dagster.ledger.database import open_engine, reporting
from observe_dagster.ledger.schema.migrate import require_current


class LedgerSession:
    """A ledger database. Verbs raise LedgerError, or NotFoundError."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

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
    def transaction(self) -> Generator[sa.Connection]:
        """A transaction whose driver errors are reported as LedgerError."""
        with reporting(self.engine), self.engine.begin() as db:
            yield db

    def require_current(self) -> None:
        """Raise LedgerSchemaError unless the database is at this version's schema."""
        require_current(self.engine)
