"""Remembers every statement a session sends, for the ledger's query log."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from observe_dagster.records import QueryLog


class QueryRecorder:
    """Collects one QueryLog per statement, in the order they ended."""

    def __init__(self) -> None:
        self._logs: list[QueryLog] = []

    def drain(self) -> tuple[QueryLog, ...]:
        """Return what was collected and start anew."""
        logs, self._logs = tuple(self._logs), []
        return logs

    @contextmanager
    def statement(self, connection_id: str, text: str, user: str) -> "Generator[StatementRecord]":
        """Record the statement that runs inside the block, whether it ends well or not."""
        record, started_at = StatementRecord(), datetime.now(UTC)
        try:
            yield record
        finally:
            self._logs.append(
                QueryLog(
                    connection_id=connection_id,
                    started_at=started_at,
                    ended_at=datetime.now(UTC),
                    text=text,
                    user=user,
                    query_id=str(uuid.uuid4()),
                    rows=record.rows,
                )
            )


class StatementRecord:
    """What is learned while a statement runs."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: int | None = None
