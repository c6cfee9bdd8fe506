"""The row of `_observe_sync_run` that is committed with each run's data, in every engine."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from observe_dagster.errors import LimitExceededError
from observe_dagster.records import CommittedRun, Counts
from observe_dagster.warehouse.port.load import Load

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

COLUMNS = (
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
"""All columns but `sequence`, which the insert itself assigns."""


def values_of(load: Load, counts: Counts, now: datetime) -> list[Any]:
    """The values of COLUMNS for one run."""
    return [
        load.pipeline_id,
        load.table.table,
        load.execution_key,
        load.range.start,
        load.range.end,
        load.watermark,
        load.range.moves_watermark,
        *(getattr(counts, name) for name in _COUNTED),
        now,
    ]


def committed_run(row: Sequence[Any]) -> CommittedRun:
    """Read a row of COLUMNS."""
    values = dict(zip(COLUMNS, row, strict=True))
    committed_at: datetime = values["committed_at"]
    return CommittedRun(
        execution_key=values["execution_key"],
        range_start=values["range_start"],
        range_end=values["range_end"],
        watermark=values["watermark"],
        committed_at=committed_at.astimezone(UTC),
        counts=Counts(**{name: values[name] for name in _COUNTED}),
    )


def check_deletes(load: Load, *, gone: int, live: int) -> None:
    """Refuse to soft-delete more of a table than the pipeline allows; raises LimitExceededError."""
    if live and gone * 100 > load.max_delete_percent * live:
        raise LimitExceededError(
            load.pipeline_id,
            "max_delete_percent",
            f"{gone} of {live} rows are gone at the source ({gone * 100 / live:.1f} %), more than "
            f"max_delete_percent {load.max_delete_percent:g}. Nothing was changed; check the source, then raise the "
            "limit or trigger a full refresh.",
        )
