"""Rows of checks: their inputs, current status and results."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from observe_dagster.records import RunType, Status

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationsRow:
    """The freshness and timeliness pairs of a pipeline or of its type."""

    freshness_number: int | None = None
    freshness_datepart: str | None = None
    mute_freshness_check: bool = False
    timeliness_number: int | None = None
    timeliness_datepart: str | None = None
    mute_timeliness_check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTiming:
    """When a run started and ended; an open one has no end and no outcome."""

    execution_id: int
    started_at: datetime
    ended_at: datetime | None = None
    succeeded: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRequestedRun:
    """The run that started last by schedule or by hand; backfills do not count."""

    run_type: RunType
    logical_date: datetime
    range_end: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingInputs:
    """All that freshness and timeliness of one pipeline are judged by.

    `own` is what the pipeline declares and `inherited` what its type does. `open_runs` have not ended;
    `untimed_runs` ended and were not judged for timeliness yet; both the oldest first. `latest_ended` and
    `latest_start` are None also where no timeliness is expected. `freshness_status` and `timeliness_status` are the
    current statuses. `changed_at` is when the declared pipeline last changed, or was paused or resumed.
    """

    pipeline_id: str
    name: str
    asset: tuple[str, ...]
    managed: bool
    active: bool
    paused: bool
    faulted: bool
    created_at: datetime
    changed_at: datetime
    last_insert: datetime | None
    last_update: datetime | None
    last_soft_delete: datetime | None
    own: ExpectationsRow
    inherited: ExpectationsRow | None
    open_runs: tuple[RunTiming, ...] = ()
    untimed_runs: tuple[RunTiming, ...] = ()
    latest_ended: RunTiming | None = None
    latest_start: LastRequestedRun | None = None
    freshness_status: Status | None = None
    timeliness_status: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """An anomaly detection rule as it is in the ledger."""

    id: int
    metric_field: str
    method: str
    z_threshold: float
    lookback_days: int
    minimum_executions: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnomalyCase:
    """One rule, the runs it is to judge, and every run that they may be compared with, as arrays of one length.

    `at` is when each run started, in microseconds since 1970 in UTC; a missing value is NaN. `flagged` runs are
    anomalies; `unflagged` ones were, until somebody unflagged them.
    """

    pipeline_id: str
    name: str
    asset: tuple[str, ...]
    rule: RuleRow
    to_judge: frozenset[int]
    execution_ids: "npt.NDArray[np.int64]"
    at: "npt.NDArray[np.int64]"
    values: "npt.NDArray[np.float64]"
    flagged: "npt.NDArray[np.bool_]"
    unflagged: "npt.NDArray[np.bool_]"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """The current status of one check of one asset.

    `since` is when it began, and `last_reported_at` when a result with it was last recorded and reported.
    """

    asset: tuple[str, ...]
    check_name: str
    kind: str
    status: Status
    reason: str
    since: datetime
    judged_at: datetime
    last_evaluated_at: datetime
    last_reported_at: datetime
    pipeline_id: str | None
    execution_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResultRow:
    """One recorded result; a `flagged` value is not part of a baseline."""

    id: int
    asset: tuple[str, ...]
    check_name: str
    kind: str
    status: Status
    reason: str
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    evidence: dict[str, Any]
    judged_at: datetime
    evaluated_at: datetime
    pipeline_id: str | None
    execution_id: int | None
    flagged: bool
