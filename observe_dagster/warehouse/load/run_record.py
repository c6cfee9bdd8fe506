"""The row of `_observe_sync_run` that is committed with each run's data, in every engine."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from observe_dagster.errors import LimitExceededError
from observe_dagster.records import CommittedRun, Counts
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, LoadPlan

_COUNTED = (
    "total_rows",
    "inserts",
    "updates",
    "unchanged",
    "soft_deletes",
    "rejected",
    "superseded",
    "late",
    "bytes",
    "table_rows",
)
_COLUMNS = (
    "pipeline_id",
    "table_name",
    "execution_key",
    "range_start",
    "range_end",
    "watermark",
    "moves_watermark",
    *_COUNTED,
    "committed_at",
)
_NAMES = ", ".join(_COLUMNS)


def create_sync_run(schema: str, dialect: Dialect) -> str:
    """The table that records each committed run beside the data it wrote."""
    text = dialect.text_type
    counts = ", ".join(f"{name} bigint NOT NULL" for name in _COUNTED if name != "table_rows")
    key = ", PRIMARY KEY (pipeline_id, table_name, sequence)" if dialect.capabilities.enforced_keys else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {dialect.quote(schema, SYNC_RUN_TABLE)} (pipeline_id {text} NOT NULL, "
        f"table_name {text} NOT NULL, sequence bigint NOT NULL, execution_key {text} NOT NULL UNIQUE, "
        f"range_start {text}, range_end {text}, watermark {text}, moves_watermark boolean NOT NULL, "
        f"{counts}, table_rows bigint, committed_at {dialect.timestamp_type} NOT NULL{key})"
    )


def add_run(plan: LoadPlan, counts: Counts, now: datetime, dialect: Dialect) -> str:
    """Record a run; its number follows that of the pipeline's last one."""
    run, table = plan.run, dialect.quote(plan.target.table.schema, SYNC_RUN_TABLE)
    values = [
        run.pipeline_id,
        plan.target.table.table,
        run.execution_key,
        run.range.start,
        run.range.end,
        run.watermark,
        run.range.moves_watermark,
        *(getattr(counts, name) for name in _COUNTED),
        now,
    ]
    pipeline_id, table_name, *_ = literals = [dialect.literal(value) for value in values]
    return (
        f"INSERT INTO {table} (sequence, {_NAMES}) SELECT coalesce(max(sequence), 0) + 1, {', '.join(literals)} "
        f"FROM {table} WHERE pipeline_id = {pipeline_id} AND table_name = {table_name}"
    )


def newest_run(schema: str, dialect: Dialect, **conditions: str | bool) -> str:
    """The newest recorded run in a schema with these values."""
    tests = " AND ".join(f"{name} = {dialect.literal(value)}" for name, value in conditions.items())
    return f"SELECT {_NAMES} FROM {dialect.quote(schema, SYNC_RUN_TABLE)} WHERE {tests} ORDER BY sequence DESC LIMIT 1"


def committed_run(row: Sequence[Any]) -> CommittedRun:
    """Read a row that `newest_run` gives."""
    values = dict(zip(_COLUMNS, row, strict=True))
    committed_at: datetime = values["committed_at"]
    return CommittedRun(
        execution_key=values["execution_key"],
        range_start=values["range_start"],
        range_end=values["range_end"],
        watermark=values["watermark"],
        committed_at=committed_at.astimezone(UTC),
        counts=Counts(**{name: values[name] for name in _COUNTED}),
    )


def check_deletes(plan: LoadPlan, *, gone: int, live: int) -> None:
    """Refuse to soft-delete more of a table than the pipeline allows; raises LimitExceededError."""
    most = plan.rules.max_delete_percent
    if live and gone * 100 > most * live:
        raise LimitExceededError(
            plan.run.pipeline_id,
            "max_delete_percent",
            f"{gone} of {live} rows are gone at the source ({gone * 100 / live:.1f} %), more than "
            f"max_delete_percent {most:g}. Nothing was changed; check the source, then raise the "
            "limit or trigger a full refresh.",
        )
