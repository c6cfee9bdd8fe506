"""Inputs, results and current status of checks."""

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from observe_dagster.config.models.check_names import anomaly_check_name
from observe_dagster.config.models.pipeline import AnomalyDetectionRule
from observe_dagster.errors import NotFoundError
from observe_dagster.ledger.checks.anomaly_inputs import cases
from observe_dagster.ledger.checks.results import record_results
from observe_dagster.ledger.checks.rows import AnomalyCase, CheckResultRow, CheckStatus, TimingInputs
from observe_dagster.ledger.checks.timing_inputs import timing_inputs
from observe_dagster.ledger.database import among
from observe_dagster.ledger.declared.queries import pipeline_pk
from observe_dagster.ledger.schema.checks import (
    anomaly_detection_result,
    anomaly_detection_rule,
    check_result,
    check_status,
)
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.records import CheckResult, Status

LOOKS_BACK = timedelta(days=7)
"""How long after its end a run is still judged when it was not judged at the time."""

_STATUSES = sa.select(check_status, pipeline.c.pipeline_id).select_from(check_status.outerjoin(pipeline))
_RESULTS = sa.select(check_result, pipeline.c.pipeline_id).select_from(
    check_result.outerjoin(pipeline, pipeline.c.id == check_result.c.pipeline_pk)
)


_Row = TypeVar("_Row", CheckStatus, CheckResultRow)


class CheckStore(LedgerSession):
    """Inputs, results and current status of checks."""

    def timing_inputs(self, pipeline_ids: Collection[str] | None = None, *, now: datetime) -> list[TimingInputs]:
        """All that freshness and timeliness are judged by, of all pipelines and watched assets, in one query."""
        with self._begin() as db:
            return timing_inputs(db, pipeline_ids, untimed_since=now - LOOKS_BACK)

    @contextmanager
    def anomaly_cases(
        self,
        *,
        now: datetime,
        pipeline_ids: Collection[str] | None = None,
        execution_ids: Collection[int] | None = None,
        latest: bool = False,
    ) -> Generator[Generator[AnomalyCase]]:
        """Every active rule with its runs to judge and their history, streamed while the block runs; one query.

        To judge are these executions, or with `latest` the last successful run of each pipeline, or else all
        successful runs of the last week that were not judged yet, and those that were unflagged.
        """
        since = now - LOOKS_BACK
        with self._begin() as db:
            yield cases(db, since=since, pipeline_ids=pipeline_ids, execution_ids=execution_ids, latest=latest)

    def record_results(self, results: Sequence[CheckResult]) -> None:
        """Record results, statuses and findings; idempotent, all or nothing."""
        with self._begin() as db:
            record_results(db, results)

    def statuses(self, asset: tuple[str, ...] | None = None) -> list[CheckStatus]:
        """The current status of every check, or those of one asset, by asset and name."""
        statement = _STATUSES.order_by(check_status.c.asset, check_status.c.check_name)
        if asset is not None:
            statement = statement.where(check_status.c.asset == "/".join(asset))
        with self._begin() as db:
            return [_read(CheckStatus, row) for row in db.execute(statement).mappings()]

    def history(
        self, asset: tuple[str, ...], check_name: str, *, limit: int = 100, before: datetime | None = None
    ) -> list[CheckResultRow]:
        """The recorded results of one check, judged before `before`, the newest first."""
        columns = check_result.c
        statement = _RESULTS.where(columns.asset == "/".join(asset), columns.check_name == check_name)
        if before is not None:
            statement = statement.where(columns.judged_at < before)
        newest_first = statement.order_by(columns.judged_at.desc(), columns.id.desc()).limit(limit)
        with self._begin() as db:
            return [_read(CheckResultRow, row) for row in db.execute(newest_first).mappings()]

    def rules_of(self, pipeline_ids: Collection[str]) -> dict[str, tuple[AnomalyDetectionRule, ...]]:
        """The anomaly rules of pipelines and watched assets, by their ids; removed ones are inactive."""
        columns = [anomaly_detection_rule.c[name] for name in AnomalyDetectionRule.model_fields]
        statement = sa.select(pipeline.c.pipeline_id, *columns).join_from(anomaly_detection_rule, pipeline)
        statement = statement.where(among(pipeline.c.pipeline_id, pipeline_ids)).order_by(columns[0])
        rules: dict[str, tuple[AnomalyDetectionRule, ...]] = {}
        with self._begin() as db:
            for row in db.execute(statement).mappings():
                rule = AnomalyDetectionRule(**{name: row[name] for name in AnomalyDetectionRule.model_fields})
                rules[row["pipeline_id"]] = (*rules.get(row["pipeline_id"], ()), rule)
        return rules

    def unflag(self, pipeline_id: str, execution_id: int, metric_fields: Sequence[str]) -> tuple[str, ...]:
        """Put a run back into the baseline of these metrics; returns those whose flag it had. It is judged again.

        Raises NotFoundError for another pipeline's run, and for a run that has none of the flags.
        """
        columns = pipeline_execution.c
        with self._begin() as db:
            pk = pipeline_pk(db, pipeline_id)
            chosen = (columns.id == execution_id, columns.pipeline_pk == pk)
            row = db.execute(sa.select(columns.anomaly_flags).where(*chosen).with_for_update()).one_or_none()
            if row is None:
                raise NotFoundError(f"run of pipeline {pipeline_id}", str(execution_id))
            flags: dict[str, bool] = row.anomaly_flags or {}
            removed = tuple(metric for metric in dict.fromkeys(metric_fields) if flags.get(metric) is True)
            if not removed:
                raise NotFoundError(f"anomaly flag of run {execution_id}", ", ".join(metric_fields))
            kept = {**flags, **dict.fromkeys(removed, False)}
            db.execute(sa.update(pipeline_execution).where(*chosen).values(anomaly_flags=kept, anomaly_judged_at=None))
            _delete_flagged(db, pk, execution_id, removed)
        return removed


def _delete_flagged(db: sa.Connection, pk: int, execution_id: int, metric_fields: Sequence[str]) -> None:
    """Delete a run's anomalies of these metrics, and let their check results count for the baseline."""
    rule, anomaly, result = anomaly_detection_rule.c, anomaly_detection_result.c, check_result.c
    rules = sa.select(rule.id).where(rule.pipeline_pk == pk, rule.metric_field.in_(metric_fields))
    of_run = (anomaly.pipeline_execution_id == execution_id, anomaly.rule_id.in_(rules))
    db.execute(sa.delete(anomaly_detection_result).where(*of_run))
    names = [anomaly_check_name(metric) for metric in metric_fields]
    of_checks = (result.pipeline_execution_id == execution_id, result.check_name.in_(names))
    db.execute(sa.update(check_result).where(*of_checks).values(flagged=False))


def _read(kind: type[_Row], row: sa.RowMapping) -> _Row:
    """Make a row of `kind` of the columns; those of statuses have no bounds and no evidence."""
    values: dict[str, Any] = {
        **row,
        "asset": tuple(row["asset"].split("/")),
        "status": Status(row["status"]),
        "execution_id": row["pipeline_execution_id"],
        "lower": row.get("lower_bound"),
        "upper": row.get("upper_bound"),
        "evidence": row.get("evidence") or {},
    }
    return kind(**{each.name: values[each.name] for each in fields(kind)})
