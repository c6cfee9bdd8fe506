"""Closes executions whose process is gone, as what the destination says they became.

Only the holder of a pipeline's lock may call this: whoever started them would be holding it still.
"""

from datetime import timedelta

from observe_dagster.clock import Clock
from observe_dagster.config.project import Project
from observe_dagster.errors import ConnectionFailedError, LedgerConflictError, NotFoundError
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import CommittedRun, TableName
from observe_dagster.warehouse import OpenOptions, open_warehouse
from observe_dagster.warehouse.port.load import CommitOutcome, Committed, NotCommitted, Running

_SHORTEST = timedelta(microseconds=1)
_WAIT_SECONDS = 30.0
_ABANDONED = "The process that ran this ended before it could finish; nothing of it was committed."


def close_abandoned(project: Project, ledger: Ledger, pipeline_id: str, *, clock: Clock) -> list[ExecutionRow]:
    """Close a pipeline's open executions; leaves them open while the destination cannot be asked or still commits."""
    abandoned = ledger.executions.open(pipeline_id)
    if not abandoned:
        return []
    try:
        outcomes = _outcomes(project, pipeline_id, abandoned)
    except ConnectionFailedError:
        return []
    closed: list[ExecutionRow] = []
    for execution in abandoned:
        outcome = outcomes[execution.execution_key]
        if isinstance(outcome, Running):
            continue
        committed = outcome.run if isinstance(outcome, Committed) else None
        try:
            closed.append(_close(ledger, execution, committed, clock=clock))
        except LedgerConflictError:
            # Its process lost the lock and not its life: it has ended the execution itself in the meantime.
            closed.append(ledger.executions.get(execution.id))
    return closed


def _outcomes(project: Project, pipeline_id: str, executions: list[ExecutionRow]) -> dict[str, CommitOutcome]:
    try:
        target = project.pipeline(pipeline_id).destination
    except NotFoundError:
        return {row.execution_key: NotCommitted() for row in executions}
    table = TableName(schema=target.schema_, table=target.table)
    warehouse = open_warehouse(project.connection(target.connection_id))
    with warehouse.destination(OpenOptions(lock_wait_seconds=_WAIT_SECONDS)) as destination:
        return {row.execution_key: destination.outcome(pipeline_id, row.execution_key, table) for row in executions}


def _close(ledger: Ledger, execution: ExecutionRow, committed: CommittedRun | None, *, clock: Clock) -> ExecutionRow:
    least = execution.start_date + _SHORTEST
    if committed is None:
        return ledger.executions.fail(
            execution.execution_key, ended_at=max(clock(), least), errors=[*execution.retry_errors, _ABANDONED]
        )
    return ledger.executions.succeed(
        execution.execution_key,
        ended_at=max(committed.committed_at, least),
        counts=committed.counts,
        watermark=committed.watermark,
        range_end=committed.range_end,
        force_watermark=True,
        clear_fault=True,
        overrule_failure=True,
    )
