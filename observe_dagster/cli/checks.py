"""`observe checks`: the current status of every check, and the history of one."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer, table, write, write_json
from observe_dagster.service.context import Context, Document
from observe_dagster.service.times import in_utc, last_moment, to_the_second

if TYPE_CHECKING:
    from observe_dagster.ledger import CheckResultRow, CheckStatus

_TROUBLE = ("fail", "error", "warn")


@click.group()
def checks() -> None:
    """The checks of pipelines and assets.

    CHECK is named by its asset and its own name, such as lake/analytics/flights:freshness.
    """


@checks.command("list")
@click.option("--failing", is_flag=True, help="Only those that fail, warn, or could not be judged.")
@common
@click.pass_obj
def list_checks(context: Context, *, failing: bool) -> None:
    """Current status of all checks, the worst first."""
    statuses = context.ledger.checks.statuses()
    documents = [status_document(check) for check in statuses]
    documents.sort(key=lambda document: (*_TROUBLE, "learning", "pass", "skipped").index(document["status"]))
    if failing:
        documents = [document for document in documents if document["status"] in _TROUBLE]
    if context.as_json:
        write_json(documents)
    elif not documents:
        click.echo("No check fails." if failing else "No check was judged yet.")
    else:
        columns = [("Check", "left"), ("Status", "left"), ("Since", "left")]
        rows = ((each["check"], each["status"], to_the_second(each["since"])) for each in documents)
        write(table(columns, rows))
        for document in documents:
            if document["status"] in _TROUBLE:
                click.echo(f"{document['check']}: {document['reason']}")


@checks.command("show")
@click.argument("check", metavar="CHECK")
@common
@click.pass_obj
def show_check(context: Context, check: str) -> None:
    """Show the current status of CHECK, and the numbers of its latest result."""
    status = _find(context, check)
    latest = context.ledger.checks.history(status.asset, status.check_name, limit=1)
    document = {**status_document(status), "latest_verdict": result_document(latest[0]) if latest else None}
    answer(context, document)


@checks.command("history")
@click.argument("check", metavar="CHECK")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@click.option("--before", metavar="TIME", callback=last_moment, help="Only what was judged before.")
@common
@click.pass_obj
def check_history(context: Context, check: str, *, limit: int, before: datetime | None) -> None:
    """List the results of CHECK, the newest first.

    Freshness and timeliness are kept when they change and once a day, all other checks each time.
    """
    status = _find(context, check)
    results = context.ledger.checks.history(status.asset, status.check_name, limit=limit, before=before)
    documents = [result_document(result) for result in results]
    if context.as_json:
        write_json(documents)
        return
    columns = [("Judged at", "left"), ("Status", "left"), ("Run", "right"), ("Value", "right"), ("Expected", "right")]
    write(table([*columns, ("Between", "left")], (_result_cells(document) for document in documents)))


def status_document(check: "CheckStatus") -> Document:
    """The current status of one check."""
    return {
        "check": f"{'/'.join(check.asset)}:{check.check_name}",
        "kind": check.kind,
        "status": check.status.value,
        "reason": check.reason,
        "since": in_utc(check.since),
        "last_evaluated_on": in_utc(check.last_evaluated_at),
        "pipeline_id": check.pipeline_id,
        "pipeline_execution_id": check.execution_id,
    }


def result_document(result: "CheckResultRow") -> Document:
    """One result."""
    return {
        "status": result.status.value,
        "reason": result.reason,
        "value": result.value,
        "expected": result.expected,
        "lower_bound": result.lower,
        "upper_bound": result.upper,
        "judged_at": in_utc(result.judged_at),
        "evaluated_on": in_utc(result.evaluated_at),
        "pipeline_id": result.pipeline_id,
        "pipeline_execution_id": result.execution_id,
        "flagged": result.flagged,
        "evidence": result.evidence,
    }


def _find(context: Context, check: str) -> "CheckStatus":
    import difflib

    from observe_dagster.errors import NotFoundError

    asset, _, name = check.rpartition(":")
    for status in context.ledger.checks.statuses(tuple(asset.split("/"))):
        if status.check_name == name:
            return status
    known = [document["check"] for document in map(status_document, context.ledger.checks.statuses())]
    close = difflib.get_close_matches(check, known, n=1)
    raise NotFoundError("check", check, close[0] if close else None)


def _result_cells(document: Document) -> tuple[str, ...]:
    lower, upper = document["lower_bound"], document["upper_bound"]
    return (
        to_the_second(document["judged_at"]),
        document["status"] + (" (flagged)" if document["flagged"] else ""),
        str(document["pipeline_execution_id"] or "-"),
        _number(document["value"]),
        _number(document["expected"]),
        "-" if lower is None and upper is None else f"{_number(lower)} and {_number(upper)}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
