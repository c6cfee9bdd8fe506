"""Write the findings of check results to the tables of the Watcher document: anomalies, late tables, late runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import among
from observe_dagster.ledger.schema.checks import (
    anomaly_detection_result,
    anomaly_detection_rule,
    freshness_pipeline_log,
    timeliness_pipeline_execution_log,
)
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.records import CheckResult, Status

_Row = dict[str, Any]


def write_findings(db: sa.Connection, results: Sequence[CheckResult], pks: Mapping[str, int]) -> None:
    """Write the findings of these results; `pks` are the primary keys of pipelines by id."""
    of_kind: dict[str, list[CheckResult]] = {}
    for result in results:
        if result.pipeline_id in pks:
            of_kind.setdefault(result.kind, []).append(result)
    _write_freshness(db, of_kind.get("freshness", ()), pks)
    _write_timeliness(db, of_kind.get("timeliness", ()), pks)
    _write_anomalies(db, of_kind.get("anomaly", ()), pks)


def _write_freshness(db: sa.Connection, results: Sequence[CheckResult], pks: Mapping[str, int]) -> None:
    """Open one entry for each late table, and close it when the table is fresh again."""
    log = freshness_pipeline_log
    late = [
        {
            "pipeline_pk": pks[result.pipeline_id or ""],
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
        pks[result.pipeline_id or ""]: result.evaluated_at for result in results if result.outcome.status is Status.PASS
    }
    if fresh:
        at = max(fresh.values())
        closed = sa.update(log).where(log.c.recovered_at.is_(None), among(log.c.pipeline_pk, fresh, sa.BigInteger))
        db.execute(closed.values(recovered_at=at))
    if late:
        statement = insert(log).on_conflict_do_update(
            index_elements=["pipeline_pk", "last_dml_timestamp"],
            set_={"recovered_at": None},
            where=log.c.recovered_at.is_not(None),
        )
        db.execute(statement, late)


def _write_timeliness(db: sa.Connection, results: Sequence[CheckResult], pks: Mapping[str, int]) -> None:
    """Log each late run once, and mark the runs that ended as judged."""
    judged: dict[int, CheckResult] = {
        result.execution_id: result for result in results if result.execution_id is not None and result.outcome.judged
    }
    ended = {execution: result for execution, result in judged.items() if _execution_status(result) != "running"}
    if ended:
        _mark(db, "timeliness_judged_at", ended)
    late = [
        {
            "pipeline_execution_id": execution,
            "pipeline_pk": pks[result.pipeline_id or ""],
            "duration_seconds": result.outcome.value,
            "seconds_threshold": result.outcome.upper,
            "execution_status": _execution_status(result),
            "timely_number": result.outcome.evidence["timely_number"],
            "timely_datepart": result.outcome.evidence["timely_datepart"],
            "used_child_config": result.outcome.evidence["used_child_config"],
        }
        for execution, result in sorted(judged.items())
        if result.outcome.status is Status.FAIL
    ]
    if late:
        log = timeliness_pipeline_execution_log
        statement = insert(log)
        changed = {name: statement.excluded[name] for name in ("duration_seconds", "execution_status")}
        differs = log.c.execution_status.is_distinct_from(statement.excluded.execution_status)
        again = statement.on_conflict_do_update(index_elements=["pipeline_execution_id"], set_=changed, where=differs)
        db.execute(again, late)


def _write_anomalies(db: sa.Connection, results: Sequence[CheckResult], pks: Mapping[str, int]) -> None:
    """Write anomalies and the flags on their runs, and remove those that are none when judged again."""
    of_runs = [result for result in results if result.execution_id is not None and _metric(result) is not None]
    if not of_runs:
        return
    _mark(db, "anomaly_judged_at", {result.execution_id: result for result in of_runs if result.execution_id})
    rule = anomaly_detection_rule.c
    of_pipelines = among(rule.pipeline_pk, {pks[result.pipeline_id or ""] for result in of_runs}, sa.BigInteger)
    stored = db.execute(sa.select(rule.pipeline_pk, rule.metric_field, rule.id).where(of_pipelines))
    rules = {(row.pipeline_pk, row.metric_field): row.id for row in stored}
    hits: list[_Row] = []
    misses: list[_Row] = []
    for result in of_runs:
        rule_id = rules.get((pks[result.pipeline_id or ""], _metric(result) or ""))
        if rule_id is not None:
            chosen = hits if result.outcome.status is Status.FAIL else misses
            chosen.append(
                {"execution": result.execution_id, "metric": _metric(result), "rule": rule_id, "result": result}
            )
    if hits:
        db.execute(_SET_FLAGS, _columns(hits))
        written = insert(anomaly_detection_result).on_conflict_do_nothing()
        db.execute(written, [_hit(hit["execution"], hit["rule"], hit["result"]) for hit in hits])
    if misses:
        db.execute(_REMOVE_RESULTS, _columns(misses))
        db.execute(_REMOVE_FLAGS, _columns(misses))


_JUDGED = (
    "unnest(CAST(:executions AS bigint[]), CAST(:metrics AS text[]), CAST(:rules AS bigint[]))"
    " AS judged(execution, metric, rule)"
)
# Several metrics of one run change one row, and what somebody unflagged stays so.
_SET_FLAGS = sa.text(f"""
UPDATE observe.pipeline_execution e
SET anomaly_flags = changed.flags || coalesce(e.anomaly_flags, '{{}}')
FROM (SELECT execution, jsonb_object_agg(metric, true) AS flags FROM {_JUDGED} GROUP BY execution) changed
WHERE e.id = changed.execution
  AND NOT coalesce(e.anomaly_flags, '{{}}') ?& ARRAY(SELECT jsonb_object_keys(changed.flags))
""")  # noqa: S608 (text of our own)
_REMOVE_FLAGS = sa.text(f"""
UPDATE observe.pipeline_execution e
SET anomaly_flags = nullif(e.anomaly_flags - changed.metrics, '{{}}')
FROM (
    SELECT execution, array_agg(metric) AS metrics FROM {_JUDGED}
    JOIN observe.pipeline_execution own ON own.id = execution AND own.anomaly_flags -> metric = 'true'
    GROUP BY execution
) changed
WHERE e.id = changed.execution
""")  # noqa: S608 (text of our own)
_REMOVE_RESULTS = sa.text(f"""
DELETE FROM observe.anomaly_detection_result r USING {_JUDGED}
WHERE r.pipeline_execution_id = execution AND r.rule_id = rule
""")  # noqa: S608 (text of our own)


def _columns(rows: Sequence[_Row]) -> _Row:
    return {
        "executions": [row["execution"] for row in rows],
        "metrics": [row["metric"] for row in rows],
        "rules": [row["rule"] for row in rows],
    }


def _hit(execution_id: int, rule_id: int, result: CheckResult) -> _Row:
    outcome = result.outcome
    evidence = dict(outcome.evidence)
    return {
        "pipeline_execution_id": execution_id,
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
    statement = sa.update(pipeline_execution).where(among(columns.id, judged, sa.BigInteger), columns[column].is_(None))
    db.execute(statement.values({column: at}))


def _metric(result: CheckResult) -> str | None:
    return result.outcome.evidence.get("metric_field")


def _execution_status(result: CheckResult) -> str | None:
    return result.outcome.evidence.get("execution_status")
