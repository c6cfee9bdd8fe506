"""Puts into the outbox what a Watcher server was not told yet: declarations that changed, executions, lineage."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.outbox import enqueue, newest_item
from observe_dagster.ledger.reporting import untold_executions
from observe_dagster.publish.facts import Table, record_hash
from observe_dagster.publish.watcher.records import Record, end_record, lineage_record, pipeline_record, start_record
from observe_dagster.spec.pipeline import Pipeline
from observe_dagster.spec.project import Project

PUBLISHER = "watcher"
PIPELINE = "pipeline"
EXECUTION = "pipeline_execution"
LINEAGE = "address_lineage"
SINCE = timedelta(days=7)
"""How far back executions are told; what is older when a server is named first stays untold."""

_MOST = 1_000
_LINEAGE_KEY = "lineage/"


def start_key(execution_id: int) -> str:
    """The key of the publication that tells the start of an execution; its receipt has Watcher's number."""
    return f"start:{execution_id}"


def take_in(
    db: sa.Connection,
    project: Project,
    lineage: Iterable[tuple[Pipeline, Sequence[Table], Table]],
    platforms: Mapping[str, str],
    *,
    now: datetime,
) -> int:
    """Put in what is new; returns how many publications were made."""
    made = sum(_declared(db, PIPELINE, each, pipeline_record(each, project), now=now) for each in project.pipelines)
    for pipeline, sources, target in lineage:
        if sources:
            record = lineage_record(pipeline, sources, target, platforms)
            made += _declared(db, LINEAGE, pipeline, record, now=now)
    return made + _executions(db, {pipeline.id: pipeline for pipeline in project.pipelines}, now=now)


def _declared(db: sa.Connection, kind: str, pipeline: Pipeline, record: Record, *, now: datetime) -> bool:
    """Put in what is declared unless it is what was told last."""
    key = pipeline.id if kind == PIPELINE else f"{_LINEAGE_KEY}{pipeline.id}"
    before = newest_item(db, publisher=PUBLISHER, kind=kind, ordering_key=key)
    if before is not None and record_hash(before.record) == record_hash(record):
        return False
    number = before.id if before is not None else 0
    dedupe_key = f"{kind}:{pipeline.id}:{number}:{record_hash(record)[:16]}"
    after = [] if kind == PIPELINE else [pipeline.id]
    return enqueue(
        db,
        publisher=PUBLISHER,
        kind=kind,
        ordering_key=key,
        record=record,
        now=now,
        dedupe_key=dedupe_key,
        after=after,
    )


def _executions(db: sa.Connection, pipelines: Mapping[str, Pipeline], *, now: datetime) -> int:
    """Starts and ends in the order in which they happened; a parent's start comes before its children's."""
    found: dict[str, Any] = {
        "since": now - SINCE,
        "limit": _MOST,
        "pipelines": tuple(pipelines),
        "publisher": PUBLISHER,
    }
    started = untold_executions(db, prefix="start:", ended=False, **found)
    ended = untold_executions(db, prefix="end:", ended=True, **found)
    of = {execution.id: execution.pipeline_id for execution in (*started, *ended)}
    # At one moment ends come first: a run begins when the one before it has ended.
    events = [(each.end_date or each.start_date, 0, each) for each in ended]
    events += [(each.start_date, 1, each) for each in started]
    made = 0
    for _, is_start, execution in sorted(events, key=lambda event: (event[0], event[1], event[2].id)):
        pipeline = pipelines[execution.pipeline_id]
        record = start_record(execution, pipeline) if is_start else end_record(execution, pipeline)
        parent = of.get(execution.parent_id or 0)
        made += enqueue(
            db,
            publisher=PUBLISHER,
            kind=EXECUTION,
            ordering_key=pipeline.id,
            record=record,
            now=now,
            dedupe_key=start_key(execution.id) if is_start else f"end:{execution.id}",
            after=[parent] if parent is not None and is_start else (),
        )
    return made
