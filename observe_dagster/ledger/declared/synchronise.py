"""Bring the ledger in step with what is declared: a few statements however many pipelines there are.

What the files say is the truth: every declared column is written anew when the content hash differs, so a key that
was removed becomes null; what is no longer declared becomes inactive.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations, Pipeline, PipelineType
from observe_dagster.config.project import Project, content_hash
from observe_dagster.config.secrets import masked
from observe_dagster.ledger.database import advisory_key
from observe_dagster.ledger.declared.retire import retire_anomaly_checks
from observe_dagster.ledger.declared.rows import SynchroniseReport
from observe_dagster.ledger.declared.store import settled_status
from observe_dagster.ledger.schema.checks import anomaly_detection_result, anomaly_detection_rule
from observe_dagster.ledger.schema.declared import connection, data_model, pipeline, pipeline_type

_Row = dict[str, Any]
_EXPECTATIONS = tuple(Expectations.model_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of declared thing: its table, its key's column, and what is declared, by key."""

    name: str
    table: sa.Table
    key: str
    declared: Mapping[str, Any]
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def to_write(self) -> tuple[str, ...]:
        return self.added + self.changed

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.gone)


def synchronise(engine: sa.Engine, project: Project, *, now: datetime) -> SynchroniseReport:
    """Write what differs; writes nothing, and waits for nobody, when nothing does."""
    kinds = _kinds(project)
    with engine.connect() as db:
        differences = _compare(db, kinds)
    if not all(difference.is_empty for difference in differences):
        with engine.begin() as db:
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("synchronise"))))
            differences = _compare(db, kinds)
            _write(db, kinds, differences, now=now)
    return _report(kinds, differences)


def _kinds(project: Project) -> tuple[_Kind, ...]:
    return (
        _kind("connection", connection, "id", {item.id: item for item in project.connections}),
        _kind("data_model", data_model, "id", {item.id: item for item in project.data_models}),
        _kind("pipeline_type", pipeline_type, "name", {item.name: item for item in project.pipeline_types}),
        _kind("pipeline", pipeline, "slug", {item.id: item for item in project.pipelines}),
    )


def _kind(name: str, table: sa.Table, key: str, declared: Mapping[str, Any]) -> _Kind:
    hashes = {slug: content_hash(item) for slug, item in declared.items()}
    return _Kind(name=name, table=table, key=key, declared=declared, hashes=hashes)


def _compare(db: sa.Connection, kinds: Iterable[_Kind]) -> list[_Difference]:
    return [_difference(db, kind) for kind in kinds]


def _difference(db: sa.Connection, kind: _Kind) -> _Difference:
    columns = kind.table.c
    chosen = sa.select(columns[kind.key], columns.content_hash, columns.active)
    rows = db.execute(chosen.where(columns.managed) if kind.table is pipeline else chosen)
    stored = {key: (known, active) for key, known, active in rows}
    same = {key for key, known in kind.hashes.items() if stored.get(key) == (known, True)}
    return _Difference(
        added=tuple(key for key in kind.hashes if key not in stored),
        changed=tuple(key for key in kind.hashes if key in stored and key not in same),
        unchanged=tuple(key for key in kind.hashes if key in same),
        gone=tuple(sorted(key for key, (_, active) in stored.items() if active and key not in kind.hashes)),
    )


def _write(db: sa.Connection, kinds: tuple[_Kind, ...], differences: list[_Difference], *, now: datetime) -> None:
    connections, data_models, types, pipelines = kinds
    cleared = {"errors": []}
    of_connections, of_data_models, of_types, of_pipelines = differences
    _upsert(db, connections, of_connections, _connection_values, {**cleared, "status": "healthy"}, now=now)
    _upsert(db, data_models, of_data_models, _data_model_values, {**cleared, "status": "valid"}, now=now)
    _upsert(db, types, of_types, _type_values, {}, now=now)
    numbers = {row.name: row.id for row in db.execute(sa.select(pipeline_type.c.name, pipeline_type.c.id))}

    def pipeline_values(declared: Pipeline) -> _Row:
        return _pipeline_values(declared, numbers)

    _upsert(db, pipelines, of_pipelines, pipeline_values, cleared, now=now)
    mended = _using(pipelines, {*of_connections.changed}, {*of_data_models.changed})
    if mended:
        db.execute(sa.update(pipeline).where(_among(pipeline.c.slug, mended)).values(**cleared, load_lineage=True))
    touched = sorted({*of_pipelines.to_write, *of_pipelines.gone, *mended})
    for kind, difference in zip(kinds, differences, strict=True):
        _deactivate(db, kind, difference.gone, now=now)
    if touched:
        db.execute(sa.update(pipeline).where(_among(pipeline.c.slug, touched)).values(status=settled_status()))
        rules = {slug: pipelines.declared[slug].anomaly_detection_rules for slug in of_pipelines.to_write}
        write_rules(db, rules, now=now)
        retire_anomaly_checks(db, touched, now=now)


def _using(pipelines: _Kind, connections: Collection[str], data_models: Collection[str]) -> list[str]:
    """The pipelines that work with any of these: what faulted them may be mended."""
    return [
        slug
        for slug, declared in pipelines.declared.items()
        if declared.data_model_id in data_models
        or not {declared.connection_id, declared.destination.connection_id}.isdisjoint(connections)
    ]


def _upsert(
    db: sa.Connection, kind: _Kind, difference: _Difference, values_of: Any, on_change: _Row, *, now: datetime
) -> None:
    rows = [
        {
            kind.key: key,
            **values_of(kind.declared[key]),
            "content_hash": kind.hashes[key],
            "active": True,
            "created_at": now,
            "updated_at": None if key in difference.added else now,
        }
        for key in sorted(difference.to_write)
    ]
    if not rows:
        return
    statement = insert(kind.table)
    written = {name: statement.excluded[name] for name in rows[0] if name not in (kind.key, "created_at")}
    db.execute(statement.on_conflict_do_update(index_elements=[kind.key], set_={**written, **on_change}), rows)


def _deactivate(db: sa.Connection, kind: _Kind, gone: tuple[str, ...], *, now: datetime) -> None:
    if gone:
        statement = sa.update(kind.table).where(_among(kind.table.c[kind.key], gone))
        db.execute(statement.values(active=False, updated_at=now))


def _among(column: sa.Column[str], keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """One array parameter instead of one parameter for each key, of which PostgreSQL takes 65 535."""
    return column == sa.any_(sa.bindparam(None, list(keys), type_=sa.ARRAY(sa.Text)))


def _connection_values(declared: Any) -> _Row:
    return {
        "name": declared.name,
        "state": declared.state,
        "service_provider": declared.service_provider,
        "config": masked(declared.config),
    }


def _data_model_values(declared: DataModel) -> _Row:
    config = declared.config.model_dump(mode="json", exclude_none=True)
    return {"name": declared.name, "state": declared.state, "type": declared.type, "config": config}


def _type_values(declared: PipelineType) -> _Row:
    return _expectations(declared)


def _expectations(declared: Expectations) -> _Row:
    return {name: getattr(declared, name) for name in _EXPECTATIONS}


def _pipeline_values(declared: Pipeline, type_numbers: Mapping[str, int]) -> _Row:
    destination = declared.destination
    return {
        "name": declared.name,
        "pipeline_type_id": type_numbers.get(declared.pipeline_type_name or ""),
        "connection_id": declared.connection_id,
        "data_model_id": declared.data_model_id,
        "destination_connection_id": destination.connection_id,
        "destination_schema": destination.schema_,
        "destination_table": destination.table,
        "state": declared.state,
        "config": masked(declared),
        "pipeline_metadata": declared.pipeline_metadata or None,
        "load_lineage": True,
        **_expectations(declared),
    }


def write_rules(
    db: sa.Connection,
    declared: Mapping[str, Sequence[AnomalyDetectionRule]],
    *,
    now: datetime,
    only_add: bool = False,
) -> None:
    """Write the rules of these pipelines; a removed rule goes, or rests as inactive while results refer to it.

    With `only_add` the rules that are not named stay.
    """
    if not declared:
        return
    numbers = {row.slug: row.id for row in db.execute(_numbers(declared))}
    rows = [
        {"pipeline_id": numbers[slug], **rule.model_dump(), "created_at": now, "updated_at": now}
        for slug, rules in declared.items()
        for rule in rules
    ]
    rule, result = anomaly_detection_rule.c, anomaly_detection_result.c
    kept = {(row["pipeline_id"], row["metric_field"]) for row in rows}
    of_these = rule.pipeline_id == sa.any_(sa.bindparam(None, list(numbers.values()), type_=sa.ARRAY(sa.BigInteger)))
    stored = db.execute(sa.select(rule.id, rule.pipeline_id, rule.metric_field).where(of_these))
    removed = [number for number, owner, metric in stored if not only_add and (owner, metric) not in kept]
    if removed:
        chosen = rule.id == sa.any_(sa.bindparam(None, removed, type_=sa.ARRAY(sa.BigInteger)))
        has_results = sa.exists().where(result.rule_id == rule.id)
        db.execute(sa.delete(anomaly_detection_rule).where(chosen, sa.not_(has_results)))
        db.execute(sa.update(anomaly_detection_rule).where(chosen).values(active=False, updated_at=now))
    if rows:
        statement = insert(anomaly_detection_rule)
        fresh = ("pipeline_id", "metric_field", "created_at")
        written = {name: statement.excluded[name] for name in rows[0] if name not in fresh}
        keys = ["pipeline_id", "metric_field"]
        db.execute(statement.on_conflict_do_update(index_elements=keys, set_=written), rows)


def _numbers(slugs: Iterable[str]) -> sa.Select[Any, Any]:
    return sa.select(pipeline.c.slug, pipeline.c.id).where(_among(pipeline.c.slug, slugs))


def _report(kinds: tuple[_Kind, ...], differences: list[_Difference]) -> SynchroniseReport:
    def entries(part: str) -> tuple[str, ...]:
        pairs = zip(kinds, differences, strict=True)
        return tuple(f"{kind.name}:{key}" for kind, found in pairs for key in getattr(found, part))

    return SynchroniseReport(
        added=entries("added"),
        changed=entries("changed"),
        unchanged=entries("unchanged"),
        deactivated=entries("gone"),
    )
