"""One run while it goes on: what stays the same over its attempts, and how the ledger learns that it went wrong."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from observe_dagster.clock import Clock
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.errors import (
    ConnectionFailedError,
    DataModelError,
    LedgerError,
    LockLostError,
    NothingToSyncError,
    ObserveError,
    OutOfMemoryError,
    RequestError,
    WarehouseError,
)
from observe_dagster.ledger import ExecutionRow, Ledger, PipelineLock
from observe_dagster.records import RunStatus, RunType, TableName
from observe_dagster.sync.ranges import SyncRequest
from observe_dagster.sync.transfer import Progress
from observe_dagster.warehouse import QueryRecorder

_SHORTEST = timedelta(microseconds=1)


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """What a run learns from its attempts: to be less sparing with memory, and whether it may have committed."""

    limit_memory: bool = True
    commit_in_doubt: bool = False

    def commit(self) -> None:
        """Note that the destination is told to commit: an attempt that breaks off from here on may have done so."""
        self.commit_in_doubt = True

    def note_error(self, error: ObserveError) -> None:
        """Draw the conclusions from an attempt's failure; a refusal by the destination leaves no doubt."""
        short = isinstance(error, OutOfMemoryError)
        self.limit_memory = self.limit_memory and not short
        self.commit_in_doubt = self.commit_in_doubt and not (
            short or (isinstance(error, WarehouseError) and not error.transient)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One run of a pipeline; `lock` is what keeps others from running it."""

    pipeline: Pipeline
    request: SyncRequest
    execution_key: str
    dagster_run_id: str | None
    ledger: Ledger
    lock: PipelineLock
    clock: Clock
    on_progress: Progress
    queries: QueryRecorder
    began: float = field(default_factory=time.monotonic)
    attempting: AttemptState = field(default_factory=AttemptState)

    @property
    def table(self) -> TableName:
        """Where the rows go."""
        destination = self.pipeline.destination
        return TableName(schema=destination.schema_, table=destination.table)

    def ended_at(self, started: ExecutionRow) -> datetime:
        """The start and what has passed since, so that a clock set in between does not matter."""
        return started.start_date + max(timedelta(seconds=time.monotonic() - self.began), _SHORTEST)

    def record_queries(self, started: ExecutionRow) -> None:
        """Hand what was asked of the warehouses to the ledger."""
        self.ledger.executions.record_queries(started.id, self.queries.drain())

    def note_retry(self, error: ObserveError, attempt: int) -> None:
        """Note that attempt number `attempt` follows an error, unless it is the ledger that is away."""
        try:
            self.ledger.executions.mark_retrying(self.execution_key, error=str(error), attempt=attempt)
        except LedgerError as away:
            if not away.transient:
                raise

    def end_badly(self, started: ExecutionRow | None, error: BaseException) -> BaseException:
        """Record how the run ended, and what is faulty now; return the error that tells it best.

        With the ledger away as well, and when it is not known whether the rows are in the destination, the run stays
        open there, and whoever runs the pipeline next ends it.
        """
        if isinstance(error, NothingToSyncError | RequestError):
            # With the run on record, another one has committed in the meantime what this one was to read.
            self._stop(started, str(error))
        elif started is not None and self.attempting.commit_in_doubt and not self._was_overtaken(started):
            with suppress(LedgerError):
                self._leave_open(started, error)
        elif not isinstance(error, Exception):
            self._stop(started, _text(error))
        elif self._was_overtaken(started):
            return LockLostError(self.pipeline.id, error)
        else:
            with suppress(LedgerError):
                started = started or self._start_unplanned()
                self._close(started, [_text(error)], RunStatus.FAILED)
                self._fault(started, error)
        return error

    def _was_overtaken(self, started: ExecutionRow | None) -> bool:
        """Whether the lock was lost with the connection to the ledger, and the run that has it closed this one."""
        if started is None or self.lock.still_held():
            return False
        try:
            return not self.ledger.executions.get(started.id).is_open
        except LedgerError:
            return False

    def _stop(self, started: ExecutionRow | None, reason: str) -> None:
        if started is not None:
            with suppress(LedgerError):
                self._close(started, [reason], RunStatus.STOPPED)

    def _leave_open(self, started: ExecutionRow, error: BaseException) -> None:
        attempts = self.ledger.executions.get(started.id).attempts
        self.ledger.executions.mark_retrying(self.execution_key, error=_text(error), attempt=attempts)
        self.record_queries(started)
        if isinstance(error, Exception):
            self._fault(started, error)

    def _fault(self, started: ExecutionRow, error: Exception) -> None:
        if started.type is not RunType.BACKFILL:
            self.ledger.declared.fault_pipeline(self.pipeline.id, [_text(error)])
        if isinstance(error, ConnectionFailedError):
            self.ledger.declared.fault_connection(error.connection_id, [str(error)])
        if isinstance(error, DataModelError):
            self.ledger.declared.invalidate_data_model(error.data_model_id, [str(error)])

    def _start_unplanned(self) -> ExecutionRow:
        now = self.clock()
        watermark = self.ledger.declared.pipeline(self.pipeline.id).watermark
        return self.ledger.executions.start(
            pipeline_id=self.pipeline.id,
            execution_key=self.execution_key,
            run_type=self.request.run_type,
            logical_date=now,
            range_start=watermark,
            range_end=None,
            watermark=watermark,
            next_watermark=watermark,
            started_at=now,
            moves_watermark=False,
            dagster_run_id=self.dagster_run_id,
        )

    def _close(self, started: ExecutionRow, errors: list[str], status: RunStatus) -> None:
        self.ledger.executions.fail(self.execution_key, ended_at=self.ended_at(started), errors=errors, status=status)
        self.record_queries(started)


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, ObserveError) else f"{type(error).__name__} ended the run."
