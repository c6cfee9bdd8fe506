"""Writing to a warehouse."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from observe_dagster.datatypes import DataType
from observe_dagster.records import Column, CommittedRun, Counts, TableName
from observe_dagster.warehouse.port.load import Load
from observe_dagster.warehouse.port.query_log import QueryRecorder
from observe_dagster.warehouse.port.source import Format, RowStream


def noop() -> None:
    """Do nothing."""


class Destination(Protocol):
    """An open session that writes."""

    engine: str
    formats: tuple[Format, ...]
    queries: QueryRecorder

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        ...

    def native_type(self, column: Column, *, source_engine: str) -> str:
        """The type a new column gets; raises UnsupportedTypeError where the engine cannot hold it."""
        ...

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """This engine's spelling of a type; raises UnsupportedTypeError where it has none."""
        ...

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        ...

    def committed(self, execution_key: str, table: TableName) -> CommittedRun | None:
        """The run of that key, if its rows are in the table."""
        ...

    def stage(self, load: Load, stream: RowStream) -> int:
        """Put a stream's rows beside the table, outside any reader's sight; return how many arrived."""
        ...

    def commit(self, load: Load, *, now: datetime, on_commit: Callable[[], None] = noop) -> Counts:
        """Merge the staged rows and record the run, in one transaction; `on_commit` is called right before it ends.

        Raises WatermarkConflictError when another run has committed since planning, LimitExceededError when too much
        would be deleted; nothing has changed then.
        """
        ...

    def drop_stage(self, load: Load) -> None:
        """Remove what was staged, if anything."""
        ...

    def table_bytes(self, table: TableName) -> int | None:
        """About how much room a table takes, with its indexes; None where the engine cannot tell it at once."""
        ...
