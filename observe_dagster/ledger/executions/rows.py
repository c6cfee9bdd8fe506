"""Rows of executions and pages of them; every time is aware and in UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from observe_dagster.records import Counts, RunStatus, RunType


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One run of one pipeline; `counts` is None until it succeeds.

    `watermark` is where it started from, `next_watermark` what it planned to reach, `reached_watermark` what it
    committed. `retry_errors` are the errors of earlier attempts of the same run.
    """

    id: int
    parent_id: int | None
    pipeline_id: str
    execution_key: str
    type: RunType
    status: RunStatus
    errors: tuple[str, ...]
    retry_errors: tuple[str, ...]
    attempts: int
    logical_date: datetime
    range_start: str | None
    range_end: str | None
    start_date: datetime
    end_date: datetime | None
    duration_seconds: float | None
    completed_successfully: bool | None
    counts: Counts | None
    throughput: float | None
    watermark: str | None
    next_watermark: str | None
    reached_watermark: str | None
    moves_watermark: bool
    execution_metadata: dict[str, Any] | None
    anomaly_flags: dict[str, bool] | None
    dagster_run_id: str | None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.end_date is None


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list, counted from 1, with the envelope of the Warehouse Sync document."""

    items: tuple[Item, ...]
    current_page: int
    page_size: int
    total_items: int

    @property
    def total_pages(self) -> int:
        """How many pages there are; 0 when there is nothing."""
        return -(-self.total_items // self.page_size)

    @property
    def has_previous_page(self) -> bool:
        """Whether a page comes before this one."""
        return self.current_page > 1

    @property
    def has_next_page(self) -> bool:
        """Whether a page comes after this one."""
        return self.current_page < self.total_pages
