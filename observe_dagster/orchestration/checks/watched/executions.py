"""Materializations in Dagster's event log, as executions of watched assets for the ledger."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from observe_dagster.records import Counts

if TYPE_CHECKING:
    from observe_dagster.ledger import EndedExecution

DURATION_KEY = "observe/duration_seconds"
ROW_KEYS = ("observe/total_rows", "dagster/partition_row_count", "dagster/row_count")
"""The metadata keys of the number of rows; the first that is present counts."""

_MOST_ROWS = 2**63 - 1
_LONGEST = 100 * 366 * 24 * 3600


class ExecutionReader:
    """Turns materializations into executions; fetches the start of each step of a run once."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._starts: dict[tuple[str, str], datetime | None] = {}

    def execution(self, record: dg.EventLogRecord, *, is_past: bool = False) -> "EndedExecution":
        """The execution of a materialization: start, end, rows, and every number that it reported."""
        from observe_dagster.ledger import EndedExecution

        materialization = record.asset_materialization
        assert materialization is not None
        numbers, ended_at = measured(materialization.metadata), _instant(record.timestamp)
        metadata: dict[str, Any] = {**numbers}
        if materialization.partition is not None:
            metadata["observe/partition"] = materialization.partition
        rows = next((numbers[name] for name in ROW_KEYS if name in numbers), None)
        return EndedExecution(
            asset_key=materialization.asset_key.to_user_string(),
            execution_key=execution_key(record),
            started_at=self._started_at(record, numbers, ended_at),
            ended_at=ended_at,
            counts=Counts(total_rows=int(rows)) if rows is not None and 0 <= rows <= _MOST_ROWS else None,
            execution_metadata=metadata,
            dagster_run_id=record.run_id or None,
            is_past=is_past,
        )

    def _started_at(
        self, record: dg.EventLogRecord, numbers: Mapping[str, float], ended_at: datetime
    ) -> datetime | None:
        """The end less the reported duration, else the step's start; None for a report from outside without either."""
        seconds = numbers.get(DURATION_KEY)
        if seconds is not None and 0 < seconds < _LONGEST:
            return ended_at - timedelta(seconds=seconds)
        run_id, step_key = record.run_id, record.event_log_entry.step_key
        if not run_id or step_key is None:
            return None
        if (run_id, step_key) not in self._starts:
            stats = self._instance.get_run_step_stats(run_id, step_keys=[step_key])
            start = next((each.start_time for each in stats if each.start_time is not None), None)
            self._starts[run_id, step_key] = None if start is None else _instant(start)
        return self._starts[run_id, step_key]


def execution_key(record: dg.EventLogRecord) -> str:
    """The key of an event's execution: the same whenever the event is read, and different in every other instance."""
    key = record.asset_key
    assert key is not None
    return f"event/{record.storage_id}/{record.timestamp:.6f}/{key.to_user_string()}"


def measured(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, float]:
    """The metadata that are numbers, by their keys; times and truth values are none."""
    return {
        name.replace("\0", ""): value.value
        for name, value in metadata.items()
        if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue)
        and value.value is not None
        and math.isfinite(value.value)
    }


def _instant(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
