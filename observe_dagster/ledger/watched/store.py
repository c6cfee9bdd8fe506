"""Assets that are defined elsewhere, and their runs, beside the pipelines that are declared here."""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.ledger.database import among, storable
from observe_dagster.ledger.declared.queries import pipeline_pk
from observe_dagster.ledger.declared.retire import retire_anomaly_checks
from observe_dagster.ledger.declared.synchronise import write_rules
from observe_dagster.ledger.executions.queries import COUNT_NAMES, execution_by_key
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.executions.store import load_times
from observe_dagster.ledger.schema.checks import anomaly_detection_rule
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, pipeline_execution_closure
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.ledger.watched.rows import EndedExecution, WatchedAsset, watched_id
from observe_dagster.records import Counts, RunStatus, RunType

_SHORTEST = timedelta(microseconds=1)


class WatchedAssetStore(LedgerSession):
    """Assets that are defined elsewhere, and their runs."""

    def upsert(self, assets: Sequence[WatchedAsset], *, now: datetime) -> None:
        """Watch the assets, and expect of each exactly this; one query, and no write, when nothing differs."""
        by_id = {watched_id(asset.asset_key): asset for asset in assets}
        columns = pipeline.c
        with self._begin() as db:
            stored = sa.select(columns.pipeline_id, columns.content_hash).where(_watched(by_id), columns.active)
            hashes = {row.pipeline_id: row.content_hash for row in db.execute(stored)}
            differing = {key: asset for key, asset in by_id.items() if hashes.get(key) != _content_hash(asset)}
            for key in sorted(differing):
                asset = differing[key]
                values = {"name": _name(asset), **_expected(asset), "content_hash": _content_hash(asset)}
                _write(db, key, values, now=now)
            if differing:
                write_rules(db, {key: asset.rules for key, asset in differing.items()}, now=now)
                retire_anomaly_checks(db, list(differing), now=now)

    def add_expectations(self, asset: WatchedAsset, *, now: datetime) -> None:
        """Expect this of an asset in addition to what is expected of it already; no write when it is."""
        key = watched_id(asset.asset_key)
        added = (asset.expectations or Expectations()).model_dump(exclude_unset=True)
        with self._begin() as db:
            statement = sa.select(pipeline).where(pipeline.c.pipeline_id == key, pipeline.c.active)
            row = db.execute(statement).mappings().one_or_none()
            if row is not None and all(row[name] == value for name, value in added.items()):
                columns = anomaly_detection_rule.c
                stored = sa.select(*(columns[name] for name in AnomalyDetectionRule.model_fields))
                rules = db.execute(stored.where(columns.pipeline_pk == row["id"])).mappings()
                known = [AnomalyDetectionRule(**values) for values in rules]
                if all(rule in known for rule in asset.rules):
                    return
            initial = {} if row else {"name": _name(asset), **_expected(asset)}
            # No hash: the next upsert writes the asset anew.
            _write(db, key, {**initial, **added, "content_hash": ""}, now=now)
            write_rules(db, {key: asset.rules}, now=now, only_add=row is not None)

    def unwatch(self, asset_keys: Sequence[str], *, now: datetime) -> None:
        """Watch the assets no longer: their checks are skipped from now on, and their runs stay."""
        ids = [watched_id(key) for key in asset_keys]
        with self._begin() as db:
            db.execute(sa.update(pipeline).where(_watched(ids)).values(active=False, updated_at=now))
            retire_anomaly_checks(db, ids, now=now)

    def record(self, executions: Sequence[EndedExecution]) -> list[ExecutionRow]:
        """Record runs and their loads, all or nothing; idempotent by key. Returns them by asset.

        Raises NotFoundError for an asset that is not watched.
        """
        with self._begin() as db:
            # In one order, so that no deadlock arises between two assets.
            return [_record(db, ended) for ended in sorted(executions, key=lambda ended: ended.asset_key)]

    def known_execution_keys(self, execution_keys: Sequence[str]) -> set[str]:
        """Those of the keys whose executions are recorded."""
        column = pipeline_execution.c.execution_key
        with self._begin() as db:
            return set(db.execute(sa.select(column).where(among(column, execution_keys))).scalars())


def _record(db: sa.Connection, ended: EndedExecution) -> ExecutionRow:
    pk = pipeline_pk(db, watched_id(ended.asset_key), kind="watched asset", lock=True)
    statement = insert(pipeline_execution).values(pipeline_pk=pk, **_execution_values(ended))
    statement = statement.on_conflict_do_nothing(index_elements=["execution_key"])
    inserted = db.execute(statement.returning(pipeline_execution.c.id)).scalar_one_or_none()
    if inserted is not None:
        itself = {"parent_execution_id": inserted, "child_execution_id": inserted, "depth": 0}
        db.execute(sa.insert(pipeline_execution_closure).values(itself))
        # A run that does not count its rows has loaded some.
        loads = load_times(ended.counts or Counts(total_rows=1), ended.ended_at) if ended.succeeded else {}
        if loads:
            db.execute(sa.update(pipeline).where(pipeline.c.id == pk).values(**loads))
    return execution_by_key(db, ended.execution_key)


def _watched(ids: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.and_(among(pipeline.c.pipeline_id, ids), sa.not_(pipeline.c.managed))


def _name(asset: WatchedAsset) -> str:
    return asset.name or watched_id(asset.asset_key).removeprefix("/")


def _expected(asset: WatchedAsset) -> dict[str, Any]:
    return (asset.expectations or Expectations()).model_dump()


def _content_hash(asset: WatchedAsset) -> str:
    rules = [rule.model_dump() for rule in asset.rules]
    canonical = json.dumps([_name(asset), _expected(asset), rules], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _write(db: sa.Connection, pipeline_id: str, values: Mapping[str, Any], *, now: datetime) -> None:
    values = {**values, "active": True}
    initial = {"managed": False, "state": "active", "config": {}, "load_lineage": False, "name": pipeline_id}
    statement = insert(pipeline).values({"pipeline_id": pipeline_id, **initial, **values, "created_at": now})
    db.execute(statement.on_conflict_do_update(index_elements=["pipeline_id"], set_={**values, "updated_at": now}))


def _execution_values(ended: EndedExecution) -> dict[str, Any]:
    end = ended.ended_at.astimezone(UTC)
    timed = ended.started_at is not None and ended.started_at < ended.ended_at
    start = ended.started_at.astimezone(UTC) if ended.started_at is not None and timed else end - _SHORTEST
    duration = (end - start).total_seconds() if timed else None
    counts = ended.counts
    # JSON has neither infinity nor NaN.
    metadata = {
        name: value
        for name, value in ended.execution_metadata.items()
        if not isinstance(value, float) or math.isfinite(value)
    }
    return {
        "execution_key": ended.execution_key,
        "type": RunType.MANUAL,
        "status": RunStatus.SUCCESS if ended.succeeded else RunStatus.FAILED,
        "errors": [storable(error) for error in ended.errors],
        "logical_date": ended.logical_date or start,
        "start_date": start,
        "date_recorded": start.date(),
        "hour_recorded": start.hour,
        "end_date": end,
        "duration_seconds": duration,
        "completed_successfully": ended.succeeded,
        "throughput": counts.total_rows / duration if counts and duration else None,
        "execution_metadata": metadata or None,
        "dagster_run_id": ended.dagster_run_id,
        **({"timeliness_judged_at": end, "anomaly_judged_at": end} if ended.is_past else {}),
        **({} if counts is None else {name: getattr(counts, name) for name in COUNT_NAMES}),
    }
