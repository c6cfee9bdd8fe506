"""Runs one pipeline once: takes its lock, plans, moves the rows with retries, and keeps the ledger true.

The destination is the truth. The watermark is read from it, a run whose commit is found there has succeeded whatever
happened afterwards, and the ledger is brought in step before each run.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

import stamina

from observe_dagster.clock import Clock, utc_now
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.errors import (
    AlreadyInProgressError,
    ConnectionFailedError,
    ObserveError,
    PipelineFaultedError,
    StillCommittingError,
    SyncError,
    WarehouseError,
)
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import ColumnFlow, CommittedRun, RunType, SyncRange, SyncResult
from observe_dagster.settings import Settings
from observe_dagster.sync.lineage import lineage_edges, lineage_of
from observe_dagster.sync.planning import Job
from observe_dagster.sync.ranges import SyncRequest, plan
from observe_dagster.sync.reconcile import close_abandoned
from observe_dagster.sync.run import SyncRun
from observe_dagster.sync.transfer import TransferResult, transfer
from observe_dagster.warehouse import OpenOptions, QueryRecorder, open_warehouse
from observe_dagster.warehouse.port.load import Committed, NotCommitted, Running

_SOURCE_COLUMNS = "source_columns"
_TABLE_BYTES = "table_bytes"
_SOON_SECONDS = 1.0


class SyncRunner:
    """Runs the pipelines of a project against its ledger."""

    def __init__(self, project: Project, ledger: Ledger, settings: Settings, *, clock: Clock = utc_now) -> None:
        self.project, self.ledger, self.settings, self.clock = project, ledger, settings, clock

    def run(
        self,
        pipeline_id: str,
        request: SyncRequest,
        *,
        execution_key: str,
        dagster_run_id: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> SyncResult:
        """Run a pipeline now and wait for the end.

        Raises NothingToSyncError when no interval is open, AlreadyInProgressError when another run has the pipeline,
        and other ObserveErrors after the last attempt has failed and the ledger knows.
        """
        pipeline = self.project.pipeline(pipeline_id)
        self._require_runnable(pipeline, request)
        with self.ledger.executions.lock(pipeline_id) as lock:
            if not lock:
                raise AlreadyInProgressError(pipeline_id)
            close_abandoned(self.project, self.ledger, pipeline_id, clock=self.clock)
            run = SyncRun(
                pipeline=pipeline,
                request=request,
                execution_key=execution_key,
                dagster_run_id=dagster_run_id,
                ledger=self.ledger,
                lock=lock,
                clock=self.clock,
                on_progress=on_progress or (lambda _rows, _bytes: None),
                queries=QueryRecorder(),
            )
            return self._attempts(run)

    def reconcile(self, pipeline_id: str | None = None) -> list[ExecutionRow]:
        """Close the executions whose process is gone, as what the destination says they became.

        Those of pipelines that run elsewhere are not among them.
        """
        closed: list[ExecutionRow] = []
        elsewhere = {each.id for each in self.project.pipelines if not each.is_local}
        for name in sorted({row.pipeline_id for row in self.ledger.executions.open(pipeline_id)} - elsewhere):
            with self.ledger.executions.lock(name) as lock:
                if lock:
                    closed += close_abandoned(self.project, self.ledger, name, clock=self.clock)
        return closed

    def _require_runnable(self, pipeline: Pipeline, request: SyncRequest) -> None:
        for connection_id in (pipeline.connection_id, pipeline.destination.connection_id):
            if self.project.connection(connection_id).state == "inactive":
                raise SyncError(pipeline.id, f"Connection {connection_id!r} of pipeline {pipeline.id} is inactive.")
        if request.run_type is not RunType.SCHEDULED:
            return
        row = self.ledger.declared.pipeline(pipeline.id)
        if row.errors:
            raise PipelineFaultedError(
                pipeline.id,
                f"Pipeline {pipeline.id} is faulted: {'; '.join(row.errors)} "
                "A changed declaration or a successful manual run clears it.",
            )

    def _attempts(self, run: SyncRun) -> SyncResult:
        attempts = stamina.retry_context(
            on=lambda error: isinstance(error, ObserveError) and error.transient,
            attempts=self.settings.sync_attempts,
            timeout=None,
            wait_initial=self.settings.retry_wait_seconds,
            wait_max=60.0,
        )
        started: list[ExecutionRow] = []
        try:
            for attempt in attempts:
                with attempt:
                    if started and attempt.num > 1:
                        self.ledger.executions.mark_running(run.execution_key)
                    try:
                        return self._attempt(run, started)
                    except ObserveError as error:
                        run.attempting.note_error(error)
                        if started and error.transient and attempt.num < self.settings.sync_attempts:
                            run.note_retry(error, attempt.num + 1)
                        raise
        except BaseException as error:
            run.attempting.commit_in_doubt = run.attempting.commit_in_doubt and self._may_have_committed(run)
            final_error = run.end_badly(started[0] if started else None, error)
            if final_error is not error:
                raise final_error from None
            raise
        raise AssertionError

    def _attempt(self, run: SyncRun, started: list[ExecutionRow]) -> SyncResult:
        options = self._options(run)
        warehouse = open_warehouse(self.project.connection(run.pipeline.connection_id))
        target = open_warehouse(self.project.connection(run.pipeline.destination.connection_id))
        with ExitStack() as sessions:
            try:
                destination = sessions.enter_context(target.destination(options))
            except ConnectionFailedError:
                self._start(run, started, None)
                raise
            outcome = destination.outcome(run.pipeline.id, run.execution_key, run.table)
            if isinstance(outcome, Running):
                raise StillCommittingError(run.pipeline.id)
            run.attempting.commit_in_doubt = False
            if isinstance(outcome, Committed) and started:
                return self._found_committed(run, started[0], outcome.run)
            last = destination.last_commit(run.pipeline.id, run.table)
            planned = self._start(run, started, last)
            source = sessions.enter_context(warehouse.source(options))
            job = Job(
                pipeline=run.pipeline,
                data_model=self.project.data_model(run.pipeline.data_model_id),
                range=planned,
                execution_key=run.execution_key,
                expected_watermark=None if last is None else last.watermark,
                previous_table_rows=None if last is None else last.counts.table_rows,
                previous_columns=self._previous_columns(run.pipeline.id),
                batch_rows=self.settings.batch_rows,
            )
            moved = transfer(
                job,
                source,
                destination,
                clock=self.clock,
                on_progress=run.on_progress,
                on_commit=run.attempting.commit,
            )
        return self._succeed(run, started[0], moved)

    def _may_have_committed(self, run: SyncRun) -> bool:
        """Whether the destination has the run's rows, or cannot be asked at once."""
        options = replace(self._options(run), lock_wait_seconds=_SOON_SECONDS)
        target = open_warehouse(self.project.connection(run.pipeline.destination.connection_id))
        try:
            with target.destination(options) as destination:
                outcome = destination.outcome(run.pipeline.id, run.execution_key, run.table)
                return not isinstance(outcome, NotCommitted)
        except WarehouseError:
            return True

    # The ledger's side

    def _start(self, run: SyncRun, started: list[ExecutionRow], last: CommittedRun | None) -> SyncRange:
        """Plan from what the destination says, and record the start on the first attempt."""
        watermark = None if last is None else last.watermark
        if last is not None and self.ledger.declared.pipeline(run.pipeline.id).watermark != watermark:
            self.ledger.declared.set_watermark(run.pipeline.id, watermark)
        now = self.clock()
        planned = plan(run.pipeline, watermark=watermark, now=now, request=run.request)
        if not started:
            started.append(
                self.ledger.executions.start(
                    pipeline_id=run.pipeline.id,
                    execution_key=run.execution_key,
                    run_type=planned.run_type,
                    logical_date=planned.logical_date,
                    range_start=planned.start,
                    range_end=planned.end,
                    watermark=watermark,
                    next_watermark=planned.end if planned.moves_watermark else watermark,
                    started_at=now,
                    moves_watermark=planned.moves_watermark,
                    dagster_run_id=run.dagster_run_id,
                )
            )
        return planned

    def _previous_columns(self, pipeline_id: str) -> Mapping[str, str] | None:
        number = self.ledger.executions.latest_successful_id(pipeline_id)
        metadata = None if number is None else self.ledger.executions.get(number).execution_metadata
        return None if metadata is None else metadata.get(_SOURCE_COLUMNS)

    def _succeed(self, run: SyncRun, started: ExecutionRow, moved: TransferResult) -> SyncResult:
        ended_at = run.ended_at(started)
        columns = {column.name: column.native for column in moved.source_columns}
        size = {} if moved.table_bytes is None else {_TABLE_BYTES: moved.table_bytes}
        self.ledger.executions.succeed(
            run.execution_key,
            ended_at=ended_at,
            counts=moved.counts,
            watermark=moved.watermark,
            range_end=moved.range.end,
            metadata={"notes": list(moved.notes), **size, **({_SOURCE_COLUMNS: columns} if columns else {})},
            clear_fault=started.type is not RunType.BACKFILL,
            force_watermark=True,
            overrule_failure=True,
        )
        self.ledger.executions.record_schema_changes(started.id, moved.schema_changes)
        lineage = self._record_lineage(run, moved)
        run.record_queries(started)
        self._mark_healthy(run.pipeline)
        return SyncResult(
            pipeline_id=run.pipeline.id,
            execution_id=started.id,
            execution_key=run.execution_key,
            range=moved.range,
            counts=moved.counts,
            watermark=moved.watermark if moved.range.moves_watermark else started.watermark,
            started_at=started.start_date,
            ended_at=ended_at,
            columns=moved.columns,
            schema_changes=moved.schema_changes,
            notes=moved.notes,
            lineage=lineage,
            metadata={f"observe/{name}": value for name, value in size.items()},
        )

    def _record_lineage(self, run: SyncRun, moved: TransferResult) -> tuple[ColumnFlow, ...]:
        """Say where the columns come from; it is recorded when what is declared or the columns have changed."""
        if not moved.columns:
            return ()
        found = lineage_of(run.pipeline, self.project, moved.columns, self._options(run))
        if moved.schema_changes or self.ledger.declared.pipeline(run.pipeline.id).load_lineage:
            self.ledger.lineage.replace(run.pipeline.id, lineage_edges(run.pipeline, self.project, found))
        return found.columns

    def _options(self, run: SyncRun) -> OpenOptions:
        return OpenOptions(
            lock_wait_seconds=self.settings.lock_wait_seconds,
            batch_rows=self.settings.batch_rows,
            queries=run.queries,
            limit_memory=run.attempting.limit_memory,
        )

    def _found_committed(self, run: SyncRun, started: ExecutionRow, committed: CommittedRun) -> SyncResult:
        """The last attempt's commit did reach the destination, although its answer did not reach us."""
        planned = SyncRange(
            start=committed.range_start,
            end=committed.range_end,
            read_from=committed.range_start,
            read_until=committed.range_end,
            logical_date=started.logical_date,
            run_type=started.type,
            moves_watermark=started.moves_watermark,
        )
        moved = TransferResult(
            range=planned,
            counts=committed.counts,
            watermark=committed.watermark,
            source_columns=(),
            columns=(),
            schema_changes=(),
            notes=("The connection was lost during the commit; the destination shows that it succeeded.",),
        )
        return self._succeed(run, started, moved)

    def _mark_healthy(self, pipeline: Pipeline) -> None:
        faulted = {row.id for row in self.ledger.declared.connections() if row.status == "faulted"}
        for connection_id in faulted & {pipeline.connection_id, pipeline.destination.connection_id}:
            self.ledger.declared.clear_connection_fault(connection_id)
        if self.ledger.declared.data_model(pipeline.data_model_id).status != "valid":
            self.ledger.declared.validate_data_model(pipeline.data_model_id)
