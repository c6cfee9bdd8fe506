"""Write what verdicts mean for the tables of the Watcher document: anomalies and flags, late tables, late runs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.schema.checks import (
    anomaly_detection_result,
    anomaly_detection_rule,
    freshness_pipeline_log,
    timeliness_pipeline_execution_log,
)
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.records import CheckResult, Status

_Row = dict[str, Any]


def write_findings(db: sa.Connection, results: Sequence[CheckResult], numbers: Mapping[str, int]) -> None:
    """Write the findings of these verdicts; `numbers` are the ledger's of the pipelines."""
    of_kind: dict[str, list[CheckResult]] = {}
    for result in results:
        if result.pipeline_id in numbers:
            of_kind.setdefault(result.kind, []).append(result)
    _write_freshness(db, of_kind.get("freshness", ()), numbers)
    _write_timeliness(db, of_kind.get("timeliness", ()), numbers)
    _write_anomalies(db, of_kind.get("anomaly", ()), numbers)


def _write_freshness(db: sa.Connection, results: Sequence[CheckResult], numbers: Mapping[str, int]) -> None:
    """Open one entry for each alert, and close it when the table is fresh again."""
    log = freshness_pipeline_log
    late = [
        {
            "pipeline_id": numbers[result.pipeline_id or ""],
            "last_dml_timestamp": datetime.fromisoformat(result.outcome.evidence["last_dml_timestamp"]),
            "evaluation_timestamp": result.evaluated_at,
            "freshness_number": result.outcome.evidence["freshness_number"],
            "freshness_datepart": result.outcome.evidence["freshness_datepart"],
            "used_child_config": result.outcome.evidence["used_child_config"],
        }
        for result in results
        if result.outcome.status is Status.FAIL
    ]
    fresh = {
        numbers[result.pipeline_id or ""]: result.evaluated_at
        for result in results
        if result.outcome.status is Status.PASS
    }
    if fresh:
        at = max(fresh.values())
        closed = sa.update(log).where(log.c.recovered_at.is_(None), _among(log.c.pipeline_id, fresh))
        db.execute(closed.values(recovered_at=at))
    if late:
        statement = insert(log).on_conflict_do_update(
            index_elements=["pipeline_id", "last_dml_timestamp"],
            set_={"recovered_at": None},
            where=log.c.recovered_at.is_not(None),
        )
        db.execute(statement, late)


def _write_timeliness(db: sa.Connection, results: Sequence[CheckResult], numbers: Mapping[str, int]) -> None:
    """Log each late run once, and mark the runs that ended as judged."""
    judged: dict[int, CheckResult] = {
        result.execution_id: result for result in results if result.execution_id is not None and result.outcome.judged
    }
    ended = {number: result for number, result in judged.items() if _execution_status(result) != "running"}
    if ended:
        _mark(db, "timeliness_judged_at", ended)
    late = [
        {
            "pipeline_execution_id": number,
            "pipeline_id": numbers[result.pipeline_id or ""],
            "duration_seconds": result.outcome.value,
            "seconds_threshold": result.outcome.upper,
            "execution_status": _execution_status(result),
            "timely_number": result.outcome.evidence["timely_number"],
            "timely_datepart": result.outcome.evidence["timely_datepart"],
            "used_child_config": result.outcome.evidence["used_child_config"],
        }
        for number, result in sorted(judged.items())
        if result.outcome.status is Status.FAIL
    ]
    if late:
        log = timeliness_pipeline_execution_log
        statement = insert(log)
        told = {name: statement.excluded[name] for name in ("duration_seconds", "execution_status")}
        differs = log.c.execution_status.is_distinct_from(statement.excluded.execution_status)
        again = statement.on_conflict_do_update(index_elements=["pipeline_execution_id"], set_=told, where=differs)
        db.execute(again, late)


def _write_anomalies(db: sa.Connection, results: Sequence[CheckResult], numbers: Mapping[str, int]) -> None:
    """Write the hits and the flags on their runs, and take back those that are none when judged again."""
    of_runs = [result for result in results if result.execution_id is not None and _metric(result) is not None]
    if not of_runs:
        return
    _mark(db, "anomaly_judged_at", {result.execution_id: result for result in of_runs if result.execution_id})
    rules = _rules(db, {numbers[result.pipeline_id or ""] for result in of_runs})
    hits: list[_Row] = []
    misses: list[_Row] = []
    for result in of_runs:
        rule_id = rules.get((numbers[result.pipeline_id or ""], _metric(result) or ""))
        if rule_id is not None:
            chosen = hits if result.outcome.status is Status.FAIL else misses
            chosen.append({"number": result.execution_id, "metric": _metric(result), "rule": rule_id, "result": result})
    if hits:
        db.execute(_SET_FLAGS, _columns(hits))
        written = insert(anomaly_detection_result).on_conflict_do_nothing()
        db.execute(written, [_hit(hit["number"], hit["rule"], hit["result"]) for hit in hits])
    if misses:
        db.execute(_TAKE_BACK_RESULTS, _columns(misses))
        db.execute(_TAKE_BACK_FLAGS, _columns(misses))


_GIVEN = (
    "unnest(CAST(:numbers AS bigint[]), CAST(:metrics AS text[]), CAST(:rules AS bigint[]))"
    " AS given(number, metric, rule)"
)
# Several metrics of one run change one row, and what somebody unflagged stays so.
_SET_FLAGS = sa.text(f"""
UPDATE observe.pipeline_execution e
SET anomaly_flags = found.flags || coalesce(e.anomaly_flags, '{{}}')
FROM (SELECT number, jsonb_object_agg(metric, true) AS flags FROM {_GIVEN} GROUP BY number) found
WHERE e.id = found.number AND NOT coalesce(e.anomaly_flags, '{{}}') ?& ARRAY(SELECT jsonb_object_keys(found.flags))
""")  # noqa: S608 (text of our own)
_TAKE_BACK_FLAGS = sa.text(f"""
UPDATE observe.pipeline_execution e
SET anomaly_flags = nullif(e.anomaly_flags - found.metrics, '{{}}')
FROM (
    SELECT number, array_agg(metric) AS metrics FROM {_GIVEN}
    JOIN observe.pipeline_execution own ON own.id = number AND own.anomaly_flags -> metric = 'true' GROUP BY number
) found
WHERE e.id = found.number
""")  # noqa: S608 (text of our own)
_TAKE_BACK_RESULTS = sa.text(f"""
DELETE FROM observe.anomaly_detection_result r USING {_GIVEN}
WHERE r.pipeline_execution_id = number AND r.rule_id = rule
""")  # noqa: S608 (text of our own)


def _columns(rows: Sequence[_Row]) -> _Row:
    return {
        "numbers": [row["number"] for row in rows],
        "metrics": [row["metric"] for row in rows],
        "rules": [row["rule"] for row in rows],
    }


def _hit(number: int, rule_id: int, result: CheckResult) -> _Row:
    outcome = result.outcome
    evidence = dict(outcome.evidence)
    return {
        "pipeline_execution_id": number,
        "rule_id": rule_id,
        "violation_value": outcome.value,
        "z_score": evidence.get("z_score"),
        "historical_mean": evidence.get("historical_mean"),
        "std_deviation_value": evidence.get("std_deviation_value"),
        "z_threshold": evidence["z_threshold"],
        "threshold_min_value": outcome.lower,
        "threshold_max_value": outcome.upper,
        "context": evidence,
        "detected_at": result.evaluated_at,
    }


def _mark(db: sa.Connection, column: str, judged: Mapping[int, CheckResult]) -> None:
    columns = pipeline_execution.c
    at = max(result.evaluated_at for result in judged.values())
    statement = sa.update(pipeline_execution).where(_among(columns.id, judged), columns[column].is_(None))
    db.execute(statement.values({column: at}))


def _rules(db: sa.Connection, pipelines: Iterable[int]) -> dict[tuple[int, str], int]:
    rule = anomaly_detection_rule.c
    rows = db.execute(
        sa.select(rule.pipeline_id, rule.metric_field, rule.id).where(_among(rule.pipeline_id, pipelines))
    )
    return {(row.pipeline_id, row.metric_field): row.id for row in rows}


def _metric(result: CheckResult) -> str | None:
    return result.outcome.evidence.get("metric_field")


def _execution_status(result: CheckResult) -> str | None:
    return result.outcome.evidence.get("execution_status")


def _among(column: sa.Column[int], numbers: Iterable[int]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.bindparam(None, list(numbers), type_=sa.ARRAY(sa.BigInteger)))
