"""Decides what becomes a publication for a Watcher server: changed declarations, rules, lineage; new executions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import Table, record_hash
from observe_dagster.integrations.watcher.payloads import (
    Record,
    end_record,
    lineage_record,
    observed_record,
    pipeline_record,
    rules_record,
    start_record,
)
from observe_dagster.ledger import Ledger, NewPublication, PipelineRow
from observe_dagster.lineage import source_tables

PUBLISHER = "watcher"
PIPELINE = "pipeline"
EXECUTION = "pipeline_execution"
LINEAGE = "address_lineage"
RULES = "anomaly_detection_rule"
KINDS = (PIPELINE, RULES, EXECUTION, LINEAGE)
"""In the order in which they are sent."""

SINCE = timedelta(days=7)
"""Older executions are not published."""

_MOST = 1_000
_KEYS = {PIPELINE: "", LINEAGE: "lineage/", RULES: "rules/"}
"""The prefix of a pipeline's id in the ordering keys of each kind."""


def start_key(execution_id: int) -> str:
    """The dedupe key of an execution's start; its receipt has Watcher's number for the execution."""
    return f"start:{execution_id}"


def enqueue(tx: Ledger, project: Project, *, watched: Sequence[PipelineRow] = (), now: datetime) -> int:
    """Enqueue what is new of the project's pipelines and of watched assets; returns the number of publications."""
    pipelines = {each.id: pipeline_record(each, project) for each in project.pipelines}
    pipelines |= {each.pipeline_id: observed_record(each) for each in watched}
    platforms = {connection.id: connection.service_provider for connection in project.connections}
    edges = {
        pipeline.id: lineage_record(pipeline, sources, _destination(pipeline, project), platforms)
        for pipeline in project.pipelines
        if (sources := _sources(pipeline, project))
    }
    enqueued = _declared(tx, PIPELINE, pipelines, now=now) + _declared(tx, LINEAGE, edges, now=now)
    identities = {name: record["pipeline"] for name, record in pipelines.items()}
    return enqueued + _rules(tx, identities, now=now) + _executions(tx, identities, now=now)


def _sources(pipeline: Pipeline, project: Project) -> list[Table]:
    connection = project.connection(pipeline.connection_id)
    sql = project.data_model(pipeline.data_model_id).sql
    return [
        Table(connection_id=connection.id, database=connection.database_name, schema=table.schema, name=table.table)
        for table in source_tables(sql, connection.service_provider, connection.default_schema)
    ]


def _destination(pipeline: Pipeline, project: Project) -> Table:
    if not pipeline.is_local:
        return Table(connection_id=None, database=pipeline.engine, schema=pipeline.environment, name=pipeline.id)
    connection_id, schema, name = pipeline.table_key
    database = project.connection(connection_id).database_name
    return Table(connection_id=connection_id, database=database, schema=schema, name=name)


def _rules(tx: Ledger, identities: Mapping[str, Record], *, now: datetime) -> int:
    """Enqueue the rules of pipelines that have some, or had some in the last publication."""
    newest, rules = tx.outbox.newest_items(publisher=PUBLISHER, kind=RULES), tx.checks.rules_of(identities)
    records: dict[str, Record] = {}
    for name, identity in identities.items():
        before = newest.get(_KEYS[RULES] + name)
        record = rules_record(identity, rules.get(name, ()), None if before is None else before.record)
        if record["rules"]:
            records[name] = record
    return _declared(tx, RULES, records, now=now)


def _declared(tx: Ledger, kind: str, records: Mapping[str, Record], *, now: datetime) -> int:
    """Enqueue declarations, by pipeline, that differ from the last publication."""
    newest = tx.outbox.newest_items(publisher=PUBLISHER, kind=kind)
    publications: list[NewPublication] = []
    for pipeline_id, record in records.items():
        key, content = _KEYS[kind] + pipeline_id, record_hash(record)
        before = newest.get(key)
        if before is not None and record_hash(before.record) == content:
            continue
        publications.append(
            NewPublication(
                publisher=PUBLISHER,
                kind=kind,
                ordering_key=key,
                record=record,
                dedupe_key=f"{kind}:{pipeline_id}:{before.id if before is not None else 0}:{content[:16]}",
                after=[] if kind == PIPELINE else [pipeline_id],
            )
        )
    return tx.outbox.enqueue_all(publications, now=now)


def _executions(tx: Ledger, identities: Mapping[str, Record], *, now: datetime) -> int:
    """Starts and ends in the order in which they happened; a parent's start comes before its children's."""
    common: dict[str, Any] = {
        "since": now - SINCE,
        "limit": _MOST,
        "pipelines": tuple(identities),
        "publisher": PUBLISHER,
    }
    started = tx.outbox.unpublished_executions(prefix="start:", ended=False, **common)
    ended = tx.outbox.unpublished_executions(prefix="end:", ended=True, **common)
    pipeline_of = {execution.id: execution.pipeline_id for execution in (*started, *ended)}
    # At one moment ends come first: a run begins when the one before it has ended.
    events = [(each.end_date or each.start_date, 0, each) for each in ended]
    events += [(each.start_date, 1, each) for each in started]
    publications: list[NewPublication] = []
    for _, is_start, execution in sorted(events, key=lambda event: (event[0], event[1], event[2].id)):
        identity = identities[execution.pipeline_id]
        parent = pipeline_of.get(execution.parent_id or 0)
        publications.append(
            NewPublication(
                publisher=PUBLISHER,
                kind=EXECUTION,
                ordering_key=execution.pipeline_id,
                record=start_record(execution, identity) if is_start else end_record(execution, identity),
                dedupe_key=start_key(execution.id) if is_start else f"end:{execution.id}",
                after=[parent] if parent is not None and is_start else (),
            )
        )
    return tx.outbox.enqueue_all(publications, now=now)
