"""The ledger's front: every verb, each in one transaction."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.config.project import Project
from observe_dagster.ledger.checks.store import CheckStore
from observe_dagster.ledger.database import reporting
from observe_dagster.ledger.declared.rows import ConnectionRow, DataModelRow, PipelineRow, SynchroniseReport
from observe_dagster.ledger.declared.store import (
    all_connections,
    all_data_models,
    all_pipelines,
    find_connection,
    find_data_model,
    find_pipeline,
    set_connection_errors,
    set_data_model_errors,
    set_paused,
    set_pipeline_errors,
    set_watermark,
)
from observe_dagster.ledger.declared.synchronise import synchronise
from observe_dagster.ledger.executions.lock import PipelineLock, pipeline_lock
from observe_dagster.ledger.executions.queries import (
    child_executions,
    execution,
    execution_by_key,
    executions,
    latest_execution,
    latest_executions,
    latest_successful_execution_id,
    open_executions,
)
from observe_dagster.ledger.executions.query_log import record_queries, record_schema_changes
from observe_dagster.ledger.executions.rows import ExecutionRow, Page
from observe_dagster.ledger.executions.store import (
    Start,
    Success,
    fail,
    mark_retrying,
    parent_number,
    set_open_status,
    start,
    succeed,
)
from observe_dagster.ledger.lineage.edges import replace_lineage
from observe_dagster.ledger.lineage.rows import LineageEdge
from observe_dagster.ledger.lineage.store import LineageStore
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.ledger.watched.store import (
    EndedExecution,
    WatchedAsset,
    WatchedAssetStore,
    record_execution,
    upsert_watched_asset,
)
from observe_dagster.records import Counts, QueryLog, RunStatus, RunType, SchemaChange


class Ledger(LedgerSession):
    """The record of what is declared, what ran and what was seen. Verbs raise LedgerError, or NotFoundError."""

    @property
    def verdicts(self) -> CheckStore:
        """What the checks said, and what they judge by."""
        return CheckStore(self.engine)

    @property
    def watched(self) -> WatchedAssetStore:
        """The assets that others make."""
        return WatchedAssetStore(self.engine)

    @property
    def lineage(self) -> LineageStore:
        """Where data comes from and goes to, and SQL taken in for it."""
        return LineageStore(self.engine)

    def synchronise(self, project: Project, *, now: datetime) -> SynchroniseReport:
        """Bring the ledger in step with what is declared; writes nothing when nothing differs."""
        with reporting(self.engine):
            return synchronise(self.engine, project, now=now)

    def pipeline(self, pipeline_id: str) -> PipelineRow:
        """The pipeline of that id."""
        with self.transaction() as db:
            return find_pipeline(db, pipeline_id)

    def pipelines(self, *, watched: bool = False) -> list[PipelineRow]:
        """Every declared pipeline, by id; with `observed` also the assets that others make."""
        with self.transaction() as db:
            return all_pipelines(db, observed=watched)

    def observe_asset(
        self,
        asset_key: str,
        *,
        name: str | None = None,
        expectations: Expectations | None = None,
        rules: Sequence[AnomalyDetectionRule] = (),
        now: datetime,
    ) -> PipelineRow:
        """Find or begin to observe an asset that others make, by its key with the parts joined by `/`.

        What is expected of it is what was said last; writes nothing when nothing differs.
        """
        wanted = WatchedAsset(asset_key=asset_key, name=name, expectations=expectations, rules=tuple(rules))
        with self.transaction() as db:
            return upsert_watched_asset(db, wanted, now=now)

    def record_execution(self, ended: EndedExecution) -> ExecutionRow:
        """Record a whole run of an observed asset; the same key is recorded once."""
        with self.transaction() as db:
            return record_execution(db, ended)

    def connection_row(self, connection_id: str) -> ConnectionRow:
        """The connection of that id."""
        with self.transaction() as db:
            return find_connection(db, connection_id)

    def connections(self) -> list[ConnectionRow]:
        """Every declared connection, by id."""
        with self.transaction() as db:
            return all_connections(db)

    def data_model_row(self, data_model_id: str) -> DataModelRow:
        """The data model of that id."""
        with self.transaction() as db:
            return find_data_model(db, data_model_id)

    def data_models(self) -> list[DataModelRow]:
        """Every declared data model, by id."""
        with self.transaction() as db:
            return all_data_models(db)

    @contextmanager
    def pipeline_lock(self, pipeline_id: str) -> Generator[PipelineLock]:
        """Try to be the only one who runs the pipeline, anywhere; true in a boolean sense when acquired."""
        with pipeline_lock(self.engine, pipeline_id) as lock:
            yield lock

    def start_execution(
        self,
        *,
        pipeline_id: str,
        execution_key: str,
        run_type: RunType,
        logical_date: datetime,
        range_start: str | None,
        range_end: str | None,
        watermark: str | None,
        next_watermark: str | None,
        started_at: datetime,
        moves_watermark: bool,
        dagster_run_id: str | None = None,
        parent_execution_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ExecutionRow:
        """Record the start of a run; the same key with the same facts answers the same row.

        Facts are the pipeline, type, logical date, range, watermarks and parent; a repeated start may come from
        another process at another time. Other facts raise LedgerConflictError.
        """
        with self.transaction() as db:
            parent_id = None if parent_execution_key is None else parent_number(db, parent_execution_key)
            facts = Start(
                pipeline_id=pipeline_id,
                type=run_type,
                logical_date=logical_date,
                range_start=range_start,
                range_end=range_end,
                watermark=watermark,
                next_watermark=next_watermark,
                moves_watermark=moves_watermark,
                parent_id=parent_id,
            )
            return start(
                db,
                facts,
                execution_key=execution_key,
                started_at=started_at,
                dagster_run_id=dagster_run_id,
                metadata=metadata,
            )

    def mark_retrying(self, execution_key: str, *, error: str, attempt: int) -> ExecutionRow:
        """Note an error that attempt number `attempt` follows."""
        with self.transaction() as db:
            return mark_retrying(db, execution_key, error=error, attempt=attempt)

    def mark_running(self, execution_key: str) -> ExecutionRow:
        """Note that a queued or retrying execution runs."""
        with self.transaction() as db:
            return set_open_status(db, execution_key, RunStatus.RUNNING)

    def succeed_execution(
        self,
        execution_key: str,
        *,
        ended_at: datetime,
        counts: Counts,
        watermark: str | None,
        range_end: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        clear_fault: bool = False,
        force_watermark: bool = False,
        overrule_failure: bool = False,
    ) -> ExecutionRow:
        """End a run well and advance the pipeline's watermark if it is where this run started from.

        `force_watermark` advances it from anywhere, for the destination is the truth. `overrule_failure` lets a run
        that somebody else has closed succeed after all. Repeating is fine; other facts raise LedgerConflictError.
        """
        success = Success(
            ended_at=ended_at,
            counts=counts,
            watermark=watermark,
            range_end=range_end,
            metadata=metadata,
            clear_fault=clear_fault,
            force_watermark=force_watermark,
            overrule_failure=overrule_failure,
        )
        with self.transaction() as db:
            return succeed(db, execution_key, success)

    def fail_execution(
        self, execution_key: str, *, ended_at: datetime, errors: Sequence[str], status: RunStatus = RunStatus.FAILED
    ) -> ExecutionRow:
        """End a run badly, as failed or stopped; the watermark stays. Repeating is fine."""
        with self.transaction() as db:
            return fail(db, execution_key, ended_at=ended_at, errors=errors, status=status)

    def fault_pipeline(self, pipeline_id: str, errors: Sequence[str]) -> None:
        """Mark a pipeline faulted with at least one error."""
        with self.transaction() as db:
            set_pipeline_errors(db, pipeline_id, _some(errors))

    def clear_pipeline_fault(self, pipeline_id: str) -> None:
        """Clear a pipeline's fault."""
        with self.transaction() as db:
            set_pipeline_errors(db, pipeline_id, ())

    def fault_connection(self, connection_id: str, errors: Sequence[str]) -> None:
        """Mark a connection faulted with at least one error."""
        with self.transaction() as db:
            set_connection_errors(db, connection_id, _some(errors))

    def clear_connection_fault(self, connection_id: str) -> None:
        """Mark a connection healthy."""
        with self.transaction() as db:
            set_connection_errors(db, connection_id, ())

    def invalidate_data_model(self, data_model_id: str, errors: Sequence[str]) -> None:
        """Mark a data model invalid with at least one error."""
        with self.transaction() as db:
            set_data_model_errors(db, data_model_id, _some(errors))

    def validate_data_model(self, data_model_id: str) -> None:
        """Mark a data model valid."""
        with self.transaction() as db:
            set_data_model_errors(db, data_model_id, ())

    def set_watermark(self, pipeline_id: str, watermark: str | None) -> None:
        """Set a pipeline's watermark to what its destination says."""
        with self.transaction() as db:
            set_watermark(db, pipeline_id, watermark)

    def pause(self, pipeline_id: str) -> None:
        """Pause a pipeline until it is resumed, whatever its files say."""
        with self.transaction() as db:
            set_paused(db, pipeline_id, paused=True)

    def resume(self, pipeline_id: str) -> None:
        """Undo a pause; a pipeline declared as paused stays so."""
        with self.transaction() as db:
            set_paused(db, pipeline_id, paused=False)

    def execution(self, execution_id: int) -> ExecutionRow:
        """The execution of that number."""
        with self.transaction() as db:
            return execution(db, execution_id)

    def execution_by_key(self, execution_key: str) -> ExecutionRow:
        """The execution that was started with that key."""
        with self.transaction() as db:
            return execution_by_key(db, execution_key)

    def open_executions(self, pipeline_id: str | None = None) -> list[ExecutionRow]:
        """Executions that have not ended, of one pipeline or all, oldest first."""
        with self.transaction() as db:
            return open_executions(db, pipeline_id)

    def child_executions(self, execution_id: int, *, max_depth: int | None = None) -> list[ExecutionRow]:
        """The executions below one, down to `max_depth`."""
        with self.transaction() as db:
            return child_executions(db, execution_id, max_depth)

    def executions(
        self,
        pipeline_id: str,
        *,
        page: int = 1,
        page_size: int = 50,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> Page[ExecutionRow]:
        """One page of a pipeline's executions by number; the dates bound the logical date and belong to it."""
        with self.transaction() as db:
            return executions(db, pipeline_id, page=page, page_size=page_size, start_date=start_date, end_date=end_date)

    def latest_execution(self, pipeline_id: str) -> ExecutionRow | None:
        """The execution with the latest logical date."""
        with self.transaction() as db:
            return latest_execution(db, pipeline_id)

    def latest_executions(self) -> dict[str, ExecutionRow]:
        """The execution that started last, of each pipeline and observed asset that has one."""
        with self.transaction() as db:
            return latest_executions(db)

    def latest_successful_execution_id(self, pipeline_id: str) -> int | None:
        """The number of the execution that ended well last."""
        with self.transaction() as db:
            return latest_successful_execution_id(db, pipeline_id)

    def record_queries(self, execution_id: int, queries: Sequence[QueryLog]) -> None:
        """Keep the statements that an execution sent."""
        with self.transaction() as db:
            record_queries(db, execution_id, queries)

    def record_schema_changes(self, execution_id: int, changes: Sequence[SchemaChange]) -> None:
        """Keep the schema changes that an execution met."""
        with self.transaction() as db:
            record_schema_changes(db, execution_id, changes)

    def replace_lineage(self, pipeline_id: str, edges: Iterable[LineageEdge]) -> None:
        """Make these the pipeline's edges."""
        with self.transaction() as db:
            replace_lineage(db, pipeline_id, edges)


def _some(errors: Sequence[str]) -> Sequence[str]:
    if not errors:
        raise ValueError("a fault needs at least one error")
    return errors
