"""`observe status`: every pipeline at a glance, the one in most trouble first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import table, write, write_json
from observe_dagster.service.context import Context, Document
from observe_dagster.service.times import in_utc, to_the_second

if TYPE_CHECKING:
    from observe_dagster.ledger import ExecutionRow, PipelineRow

_WORST_FIRST = ("fail", "error", "warn", "learning", "pass", "skipped")
_TROUBLE = _WORST_FIRST[:3]


@click.command()
@common
@click.pass_obj
def status(context: Context) -> None:
    """Current status of every pipeline and watched asset.

    Those in trouble come first. Freshness and timeliness are judged now, other checks have their current status.
    """
    from observe_dagster.config.models.check_kinds import CHECK_KINDS

    documents = sorted(_documents(context), key=_least_trouble)
    if context.as_json:
        write_json(documents)
        return
    headings = dict.fromkeys(kind.heading for kind in CHECK_KINDS.values())
    columns = [("Pipeline", "left"), ("Last run", "left"), *((heading, "left") for heading in headings)]
    write(table([*columns, ("Faults", "right")], (_cells(document, headings) for document in documents)))
    for document in documents:
        for error in document["errors"]:
            click.echo(f"{document['pipeline_id']}: {error['message']}")
        for check in document["checks"]:
            if check["status"] in _TROUBLE:
                click.echo(f"{document['pipeline_id']}: {check['reason']}")


def _documents(context: Context) -> Iterable[Document]:
    from observe_dagster.monitoring.timing import judge_timing

    ledger = context.ledger
    latest = ledger.executions.latest_of_each()
    checks: dict[tuple[str, str], Document] = {}
    for check in ledger.checks.statuses():
        if check.pipeline_id is not None:
            document = _check(check.check_name, check.kind, check.status.value, check.reason)
            checks[check.pipeline_id, check.check_name] = document
    for result in judge_timing(context.project, ledger, now=datetime.now(UTC)):
        outcome = result.outcome
        document = _check(result.check_name, result.kind, outcome.status.value, outcome.reason)
        checks[result.pipeline_id or "", result.check_name] = document
    of_pipeline: dict[str, list[Document]] = {}
    for (pipeline_id, _), check in sorted(checks.items()):
        of_pipeline.setdefault(pipeline_id, []).append(check)
    for row in ledger.declared.pipelines(watched=True):
        yield _document(row, latest.get(row.pipeline_id), of_pipeline.get(row.pipeline_id, []))


def _check(name: str, kind: str, status: str, reason: str) -> Document:
    return {"check_name": name, "kind": kind, "status": status, "reason": reason}


def _document(row: "PipelineRow", latest: "ExecutionRow | None", checks: Sequence[Document]) -> Document:
    return {
        "pipeline_id": row.pipeline_id,
        "name": row.name,
        "managed": row.managed,
        "state": "paused" if row.paused else row.state,
        "status": row.status,
        "errors": [{"message": message} for message in row.errors],
        "latest_pipeline_run": None if latest is None else _run(latest),
        "checks": list(checks),
    }


def _run(execution: "ExecutionRow") -> Document:
    return {
        "id": execution.id,
        "status": str(execution.status),
        "started_on": in_utc(execution.start_date),
        "ended_on": in_utc(execution.end_date),
        "total_rows": None if execution.counts is None else execution.counts.total_rows,
    }


def _least_trouble(document: Document) -> tuple[Any, ...]:
    counted = Counter(check["status"] for check in document["checks"])
    return (-len(document["errors"]), *(-counted[status] for status in _TROUBLE), document["pipeline_id"])


def _cells(document: Document, headings: Iterable[str]) -> tuple[str, ...]:
    from observe_dagster.config.models.check_kinds import check_kind

    run = document["latest_pipeline_run"]
    by_heading: dict[str, list[str]] = {heading: [] for heading in headings}
    for check in document["checks"]:
        by_heading[check_kind(check["kind"]).heading].append(check["status"])
    return (
        document["pipeline_id"],
        "-" if run is None else f"{run['status']} {to_the_second(run['started_on'])}",
        *(_summary(statuses) for statuses in by_heading.values()),
        str(len(document["errors"]) or "-"),
    )


def _summary(statuses: Sequence[str]) -> str:
    """The worst status, and how many of how many have it."""
    if not statuses:
        return "-"
    worst = min(statuses, key=_WORST_FIRST.index)
    return worst if len(statuses) == 1 else f"{statuses.count(worst)} of {len(statuses)} {worst}"
