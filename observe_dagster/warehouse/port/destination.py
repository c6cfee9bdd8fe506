"""Writing to a warehouse: stage, prepare, commit."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from observe_dagster.datatypes import DataType
from observe_dagster.records import Column, CommittedRun, Counts, TableName
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.load import CommitOutcome, LoadPlan, Staged
from observe_dagster.warehouse.port.query_log import QueryRecorder
from observe_dagster.warehouse.port.source import Format, RowStream


def noop() -> None:
    """Do nothing."""


class Destination(Protocol):
    """An open session that writes."""

    dialect: Dialect
    formats: tuple[Format, ...]
    queries: QueryRecorder

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        ...

    def native_type(self, column: Column, *, source: Dialect) -> str:
        """The type a new column gets; raises UnsupportedTypeError where the engine cannot hold it."""
        ...

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """This engine's spelling of a type; raises UnsupportedTypeError where it has none."""
        ...

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        ...

    def outcome(self, pipeline_id: str, execution_key: str, table: TableName) -> CommitOutcome:
        """What became of a run whose commit got no answer."""
        ...

    def stage(self, plan: LoadPlan, stream: RowStream) -> int:
        """Put a stream's rows beside the table, outside any reader's sight; return how many arrived."""
        ...

    def prepare(self, plan: LoadPlan, staged: Staged | None) -> None:
        """Make what the commit writes to: schema, tables, columns. Repeatable; changes no row that anybody reads.

        `staged` is None where there was no row to be staged.
        """
        ...

    def commit(
        self, plan: LoadPlan, staged: Staged | None, *, now: datetime, on_commit: Callable[[], None] = noop
    ) -> Counts:
        """Write the staged rows and record the run, in one transaction; `on_commit` is called right before it ends.

        No DDL, but where it is transactional a first load's stage may become the table by its name. Raises
        WatermarkConflictError when another run has committed since planning, LimitExceededError when too much would
        be deleted; no row has changed then.
        """
        ...

    def drop_stage(self, plan: LoadPlan) -> None:
        """Remove what was staged for the pipeline, by this run or by one that crashed."""
        ...

    def table_bytes(self, table: TableName) -> int | None:
        """About how much room a table takes, with its indexes; None where the engine cannot tell it at once."""
        ...
