"""`observe publications`: what was sent to other systems, what is pending and what is dead-lettered."""

import difflib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import facts, table, write, write_json
from observe_dagster.errors import NotFoundError
from observe_dagster.service.context import Context, Document
from observe_dagster.spans import iso

if TYPE_CHECKING:
    from observe_dagster.ledger import Publication

STATES = {"pending": "pending", "sent": "sent", "dead": "dead-lettered"}
"""The states of a publication, and their names for people."""

_COLUMNS = (
    ("Id", "right"),
    ("Publisher", "left"),
    ("Kind", "left"),
    ("Key", "left"),
    ("State", "left"),
    ("Receipt or reason", "left"),
)
_FLUSH_SECONDS = 300.0


@click.group()
def publications() -> None:
    """List, retry and send publications to other systems."""


@publications.command("list")
@click.option("--publisher", metavar="NAME", help="Only those of one publisher, such as monte_carlo.")
@click.option("--to", metavar="NAME", hidden=True)
@click.option("--key", metavar="KEY", help="Only those of one ordering key, as the column Key has it.")
@click.option("--of", metavar="KEY", hidden=True)
@click.option("--state", "states", type=click.Choice(list(STATES)), multiple=True, help="Only those in a state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@common
@click.pass_obj
def list_publications(
    state: Context,
    *,
    publisher: str | None,
    to: str | None,
    key: str | None,
    of: str | None,
    states: tuple[str, ...],
    limit: int,
) -> None:
    """List publications, the newest first, and how many there are in each state."""
    outbox = state.ledger.outbox
    chosen = _chosen(publisher or to, outbox.publishers())
    items = [item for each in chosen for item in outbox.items(each, states=states or STATES, of=key or of, limit=limit)]
    items = sorted(items, key=lambda item: item.id, reverse=True)[:limit]
    counts = {each: outbox.counts(each) for each in chosen}
    if state.as_json:
        write_json({"counts": counts, "publications": [_document(item) for item in items]})
        return
    write(table(_COLUMNS, (_cells(item) for item in items)))
    for each, numbers in counts.items():
        click.echo(f"{each}: " + ", ".join(f"{numbers.get(name, 0)} {shown}" for name, shown in STATES.items()) + ".")


@publications.command("show")
@click.argument("number", metavar="ID", type=int)
@common
@click.pass_obj
def show_publication(state: Context, number: int) -> None:
    """Show one publication with its record, and its receipt or error."""
    item = state.ledger.outbox.item(number)
    document = {**_document(item), "record": dict(item.record)}
    if state.as_json:
        write_json(document)
    else:
        write(facts({**document, "state": STATES[item.state]}.items()))


@publications.command("retry")
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1)
@click.option("--publisher", metavar="NAME", help="All dead letters of one publisher.")
@click.option("--to", metavar="NAME", hidden=True)
@common
@click.pass_obj
def retry_publications(state: Context, numbers: tuple[int, ...], *, publisher: str | None, to: str | None) -> None:
    """Requeue dead letters: some by id, those of one publisher, or all."""
    outbox, now = state.ledger.outbox, datetime.now(UTC)
    for number in numbers:
        outbox.item(number)
    chosen = _chosen(publisher or to, outbox.publishers())
    requeued = sum(outbox.requeue(each, now=now, ids=numbers or None) for each in chosen)
    if state.as_json:
        write_json({"retried": requeued})
    else:
        click.echo(f"{requeued} {'publication is' if requeued == 1 else 'publications are'} due again.")


@publications.command("flush")
@click.option("--ignore-backoff", is_flag=True, help="Send what is to be retried later, too.")
@click.option("--now", "at_once", is_flag=True, hidden=True)
@common
@click.pass_obj
def flush_publications(state: Context, *, ignore_backoff: bool, at_once: bool) -> None:
    """Send what is due now; exits 1 when something is still pending or was dead-lettered."""
    from observe_dagster.integrations.publisher import PublisherContext, dispatch, summary
    from observe_dagster.integrations.registry import PUBLISHERS

    outbox, answer = state.ledger.outbox, dict[str, dict[str, Any]]()
    context = PublisherContext(project=state.project, ledger=state.ledger, dry_run=state.settings.publish_dry_run)
    for entry in PUBLISHERS:
        if not entry.is_on(os.environ, state.project):
            continue
        if ignore_backoff or at_once:
            outbox.make_due(entry.name, now=datetime.now(UTC))
        report = dispatch(entry.open(os.environ), context, seconds=_FLUSH_SECONDS)
        pending = outbox.counts(entry.name).get("pending", 0)
        answer[entry.name] = {
            "sent": dict(report.sent),
            "requests": report.requests,
            "dead": report.dead,
            "waiting": pending,
            "notices": list(report.notices),
        }
        if not state.as_json:
            click.echo(f"{entry.name}: {summary(report, {'pending': pending, 'dead': report.dead})}")
    if state.as_json:
        write_json(answer)
    elif not answer:
        credentials = ", ".join(" and ".join(entry.variables) for entry in PUBLISHERS if entry.variables)
        click.echo(f"There is nothing to publish to. Set the credentials of an integration: {credentials}.")
    if any(each["waiting"] or each["dead"] for each in answer.values()):
        click.get_current_context().exit(1)


def _chosen(publisher: str | None, known: list[str]) -> list[str]:
    if publisher is None:
        return known
    if publisher not in known:
        close = difflib.get_close_matches(publisher, known, n=1)
        raise NotFoundError("publication to", publisher, close[0] if close else None)
    return [publisher]


def _document(item: "Publication") -> Document:
    return {
        "id": item.id,
        "to": item.publisher,
        "kind": item.kind,
        "of": item.ordering_key,
        "state": item.state,
        "attempts": item.attempts,
        "created_at": iso(item.created_at),
        "next_attempt_at": iso(item.next_attempt_at) if item.state == "pending" else None,
        "sent_at": None if item.sent_at is None else iso(item.sent_at),
        "receipt": None if item.receipt is None else dict(item.receipt),
        "error": item.last_error,
    }


def _cells(item: "Publication") -> tuple[str, ...]:
    receipt = str((item.receipt or {}).get("invocation_id") or (item.receipt or {}).get("message") or "")
    result = receipt if item.state == "sent" else item.last_error or ""
    kind = item.kind.replace("_", " ")
    return (str(item.id), item.publisher, kind, item.ordering_key, STATES[item.state], result)
