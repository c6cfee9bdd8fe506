"""Puts into the outbox what a Watcher server was not told yet: changed declarations, rules, lineage, executions."""

from collections.abc import Iterable, Mapping, Sequence
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

PUBLISHER = "watcher"
PIPELINE = "pipeline"
EXECUTION = "pipeline_execution"
LINEAGE = "address_lineage"
RULES = "anomaly_detection_rule"
SINCE = timedelta(days=7)
"""How far back executions are told; what is older when a server is named first stays untold."""

_MOST = 1_000
_KEYS = {PIPELINE: "", LINEAGE: "lineage/", RULES: "rules/"}
"""What stands before a pipeline's id in the ordering keys of each kind."""


def start_key(execution_id: int) -> str:
    """The key of the publication that tells the start of an execution; its receipt has Watcher's number."""
    return f"start:{execution_id}"


def enqueue(
    tx: Ledger,
    project: Project,
    lineage: Iterable[tuple[Pipeline, Sequence[Table], Table]],
    platforms: Mapping[str, str],
    *,
    observed: Sequence[PipelineRow] = (),
    now: datetime,
) -> int:
    """Put in what is new of the project's pipelines and of observed assets; returns how many publications were made."""
    pipelines = {each.id: pipeline_record(each, project) for each in project.pipelines}
    pipelines |= {each.pipeline_id: observed_record(each) for each in observed}
    edges = {
        pipeline.id: lineage_record(pipeline, sources, target, platforms)
        for pipeline, sources, target in lineage
        if sources
    }
    made = _declared(tx, PIPELINE, pipelines, now=now) + _declared(tx, LINEAGE, edges, now=now)
    identities = {name: record["pipeline"] for name, record in pipelines.items()}
    return made + _rules(tx, identities, now=now) + _executions(tx, identities, now=now)


def _rules(tx: Ledger, identities: Mapping[str, Record], *, now: datetime) -> int:
    """Put in the rules of pipelines that have some, or had some when they were told last."""
    told, rules = tx.outbox.newest_items(publisher=PUBLISHER, kind=RULES), tx.checks.rules_of(identities)
    records: dict[str, Record] = {}
    for name, identity in identities.items():
        before = told.get(_KEYS[RULES] + name)
        record = rules_record(identity, rules.get(name, ()), None if before is None else before.record)
        if record["rules"]:
            records[name] = record
    return _declared(tx, RULES, records, now=now)


def _declared(tx: Ledger, kind: str, records: Mapping[str, Record], *, now: datetime) -> int:
    """Put in what is declared, by pipeline, unless it is what was told last."""
    told = tx.outbox.newest_items(publisher=PUBLISHER, kind=kind)
    drafts: list[NewPublication] = []
    for pipeline_id, record in records.items():
        key, content = _KEYS[kind] + pipeline_id, record_hash(record)
        before = told.get(key)
        if before is not None and record_hash(before.record) == content:
            continue
        drafts.append(
            NewPublication(
                publisher=PUBLISHER,
                kind=kind,
                ordering_key=key,
                record=record,
                dedupe_key=f"{kind}:{pipeline_id}:{before.id if before is not None else 0}:{content[:16]}",
                after=[] if kind == PIPELINE else [pipeline_id],
            )
        )
    return tx.outbox.enqueue_all(drafts, now=now)


def _executions(tx: Ledger, identities: Mapping[str, Record], *, now: datetime) -> int:
    """Starts and ends in the order in which they happened; a parent's start comes before its children's."""
    found: dict[str, Any] = {
        "since": now - SINCE,
        "limit": _MOST,
        "pipelines": tuple(identities),
        "publisher": PUBLISHER,
    }
    started = tx.outbox.unpublished_executions(prefix="start:", ended=False, **found)
    ended = tx.outbox.unpublished_executions(prefix="end:", ended=True, **found)
    of = {execution.id: execution.pipeline_id for execution in (*started, *ended)}
    # At one moment ends come first: a run begins when the one before it has ended.
    events = [(each.end_date or each.start_date, 0, each) for each in ended]
    events += [(each.start_date, 1, each) for each in started]
    drafts: list[NewPublication] = []
    for _, is_start, execution in sorted(events, key=lambda event: (event[0], event[1], event[2].id)):
        identity = identities[execution.pipeline_id]
        parent = of.get(execution.parent_id or 0)
        drafts.append(
            NewPublication(
                publisher=PUBLISHER,
                kind=EXECUTION,
                ordering_key=execution.pipeline_id,
                record=start_record(execution, identity) if is_start else end_record(execution, identity),
                dedupe_key=start_key(execution.id) if is_start else f"end:{execution.id}",
                after=[parent] if parent is not None and is_start else (),
            )
        )
    return tx.outbox.enqueue_all(drafts, now=now)
