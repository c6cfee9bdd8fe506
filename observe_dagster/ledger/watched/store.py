"""Keep the assets that others make, and their runs, beside the pipelines that are declared here."""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared.retire import retire_anomaly_checks
from observe_dagster.ledger.declared.rows import PipelineRow
from observe_dagster.ledger.declared.store import find_pipeline, not_found
from observe_dagster.ledger.declared.synchronise import write_rules
from observe_dagster.ledger.executions.queries import execution_by_key
from observe_dagster.ledger.executions.rows import ExecutionRow
from observe_dagster.ledger.executions.store import loads
from observe_dagster.ledger.schema.checks import anomaly_detection_rule
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.executions import pipeline_execution, pipeline_execution_closure
from observe_dagster.ledger.session import LedgerSession
from observe_dagster.records import Counts, RunStatus, RunType

_COUNT_NAMES = tuple(each.name for each in fields(Counts))
_SHORTEST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAsset:
    """An asset that others make, by its key with the parts joined by `/`, and what is expected of it."""

    asset_key: str
    name: str | None = None
    expectations: Expectations | None = None
    rules: tuple[AnomalyDetectionRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedExecution:
    """A run that has ended; without `started_at` nobody knows how long it took.

    `counts` is None where nobody knows how many rows there were: a run that ended well is then a load.
    `execution_metadata` holds what else was measured; its numbers can be watched for anomalies. A run that `is_past`
    ended before anybody watched: later ones are compared with it, and it is not judged itself.
    """

    asset_key: str
    execution_key: str
    ended_at: datetime
    started_at: datetime | None = None
    succeeded: bool = True
    counts: Counts | None = None
    errors: Sequence[str] = ()
    execution_metadata: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    logical_date: datetime | None = None
    dagster_run_id: str | None = None
    is_past: bool = False


def watched_id(asset_key: str) -> str:
    """The id of an observed asset: its key, with a slash even where it has one part, so that no pipeline has it."""
    return asset_key if "/" in asset_key else f"/{asset_key}"


def asset_key_of(pipeline_id: str) -> tuple[str, ...]:
    """The parts of an observed asset's key."""
    return tuple(pipeline_id.removeprefix("/").split("/"))


def upsert_watched_asset(db: sa.Connection, wanted: WatchedAsset, *, now: datetime) -> PipelineRow:
    """Find the asset, or write it and its rules anew where something differs."""
    upsert_watched_assets(db, [wanted], now=now)
    return find_pipeline(db, watched_id(wanted.asset_key))


def upsert_watched_assets(db: sa.Connection, wanted: Sequence[WatchedAsset], *, now: datetime) -> None:
    """Write the assets and their rules anew where something differs; one query when nothing does."""
    by_slug = {watched_id(asset.asset_key): asset for asset in wanted}
    columns = pipeline.c
    known = db.execute(sa.select(columns.slug, columns.content_hash).where(_among(by_slug), columns.active))
    hashes = {row.slug: row.content_hash for row in known}
    differing = {slug: asset for slug, asset in by_slug.items() if hashes.get(slug) != _content_hash(asset)}
    for slug in sorted(differing):
        asset = differing[slug]
        values = {"name": _name(asset), **_expected(asset), "content_hash": _content_hash(asset), "active": True}
        _write(db, slug, values, now=now)
    if differing:
        write_rules(db, {slug: asset.rules for slug, asset in differing.items()}, now=now)
        retire_anomaly_checks(db, list(differing), now=now)


def add_expectations(db: sa.Connection, wanted: WatchedAsset, *, now: datetime) -> None:
    """Expect this of the asset beside what is expected of it already; writes nothing where it is."""
    slug, said = watched_id(wanted.asset_key), wanted.expectations or Expectations()
    added = said.model_dump(exclude_unset=True)
    found = db.execute(sa.select(pipeline).where(pipeline.c.slug == slug, pipeline.c.active)).mappings().one_or_none()
    if found is not None and all(found[name] == value for name, value in added.items()):
        known = _rules(db, found["id"])
        if all(known.get(rule.metric_field) == rule for rule in wanted.rules):
            return
    fresh = {} if found else {"name": _name(wanted), **_expected(wanted)}
    # No hash: who says all that is expected of the asset has it written anew.
    _write(db, slug, {**fresh, **added, "content_hash": "", "active": True}, now=now)
    write_rules(db, {slug: wanted.rules}, now=now, only_add=found is not None)


def unwatch_assets(db: sa.Connection, asset_keys: Sequence[str], *, now: datetime) -> None:
    """Let the assets rest: their checks are skipped from now on, and their runs stay."""
    slugs = [watched_id(key) for key in asset_keys]
    db.execute(sa.update(pipeline).where(_among(slugs)).values(active=False, updated_at=now))
    retire_anomaly_checks(db, slugs, now=now)


def record_execution(db: sa.Connection, ended: EndedExecution) -> ExecutionRow:
    """Record the run and what it loaded, once; raises NotFoundError for an asset that is not observed."""
    slug = watched_id(ended.asset_key)
    number = db.execute(
        sa.select(pipeline.c.id).where(pipeline.c.slug == slug).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if number is None:
        raise not_found(db, "observed asset", pipeline.c.slug, slug)
    statement = insert(pipeline_execution).values(pipeline_id=number, **_values(ended))
    statement = statement.on_conflict_do_nothing(index_elements=["execution_key"])
    written = db.execute(statement.returning(pipeline_execution.c.id)).scalar_one_or_none()
    if written is not None:
        itself = {"parent_execution_id": written, "child_execution_id": written, "depth": 0}
        db.execute(sa.insert(pipeline_execution_closure).values(itself))
        loads = _loads(ended)
        if loads:
            db.execute(sa.update(pipeline).where(pipeline.c.id == number).values(**loads))
    return execution_by_key(db, ended.execution_key)


def known_execution_keys(db: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Those of the keys whose executions are recorded."""
    column = pipeline_execution.c.execution_key
    wanted = sa.bindparam(None, list(keys), type_=sa.ARRAY(sa.Text))
    return set(db.execute(sa.select(column).where(column == sa.any_(wanted))).scalars())


def _among(slugs: Collection[str]) -> sa.ColumnElement[bool]:
    observed = pipeline.c.slug == sa.any_(sa.bindparam(None, list(slugs), type_=sa.ARRAY(sa.Text)))
    return sa.and_(observed, sa.not_(pipeline.c.managed))


def _name(asset: WatchedAsset) -> str:
    return asset.name or watched_id(asset.asset_key).removeprefix("/")


def _expected(asset: WatchedAsset) -> dict[str, Any]:
    return (asset.expectations or Expectations()).model_dump()


def _content_hash(asset: WatchedAsset) -> str:
    rules = [rule.model_dump() for rule in asset.rules]
    canonical = json.dumps([_name(asset), _expected(asset), rules], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _write(db: sa.Connection, slug: str, values: Mapping[str, Any], *, now: datetime) -> None:
    fresh = {"slug": slug, "managed": False, "state": "active", "config": {}, "load_lineage": False, "name": slug}
    statement = insert(pipeline).values({**fresh, **values, "created_at": now})
    db.execute(statement.on_conflict_do_update(index_elements=["slug"], set_={**values, "updated_at": now}))


def _rules(db: sa.Connection, number: int) -> dict[str, AnomalyDetectionRule]:
    columns = [anomaly_detection_rule.c[name] for name in AnomalyDetectionRule.model_fields]
    rows = db.execute(sa.select(*columns).where(anomaly_detection_rule.c.pipeline_id == number)).mappings()
    return {row["metric_field"]: AnomalyDetectionRule(**row) for row in rows}


def _values(ended: EndedExecution) -> dict[str, Any]:
    end = ended.ended_at.astimezone(UTC)
    known = ended.started_at is not None and ended.started_at < ended.ended_at
    start = ended.started_at.astimezone(UTC) if ended.started_at is not None and known else end - _SHORTEST
    duration = (end - start).total_seconds() if known else None
    counts = ended.counts
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
        "execution_metadata": {name: kept for name, kept in ended.execution_metadata.items() if _is_json(kept)} or None,
        "dagster_run_id": ended.dagster_run_id,
        **({"timeliness_judged_at": end, "anomaly_judged_at": end} if ended.is_past else {}),
        **({} if counts is None else {name: getattr(counts, name) for name in _COUNT_NAMES}),
    }


def _loads(ended: EndedExecution) -> dict[str, Any]:
    """A run that says nothing of rows has loaded some."""
    return loads(ended.counts or Counts(total_rows=1), ended.ended_at) if ended.succeeded else {}


def _is_json(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


class WatchedAssetStore(LedgerSession):
    """The assets that others make; on the engine of its ledger, which closes it."""

    def upsert(self, assets: Sequence[WatchedAsset], *, now: datetime) -> None:
        """Find or begin to observe assets, and expect of each exactly this; one query when nothing differs."""
        with self.transaction() as db:
            upsert_watched_assets(db, assets, now=now)

    def add_expectations(self, asset: WatchedAsset, *, now: datetime) -> None:
        """Expect this of an asset beside what is expected of it already."""
        with self.transaction() as db:
            add_expectations(db, asset, now=now)

    def unwatch(self, asset_keys: Sequence[str], *, now: datetime) -> None:
        """Observe the assets no longer; their checks say that they are skipped, and their runs stay."""
        with self.transaction() as db:
            unwatch_assets(db, asset_keys, now=now)

    def record(self, executions: Sequence[EndedExecution]) -> None:
        """Record whole runs, all or nothing; the same key is recorded once."""
        with self.transaction() as db:
            # In one order, so that nobody waits in a circle for two assets.
            for ended in sorted(executions, key=lambda ended: ended.asset_key):
                record_execution(db, ended)

    def known_execution_keys(self, execution_keys: Sequence[str]) -> set[str]:
        """Those of the keys whose executions are recorded."""
        with self.transaction() as db:
            return known_execution_keys(db, execution_keys)
