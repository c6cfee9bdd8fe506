"""Bring the ledger in step with the project: a few statements however many pipelines there are.

The project is the truth: every declared column is written anew when the content hash differs, so a key that
was removed becomes null; what is no longer declared becomes inactive.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations, Pipeline
from observe_dagster.config.project import Project, content_hash
from observe_dagster.config.secrets import masked
from observe_dagster.ledger.database import advisory_key, among
from observe_dagster.ledger.declared.queries import settled_status
from observe_dagster.ledger.declared.retire import retire_anomaly_checks
from observe_dagster.ledger.declared.rows import SynchroniseReport
from observe_dagster.ledger.schema.checks import anomaly_detection_result, anomaly_detection_rule
from observe_dagster.ledger.schema.declared import connection, data_model, pipeline, pipeline_type

_Row = dict[str, Any]
_EXPECTATIONS = tuple(Expectations.model_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKind:
    """One kind of declared thing: its table, its key's column, and what is declared, by key."""

    table: sa.Table
    key: str
    declared: Mapping[str, Any]
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDifference:
    """The keys of one kind, by what is to be done with them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def to_write(self) -> tuple[str, ...]:
        """The keys whose rows are written."""
        return self.added + self.changed

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.added or self.changed or self.gone)


def declared_kinds(project: Project) -> tuple[DeclaredKind, ...]:
    """The declared things of each kind, with their content hashes."""
    kinds: tuple[tuple[sa.Table, str, dict[str, Any]], ...] = (
        (connection, "id", {item.id: item for item in project.connections}),
        (data_model, "id", {item.id: item for item in project.data_models}),
        (pipeline_type, "name", {item.name: item for item in project.pipeline_types}),
        (pipeline, "pipeline_id", {item.id: item for item in project.pipelines}),
    )
    return tuple(
        DeclaredKind(
            table=table, key=key, declared=items, hashes={name: content_hash(item) for name, item in items.items()}
        )
        for table, key, items in kinds
    )


def compare(db: sa.Connection, kinds: Iterable[DeclaredKind]) -> list[TableDifference]:
    """How the ledger differs from what is declared, for each kind."""
    return [_difference(db, kind) for kind in kinds]


def _difference(db: sa.Connection, kind: DeclaredKind) -> TableDifference:
    columns = kind.table.c
    chosen = sa.select(columns[kind.key], columns.content_hash, columns.active)
    rows = db.execute(chosen.where(columns.managed) if kind.table is pipeline else chosen)
    stored = {key: (known, active) for key, known, active in rows}
    same = {key for key, known in kind.hashes.items() if stored.get(key) == (known, True)}
    return TableDifference(
        added=tuple(key for key in kind.hashes if key not in stored),
        changed=tuple(key for key in kind.hashes if key in stored and key not in same),
        unchanged=tuple(key for key in kind.hashes if key in same),
        gone=tuple(sorted(key for key, (_, active) in stored.items() if active and key not in kind.hashes)),
    )


def write(db: sa.Connection, kinds: tuple[DeclaredKind, ...], *, now: datetime) -> list[TableDifference]:
    """Write what differs, one process at a time; returns the differences."""
    db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("synchronise"))))
    differences = compare(db, kinds)
    connections, data_models, types, pipelines = kinds
    cleared = {"errors": []}
    of_connections, of_data_models, of_types, of_pipelines = differences
    _upsert(db, connections, of_connections, _connection_values, {**cleared, "status": "healthy"}, now=now)
    _upsert(db, data_models, of_data_models, _data_model_values, {**cleared, "status": "valid"}, now=now)
    _upsert(db, types, of_types, _expectations, {}, now=now)
    type_ids = {row.name: row.id for row in db.execute(sa.select(pipeline_type.c.name, pipeline_type.c.id))}
    _upsert(db, pipelines, of_pipelines, partial(_pipeline_values, type_ids), cleared, now=now)
    dependent = _using(pipelines, {*of_connections.changed}, {*of_data_models.changed})
    if dependent:
        of_dependent = among(pipeline.c.pipeline_id, dependent)
        db.execute(sa.update(pipeline).where(of_dependent).values(**cleared, load_lineage=True))
    affected = sorted({*of_pipelines.to_write, *of_pipelines.gone, *dependent})
    for kind, difference in zip(kinds, differences, strict=True):
        if difference.gone:
            gone = sa.update(kind.table).where(among(kind.table.c[kind.key], difference.gone))
            db.execute(gone.values(active=False, updated_at=now))
    if affected:
        db.execute(sa.update(pipeline).where(among(pipeline.c.pipeline_id, affected)).values(status=settled_status()))
        rules = {key: pipelines.declared[key].anomaly_detection_rules for key in of_pipelines.to_write}
        write_rules(db, rules, now=now)
        retire_anomaly_checks(db, affected, now=now)
    return differences


def _using(pipelines: DeclaredKind, connections: Collection[str], data_models: Collection[str]) -> list[str]:
    """The pipelines that work with any of these: the cause of their fault may be fixed."""
    return [
        pipeline_id
        for pipeline_id, declared in pipelines.declared.items()
        if declared.data_model_id in data_models
        or not {declared.connection_id, declared.destination.connection_id}.isdisjoint(connections)
    ]


def _upsert(
    db: sa.Connection,
    kind: DeclaredKind,
    difference: TableDifference,
    values_of: Any,
    on_change: _Row,
    *,
    now: datetime,
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


def _expectations(declared: Expectations) -> _Row:
    return {name: getattr(declared, name) for name in _EXPECTATIONS}


def _pipeline_values(type_ids: Mapping[str, int], declared: Pipeline) -> _Row:
    destination = declared.destination
    return {
        "name": declared.name,
        "pipeline_type_id": type_ids.get(declared.pipeline_type_name or ""),
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
    columns = sa.select(pipeline.c.pipeline_id, pipeline.c.id).where(among(pipeline.c.pipeline_id, declared))
    pks = {row.pipeline_id: row.id for row in db.execute(columns)}
    rows = [
        {"pipeline_pk": pks[pipeline_id], **rule.model_dump(), "created_at": now, "updated_at": now}
        for pipeline_id, rules in declared.items()
        for rule in rules
    ]
    rule, result = anomaly_detection_rule.c, anomaly_detection_result.c
    kept = {(row["pipeline_pk"], row["metric_field"]) for row in rows}
    of_these = among(rule.pipeline_pk, pks.values(), sa.BigInteger)
    stored = db.execute(sa.select(rule.id, rule.pipeline_pk, rule.metric_field).where(of_these))
    removed = [rule_id for rule_id, owner, metric in stored if not only_add and (owner, metric) not in kept]
    if removed:
        chosen = among(rule.id, removed, sa.BigInteger)
        has_results = sa.exists().where(result.rule_id == rule.id)
        db.execute(sa.delete(anomaly_detection_rule).where(chosen, sa.not_(has_results)))
        db.execute(sa.update(anomaly_detection_rule).where(chosen).values(active=False, updated_at=now))
    if rows:
        statement = insert(anomaly_detection_rule)
        fresh = ("pipeline_pk", "metric_field", "created_at")
        written = {name: statement.excluded[name] for name in rows[0] if name not in fresh}
        keys = ["pipeline_pk", "metric_field"]
        db.execute(statement.on_conflict_do_update(index_elements=keys, set_=written), rows)


def report(kinds: tuple[DeclaredKind, ...], differences: list[TableDifference]) -> SynchroniseReport:
    """What was done, by kind and key."""

    def entries(part: str) -> tuple[str, ...]:
        pairs = zip(kinds, differences, strict=True)
        return tuple(f"{kind.table.name}:{key}" for kind, difference in pairs for key in getattr(difference, part))

    return SynchroniseReport(
        added=entries("added"),
        changed=entries("changed"),
        unchanged=entries("unchanged"),
        deactivated=entries("gone"),
    )
