"""Keep what checks say: the history of each, how each stands now, and the logs of the Watcher document.

Freshness and timeliness are judged again every minute: a verdict that says the same is kept once a day.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.check_kinds import check_kind
from observe_dagster.ledger.checks.findings import write_findings
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.schema.checks import OF_ONE_RUN, check_result, check_status
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.records import CheckResult, Status

KEPT_AT_LEAST_EVERY = timedelta(days=1)
_TOUCHED_EVERY = timedelta(minutes=15)
_BOUNDS = ("value", "expected", "lower_bound", "upper_bound")
_JUDGED_AGAIN = ("status", *_BOUNDS, "reason", "evidence", "evaluated_at", "flagged")

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """How a check stood."""

    status: str
    since: datetime
    judged_at: datetime
    last_evaluated_at: datetime
    last_reported_at: datetime
    execution_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _After:
    """How it stands after some verdicts: those to keep, and the newest, unless all are older than the standing."""

    kept: tuple[CheckResult, ...]
    newest: CheckResult | None
    standing: _Before


def record_results(db: sa.Connection, results: Sequence[CheckResult]) -> None:
    """Keep the verdicts and what follows from them, all or nothing; saying one thing twice says it once."""
    by_key: dict[_Key, list[CheckResult]] = {}
    for result in results:
        by_key.setdefault(key_of(result), []).append(result)
    if not by_key:
        return
    numbers = _pipeline_numbers(db, {result.pipeline_id for result in results if result.pipeline_id is not None})
    before = _lock_standings(db, sorted(by_key))
    after = {key: _follow(before.get(key), by_key[key]) for key in sorted(by_key)}
    _write_results(db, [result for found in after.values() for result in found.kept], numbers)
    _write_standings(db, after.values(), numbers)
    write_findings(db, results, numbers)


def key_of(result: CheckResult) -> _Key:
    """What a standing is found by."""
    return "/".join(result.asset), result.check_name


def _follow(before: _Before | None, results: Sequence[CheckResult]) -> _After:
    kept: list[CheckResult] = []
    newest: CheckResult | None = None
    standing = before
    for result in results:
        keep = _should_persist(standing, result)
        if keep:
            kept.append(result)
        if standing is not None and result.judged_at < standing.judged_at:
            continue
        touched = keep or standing is None or standing.last_evaluated_at <= result.evaluated_at - _TOUCHED_EVERY
        newest = result if touched else newest
        standing = _next_status(standing, result, kept=keep)
    assert standing is not None
    return _After(kept=tuple(kept), newest=newest, standing=standing)


def _should_persist(before: _Before | None, result: CheckResult) -> bool:
    if before is None or (result.kind == "anomaly" and result.execution_id is not None):
        return True
    if not check_kind(result.kind).between_runs:
        return result.evaluated_at != before.last_evaluated_at
    status = result.outcome.status
    if status != before.status or (status is Status.FAIL and result.execution_id != before.execution_id):
        return True
    return before.last_reported_at <= result.evaluated_at - KEPT_AT_LEAST_EVERY


def _next_status(before: _Before | None, result: CheckResult, *, kept: bool) -> _Before:
    same = before is not None and before.status == result.outcome.status
    recorded = result.evaluated_at if kept or before is None else before.last_reported_at
    return _Before(
        status=result.outcome.status,
        since=before.since if before is not None and same else result.evaluated_at,
        judged_at=result.judged_at,
        last_evaluated_at=result.evaluated_at,
        last_reported_at=recorded,
        execution_id=result.execution_id,
    )


def _pipeline_numbers(db: sa.Connection, slugs: Collection[str]) -> dict[str, int]:
    chosen = pipeline.c.slug == sa.any_(sa.bindparam(None, list(slugs), type_=sa.ARRAY(sa.Text)))
    return {row.slug: row.id for row in db.execute(sa.select(pipeline.c.slug, pipeline.c.id).where(chosen))}


def _lock_standings(db: sa.Connection, keys: Sequence[_Key]) -> dict[_Key, _Before]:
    columns = check_status.c
    assets, names = ([key[part] for key in keys] for part in (0, 1))
    given = sa.func.unnest(
        sa.bindparam(None, assets, type_=sa.ARRAY(sa.Text)), sa.bindparam(None, names, type_=sa.ARRAY(sa.Text))
    )
    wanted = given.table_valued("asset", "check_name", name="wanted").render_derived()
    statement = (
        sa.select(check_status)
        .join(wanted, sa.and_(columns.asset == wanted.c.asset, columns.check_name == wanted.c.check_name))
        .order_by(columns.asset, columns.check_name)
        .with_for_update(of=check_status)
    )
    return {
        (row.asset, row.check_name): _Before(
            status=row.status,
            since=row.since,
            judged_at=row.judged_at,
            last_evaluated_at=row.last_evaluated_at,
            last_reported_at=row.last_reported_at,
            execution_id=row.pipeline_execution_id,
        )
        for row in db.execute(statement)
    }


def _write_results(db: sa.Connection, results: Sequence[CheckResult], numbers: dict[str, int]) -> None:
    of_runs: dict[tuple[int, str], dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for result in results:
        if check_kind(result.kind).of_executions and result.execution_id is not None:
            of_runs[result.execution_id, result.check_name] = _result_values(result, numbers)
        else:
            others.append(_result_values(result, numbers))
    if others:
        db.execute(sa.insert(check_result), others)
    if of_runs:
        statement = insert(check_result)
        judged = (
            "status",
            "value",
            "expected",
            "lower_bound",
            "upper_bound",
            "reason",
            "evidence",
            "evaluated_at",
            "flagged",
        )
        again = {name: statement.excluded[name] for name in judged}
        keys = ["pipeline_execution_id", "check_name"]
        rows = [of_runs[key] for key in sorted(of_runs)]
        db.execute(statement.on_conflict_do_update(index_elements=keys, index_where=OF_ONE_RUN, set_=again), rows)


def _result_values(result: CheckResult, numbers: dict[str, int]) -> dict[str, Any]:
    asset, check_name = key_of(result)
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
        "pipeline_id": numbers.get(result.pipeline_id or ""),
        "pipeline_execution_id": result.execution_id,
        "flagged": outcome.status is Status.FAIL and check_kind(result.kind).flags,
    }


def _write_standings(db: sa.Connection, found: Iterable[_After], numbers: dict[str, int]) -> None:
    rows = [_standing_values(each, each.newest, numbers) for each in found if each.newest is not None]
    if not rows:
        return
    statement = insert(check_status)
    written = {name: statement.excluded[name] for name in rows[0] if name not in ("asset", "check_name")}
    db.execute(statement.on_conflict_do_update(index_elements=["asset", "check_name"], set_=written), rows)


def _standing_values(after: _After, newest: CheckResult, numbers: dict[str, int]) -> dict[str, Any]:
    asset, check_name = key_of(newest)
    standing = replace(after.standing, execution_id=newest.execution_id)
    return {
        "asset": asset,
        "check_name": check_name,
        "kind": newest.kind,
        "status": standing.status,
        "reason": storable(newest.outcome.reason),
        "since": standing.since,
        "judged_at": standing.judged_at,
        "last_evaluated_at": standing.last_evaluated_at,
        "last_reported_at": standing.last_reported_at,
        "pipeline_id": numbers.get(newest.pipeline_id or ""),
        "pipeline_execution_id": standing.execution_id,
    }
