"""Record check results: the history of each check, its current status, and the logs of the Watcher document.

Freshness and timeliness are judged again every minute: a result that is the same as before is recorded once a day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.check_kinds import check_kind
from observe_dagster.ledger.checks.findings import write_findings
from observe_dagster.ledger.database import among, storable
from observe_dagster.ledger.schema.checks import OF_ONE_RUN, check_result, check_status
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.records import CheckResult, Status

KEPT_AT_LEAST_EVERY = timedelta(days=1)
_TOUCHED_EVERY = timedelta(minutes=15)
_BOUNDS = ("value", "expected", "lower_bound", "upper_bound")
_STATUS_COLUMNS = ("status", "since", "judged_at", "last_evaluated_at", "last_reported_at")
_JUDGED_AGAIN = ("status", *_BOUNDS, "reason", "evidence", "evaluated_at", "flagged")

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """The status of a check, as far as the next one depends on it."""

    status: str
    since: datetime
    judged_at: datetime
    last_evaluated_at: datetime
    last_reported_at: datetime
    execution_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transition:
    """The results to record, the newest of them that is to be written as status, and the status after all."""

    recorded: tuple[CheckResult, ...]
    newest: CheckResult | None
    status: _Status


def record_results(db: sa.Connection, results: Sequence[CheckResult]) -> None:
    """Record results, statuses and findings; idempotent."""
    by_key: dict[_Key, list[CheckResult]] = {}
    for result in results:
        by_key.setdefault(_key_of(result), []).append(result)
    if not by_key:
        return
    ids = {result.pipeline_id for result in results if result.pipeline_id is not None}
    columns = sa.select(pipeline.c.pipeline_id, pipeline.c.id)
    pks = {row.pipeline_id: row.id for row in db.execute(columns.where(among(pipeline.c.pipeline_id, ids)))}
    before = _lock_statuses(db, sorted(by_key))
    after = {key: _follow(before.get(key), by_key[key]) for key in sorted(by_key)}
    _write_results(db, [result for each in after.values() for result in each.recorded], pks)
    _write_statuses(db, after.values(), pks)
    write_findings(db, results, pks)


def _key_of(result: CheckResult) -> _Key:
    return "/".join(result.asset), result.check_name


def _follow(before: _Status | None, results: Sequence[CheckResult]) -> _Transition:
    recorded: list[CheckResult] = []
    newest: CheckResult | None = None
    status = before
    for result in results:
        persist = _should_persist(status, result)
        if persist:
            recorded.append(result)
        if status is not None and result.judged_at < status.judged_at:
            continue
        touched = persist or status is None or status.last_evaluated_at <= result.evaluated_at - _TOUCHED_EVERY
        newest = result if touched else newest
        status = _next_status(status, result, persisted=persist)
    assert status is not None
    return _Transition(recorded=tuple(recorded), newest=newest, status=status)


def _should_persist(before: _Status | None, result: CheckResult) -> bool:
    if before is None or (result.kind == "anomaly" and result.execution_id is not None):
        return True
    if not check_kind(result.kind).between_runs:
        return result.evaluated_at != before.last_evaluated_at
    status = result.outcome.status
    if status != before.status or (status is Status.FAIL and result.execution_id != before.execution_id):
        return True
    return before.last_reported_at <= result.evaluated_at - KEPT_AT_LEAST_EVERY


def _next_status(before: _Status | None, result: CheckResult, *, persisted: bool) -> _Status:
    same = before is not None and before.status == result.outcome.status
    return _Status(
        status=result.outcome.status,
        since=before.since if before is not None and same else result.evaluated_at,
        judged_at=result.judged_at,
        last_evaluated_at=result.evaluated_at,
        last_reported_at=result.evaluated_at if persisted or before is None else before.last_reported_at,
        execution_id=result.execution_id,
    )


def _lock_statuses(db: sa.Connection, keys: Sequence[_Key]) -> dict[_Key, _Status]:
    columns = check_status.c
    arrays = (sa.bindparam(None, [key[part] for key in keys], type_=sa.ARRAY(sa.Text)) for part in (0, 1))
    requested = sa.func.unnest(*arrays).table_valued("asset", "check_name", name="requested").render_derived()
    of_requested = sa.and_(columns.asset == requested.c.asset, columns.check_name == requested.c.check_name)
    statement = (
        sa.select(check_status)
        .join(requested, of_requested)
        .order_by(columns.asset, columns.check_name)
        .with_for_update(of=check_status)
    )
    return {
        (row["asset"], row["check_name"]): _Status(
            execution_id=row["pipeline_execution_id"], **{name: row[name] for name in _STATUS_COLUMNS}
        )
        for row in db.execute(statement).mappings()
    }


def _write_results(db: sa.Connection, results: Sequence[CheckResult], pks: Mapping[str, int]) -> None:
    of_runs: dict[tuple[int, str], dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for result in results:
        if check_kind(result.kind).of_executions and result.execution_id is not None:
            of_runs[result.execution_id, result.check_name] = _result_values(result, pks)
        else:
            others.append(_result_values(result, pks))
    if others:
        db.execute(sa.insert(check_result), others)
    if of_runs:
        statement = insert(check_result)
        again = {name: statement.excluded[name] for name in _JUDGED_AGAIN}
        keys = ["pipeline_execution_id", "check_name"]
        rows = [of_runs[key] for key in sorted(of_runs)]
        db.execute(statement.on_conflict_do_update(index_elements=keys, index_where=OF_ONE_RUN, set_=again), rows)


def _result_values(result: CheckResult, pks: Mapping[str, int]) -> dict[str, Any]:
    asset, check_name = _key_of(result)
    outcome = result.outcome
    return {
        "asset": asset,
        "check_name": check_name,
        "kind": result.kind,
        "status": outcome.status.value,
        "value": outcome.value,
        "expected": outcome.expected,
        "lower_bound": outcome.lower,
        "upper_bound": outcome.upper,
        "reason": storable(outcome.reason),
        "evidence": dict(outcome.evidence) or None,
        "judged_at": result.judged_at,
        "evaluated_at": result.evaluated_at,
        "pipeline_pk": pks.get(result.pipeline_id or ""),
        "pipeline_execution_id": result.execution_id,
        "flagged": outcome.status is Status.FAIL and check_kind(result.kind).flags,
    }


def _write_statuses(db: sa.Connection, transitions: Iterable[_Transition], pks: Mapping[str, int]) -> None:
    rows = [_status_values(each.status, each.newest, pks) for each in transitions if each.newest is not None]
    if not rows:
        return
    statement = insert(check_status)
    written = {name: statement.excluded[name] for name in rows[0] if name not in ("asset", "check_name")}
    db.execute(statement.on_conflict_do_update(index_elements=["asset", "check_name"], set_=written), rows)


def _status_values(after: _Status, newest: CheckResult, pks: Mapping[str, int]) -> dict[str, Any]:
    asset, check_name = _key_of(newest)
    return {
        "asset": asset,
        "check_name": check_name,
        "kind": newest.kind,
        "reason": storable(newest.outcome.reason),
        **{name: getattr(after, name) for name in _STATUS_COLUMNS},
        "pipeline_pk": pks.get(newest.pipeline_id or ""),
        "pipeline_execution_id": newest.execution_id,
    }
