"""Runs one pipeline once at Warehouse Sync, and keeps the ledger true while it does.

The run there is the truth: what it says it loaded is recorded, and a run whose follower is gone is looked up later.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    DataModelError,
    ObserveError,
    PipelineFaultedError,
    PublishError,
    SyncError,
)
from observe_dagster.integrations.warehouse_sync.client import RemoteRun, WarehouseSyncClient
from observe_dagster.integrations.warehouse_sync.polling import OnRun, Wait, failure_reason, followed, started_run
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import Counts, RunStatus, RunType, SyncRange, SyncResult
from observe_dagster.spans import iso

REMOTE_RUN = "warehouse_sync_run_id"
OnOther = Callable[[Pipeline, RemoteRun], None]
"""Tells people of a run that was not started here."""

_SHORTEST = timedelta(microseconds=1)
_OVERLAP = timedelta(days=32)
"""So far before the last run that is known a scheduled run of a month may be dated."""

_LOST = "The run was not recorded at Warehouse Sync: it does not know its number."


class RemoteRunner:
    """Runs pipelines with engine mparticle against the ledger."""

    def __init__(
        self,
        project: Project,
        ledger: Ledger,
        client: WarehouseSyncClient,
        *,
        clock: Callable[[], datetime],
        wait: Wait = time.sleep,
    ) -> None:
        self.project, self.ledger, self.client, self.clock, self.wait = project, ledger, client, clock, wait

    def run(
        self,
        pipeline_id: str,
        *,
        run_type: RunType,
        execution_key: str,
        dagster_run_id: str | None = None,
        on_run: OnRun | None = None,
    ) -> SyncResult:
        """Trigger a pipeline and wait for the end of its run; raises ObserveError when the ledger knows that it failed.

        A follower that is stopped leaves the execution open, for the run goes on; `reconcile` closes it.
        """
        pipeline = self.project.pipeline(pipeline_id)
        self._require_runnable(pipeline, run_type)
        with self.ledger.executions.lock(pipeline_id) as lock:
            if not lock:
                raise AlreadyInProgressError(pipeline_id)
            self._close_ended(pipeline)
            if self.ledger.executions.open(pipeline_id):
                raise AlreadyInProgressError(pipeline_id)
            start = _Start(
                self.ledger,
                pipeline,
                run_type=run_type,
                execution_key=execution_key,
                dagster_run_id=dagster_run_id,
                started_at=self.clock(),
            )
            try:
                number = started_run(self.client, pipeline)
            except AlreadyInProgressError:
                raise
            except ObserveError as error:
                self._fail(pipeline, start.failed(), [str(error)], error)
                raise
            execution = start.running(number)
            ended = followed(self.client, pipeline, number, wait=self.wait, on_run=on_run or _ignore)
            if ended is None:
                raise SyncError(
                    pipeline_id,
                    f"Run {number} of pipeline {pipeline_id} still goes on at Warehouse Sync; "
                    "it is recorded when it ends.",
                )
            return self._closed(pipeline, execution, ended)

    def reconcile(self) -> list[ExecutionRow]:
        """Close the executions whose follower is gone and whose run has ended, as what the run says it became."""
        closed: list[ExecutionRow] = []
        for pipeline in self.project.pipelines:
            if pipeline.is_local or not self.ledger.executions.open(pipeline.id):
                continue
            with self.ledger.executions.lock(pipeline.id) as lock:
                if lock:
                    closed += self._close_ended(pipeline)
        return closed

    def import_runs(self, pipeline: Pipeline, tell: OnOther, *, seen: int = 0) -> tuple[int, int]:
        """Record the runs that were not started here and have ended, the oldest first.

        `seen` is the number up to which all runs are recorded; returns how many were, and that number now. `tell` is
        called for a run that ended well before it is recorded: after a crash in between it is called again and has to
        know by itself that it told of the run. Raises PublishError.
        """
        with self.ledger.executions.lock(pipeline.id) as lock:
            newest = self.client.report(pipeline.id).newest_run_id if lock else seen
            if newest <= seen:
                return 0, seen
            known = self.ledger.executions.remote_runs(pipeline.id, REMOTE_RUN)
            since = self.ledger.declared.pipeline(pipeline.id).created_at
            runs = self.client.runs(pipeline.id, since=max(since, max(known.values(), default=since) - _OVERLAP))
            others = [run for run in runs if run.id not in known and not run.is_open]
            for run in others:
                if run.status is RunStatus.SUCCESS:
                    tell(pipeline, run)
                self._record(pipeline, run, is_newest=run.id > max(known, default=0))
            return len(others), min((run.id - 1 for run in runs if run.is_open), default=newest)

    def _record(self, pipeline: Pipeline, run: RemoteRun, *, is_newest: bool) -> None:
        """Record a whole run; one that is older than what is known moves no watermark and makes no fault."""
        ended_at = run.ended_on or self.clock()
        started_at = min(run.started_on or run.logical_date or ended_at, ended_at - _SHORTEST)
        execution = self.ledger.executions.start(
            pipeline_id=pipeline.id,
            execution_key=f"warehouse_sync/{pipeline.id}/{run.id}",
            run_type=RunType.SCHEDULED if run.type == "scheduled" else RunType.MANUAL,
            logical_date=run.logical_date or started_at,
            range_start=_text(run.range_start),
            range_end=_text(run.range_end),
            watermark=self.ledger.declared.pipeline(pipeline.id).watermark,
            next_watermark=_text(run.range_end),
            started_at=started_at,
            moves_watermark=is_newest,
            metadata=_remote_facts(run),
        )
        if run.status is RunStatus.SUCCESS:
            self._succeed(pipeline, execution, run, ended_at=ended_at)
        elif is_newest:
            self._fail(pipeline, execution, *self._reasons(pipeline, run), status=run.status, ended_at=ended_at)
        else:
            errors = run.errors or (f"Run {run.id} at Warehouse Sync {run.status}.",)
            self.ledger.executions.fail(execution.execution_key, ended_at=ended_at, errors=errors, status=run.status)

    def _require_runnable(self, pipeline: Pipeline, run_type: RunType) -> None:
        if self.project.connection(pipeline.connection_id).state == "inactive":
            message = f"Connection {pipeline.connection_id!r} of pipeline {pipeline.id} is inactive."
            raise SyncError(pipeline.id, message)
        row = self.ledger.declared.pipeline(pipeline.id)
        if run_type is RunType.SCHEDULED and row.errors:
            raise PipelineFaultedError(
                pipeline.id,
                f"Pipeline {pipeline.id} is faulted: {'; '.join(row.errors)} "
                "A changed declaration or a successful manual run clears it.",
            )

    def _close_ended(self, pipeline: Pipeline) -> list[ExecutionRow]:
        closed: list[ExecutionRow] = []
        for execution in self.ledger.executions.open(pipeline.id):
            number = (execution.execution_metadata or {}).get(REMOTE_RUN)
            try:
                run = None if number is None else self.client.run(pipeline.id, number)
            except PublishError as error:
                if error.status != 404:
                    continue
                run = None
            if run is None:
                closed.append(self._fail(pipeline, execution, [_LOST], None))
            elif run.status is RunStatus.SUCCESS:
                self._succeed(pipeline, execution, run)
                closed.append(self.ledger.executions.get(execution.id))
            elif not run.is_open:
                closed.append(self._fail(pipeline, execution, *self._reasons(pipeline, run), status=run.status))
        return closed

    def _closed(self, pipeline: Pipeline, execution: ExecutionRow, run: RemoteRun) -> SyncResult:
        if run.status is RunStatus.SUCCESS:
            return self._succeed(pipeline, execution, run)
        reasons, error = self._reasons(pipeline, run)
        self._fail(pipeline, execution, reasons, error, status=run.status)
        raise error

    def _reasons(self, pipeline: Pipeline, run: RemoteRun) -> tuple[list[str], ObserveError]:
        error = failure_reason(self.client, pipeline, run)
        return [str(error)], error

    # The ledger's side

    def _succeed(
        self, pipeline: Pipeline, execution: ExecutionRow, run: RemoteRun, *, ended_at: datetime | None = None
    ) -> SyncResult:
        ended_at = ended_at or max(self.clock(), execution.start_date + _SHORTEST)
        watermark = _text(run.range_end) or execution.watermark
        counts = _counts(run)
        notes = [f"{run.failed_records} records failed at Warehouse Sync."] if run.failed_records else []
        self.ledger.executions.succeed(
            execution.execution_key,
            ended_at=ended_at,
            counts=counts,
            watermark=watermark,
            range_end=_text(run.range_end),
            metadata={"notes": notes, **_remote_facts(run)},
            clear_fault=execution.type is not RunType.BACKFILL,
            force_watermark=True,
            overrule_failure=True,
        )
        self._mark_healthy(pipeline)
        start = _text(run.range_start) or execution.watermark
        return SyncResult(
            pipeline_id=pipeline.id,
            execution_id=execution.id,
            execution_key=execution.execution_key,
            range=SyncRange(
                start=start,
                end=_text(run.range_end),
                read_from=start,
                read_until=_text(run.range_end),
                logical_date=run.logical_date or execution.logical_date,
                run_type=execution.type,
                moves_watermark=True,
            ),
            counts=counts,
            watermark=watermark,
            started_at=execution.start_date,
            ended_at=ended_at,
            columns=(),
            notes=tuple(notes),
            metadata={"observe/warehouse_sync_run_id": run.id},
        )

    def _fail(
        self,
        pipeline: Pipeline,
        execution: ExecutionRow,
        errors: list[str],
        error: ObserveError | None,
        *,
        status: RunStatus = RunStatus.FAILED,
        ended_at: datetime | None = None,
    ) -> ExecutionRow:
        ended_at = ended_at or max(self.clock(), execution.start_date + _SHORTEST)
        ended = self.ledger.executions.fail(execution.execution_key, ended_at=ended_at, errors=errors, status=status)
        self.ledger.declared.fault_pipeline(pipeline.id, errors)
        if isinstance(error, ConnectionFailedError):
            self.ledger.declared.fault_connection(error.connection_id, errors)
        if isinstance(error, DataModelError):
            self.ledger.declared.invalidate_data_model(error.data_model_id, errors)
        return ended

    def _mark_healthy(self, pipeline: Pipeline) -> None:
        if self.ledger.declared.connection(pipeline.connection_id).status == "faulted":
            self.ledger.declared.clear_connection_fault(pipeline.connection_id)
        if self.ledger.declared.data_model(pipeline.data_model_id).status != "valid":
            self.ledger.declared.validate_data_model(pipeline.data_model_id)


class _Start:
    """The start of an execution, recorded once it is known whether there is a run to follow."""

    def __init__(
        self,
        ledger: Ledger,
        pipeline: Pipeline,
        *,
        run_type: RunType,
        execution_key: str,
        dagster_run_id: str | None,
        started_at: datetime,
    ) -> None:
        self._ledger = ledger
        watermark = ledger.declared.pipeline(pipeline.id).watermark
        self._facts: Mapping[str, Any] = {
            "pipeline_id": pipeline.id,
            "execution_key": execution_key,
            "run_type": run_type,
            "logical_date": started_at,
            "range_start": watermark,
            "range_end": None,
            "watermark": watermark,
            "next_watermark": watermark,
            "started_at": started_at,
            "dagster_run_id": dagster_run_id,
        }

    def running(self, number: int) -> ExecutionRow:
        return self._ledger.executions.start(**self._facts, moves_watermark=True, metadata={REMOTE_RUN: number})

    def failed(self) -> ExecutionRow:
        return self._ledger.executions.start(**self._facts, moves_watermark=False)


def _counts(run: RemoteRun) -> Counts:
    """Warehouse Sync does not tell inserts from updates: what it loaded counts as inserted."""
    return Counts(
        total_rows=run.successful_records + run.failed_records,
        inserts=run.successful_records,
        rejected=run.failed_records,
    )


def _remote_facts(run: RemoteRun) -> dict[str, Any]:
    moments = {
        "warehouse_sync_started_on": run.started_on,
        "warehouse_sync_ended_on": run.ended_on,
        "warehouse_sync_logical_date": run.logical_date,
        "warehouse_sync_range_start": run.range_start,
    }
    return {REMOTE_RUN: run.id, **{name: _text(moment) for name, moment in moments.items() if moment is not None}}


def _text(moment: datetime | None) -> str | None:
    """A time as the ledger keeps ranges and watermarks."""
    if moment is None:
        return None
    return iso(moment, "microseconds")


def _ignore(run: RemoteRun) -> None:
    del run
