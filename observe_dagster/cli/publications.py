"""`observe publications`: what was told to other systems, what waits and what was given up."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import facts, table, write, write_json
from observe_dagster.errors import NotFoundError
from observe_dagster.service.context import Context, Document
from observe_dagster.spans import iso

if TYPE_CHECKING:
    from observe_dagster.ledger import DeliveryReport, Publication

STATES = ("pending", "sent", "dead")
_COLUMNS = (
    ("Id", "right"),
    ("To", "left"),
    ("Kind", "left"),
    ("Of", "left"),
    ("State", "left"),
    ("Receipt or reason", "left"),
)
_FLUSH_SECONDS = 300.0


@click.group()
def publications() -> None:
    """What other systems are told, and what waits."""


@publications.command("list")
@click.option("--to", "publisher", metavar="SYSTEM", help="Only those to one system, such as monte_carlo.")
@click.option("--of", metavar="KEY", help="Only those of one thing, as the column Of has it.")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only those in a state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@common
@click.pass_obj
def list_publications(
    state: Context, publisher: str | None, of: str | None, states: tuple[str, ...], limit: int
) -> None:
    """List publications, the newest first, and how many there are in each state."""
    outbox = state.ledger.outbox
    known = outbox.publishers()
    chosen = known if publisher is None else [_known(publisher, known)]
    found = [item for each in chosen for item in outbox.items(each, states=states or STATES, of=of, limit=limit)]
    found = sorted(found, key=lambda item: item.id, reverse=True)[:limit]
    counts = {each: outbox.counts(each) for each in chosen}
    if state.as_json:
        write_json({"counts": counts, "publications": [_document(item, whole=False) for item in found]})
        return
    write(table(_COLUMNS, (_cells(item) for item in found)))
    for each, numbers in counts.items():
        click.echo(f"{each}: " + ", ".join(f"{numbers.get(name, 0)} {name}" for name in STATES) + ".")


@publications.command("show")
@click.argument("number", metavar="ID", type=int)
@common
@click.pass_obj
def show_publication(state: Context, number: int) -> None:
    """Show one publication with what it says, its receipt, or why it was not taken."""
    document = _document(state.ledger.outbox.item(number), whole=True)
    if state.as_json:
        write_json(document)
    else:
        write(facts(document.items()))


@publications.command("retry")
@click.argument("numbers", metavar="[ID]...", type=int, nargs=-1)
@click.option("--to", "publisher", metavar="SYSTEM", help="All that were given up to one system.")
@common
@click.pass_obj
def retry_publications(state: Context, numbers: tuple[int, ...], publisher: str | None) -> None:
    """Put what was given up in again: some by id, those to one system, or all."""
    outbox, now = state.ledger.outbox, datetime.now(UTC)
    for number in numbers:
        outbox.item(number)
    known = outbox.publishers()
    chosen = known if publisher is None else [_known(publisher, known)]
    again = sum(outbox.requeue(each, now=now, ids=numbers or None) for each in chosen)
    if state.as_json:
        write_json({"retried": again})
    else:
        click.echo(f"{again} {'publication is' if again == 1 else 'publications are'} due again.")


@publications.command("flush")
@click.option("--now", "at_once", is_flag=True, help="Do not wait for what is to be tried later.")
@common
@click.pass_obj
def flush_publications(state: Context, *, at_once: bool) -> None:
    """Send what is due now; exits 1 when something still waits or was given up."""
    outbox, said = state.ledger.outbox, {}
    for publisher in ("monte_carlo", "datascale", "watcher", "datafold"):
        if at_once:
            outbox.make_due(publisher, now=datetime.now(UTC))
        tally = _flush(state, publisher)
        if tally is not None:
            waiting = outbox.counts(publisher).get("pending", 0)
            said[publisher] = {
                "sent": dict(tally.sent),
                "requests": tally.requests,
                "dead": tally.dead,
                "waiting": waiting,
                "notices": list(tally.notices),
            }
    if state.as_json:
        write_json(said)
    elif not said:
        click.echo("No credentials are set: MCD_INGEST_ID and MCD_INGEST_TOKEN, or DATASCALE_TOKEN.")
    for publisher, told in () if state.as_json else said.items():
        sent = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in told["sent"].items()) or "nothing"
        notices = "".join(f" {notice}" for notice in told["notices"])
        click.echo(f"{publisher}: sent {sent}; {told['waiting']} wait, {told['dead']} given up.{notices}")
    if any(told["waiting"] or told["dead"] for told in said.values()):
        click.get_current_context().exit(1)


def _flush(state: Context, publisher: str) -> "DeliveryReport | None":
    """Send until nothing is due, at most some minutes; None without credentials."""
    from observe_dagster.integrations import datafold, datascale, watcher
    from observe_dagster.integrations import monte_carlo as montecarlo
    from observe_dagster.ledger import deliver

    settings, outbox, clock = state.settings, state.ledger.outbox, lambda: datetime.now(UTC)
    if publisher == montecarlo.PUBLISHER and settings.monte_carlo is not None:
        with montecarlo.open_client(settings.monte_carlo, folder=settings.publish_dry_run) as client:
            vendor = montecarlo.open_vendor(client, state.project, settings.monte_carlo)
            return deliver(outbox, vendor, clock=clock, seconds=_FLUSH_SECONDS)
    if publisher == datascale.PUBLISHER and settings.datascale is not None:
        with datascale.open_client(settings.datascale, folder=settings.publish_dry_run) as client:
            scripts = datascale.open_vendor(client, state.ledger, settings.datascale, clock=clock)
            return deliver(outbox, scripts, clock=clock, seconds=_FLUSH_SECONDS)
    access = watcher.WatcherSettings.from_environment() if publisher == watcher.PUBLISHER else None
    if access is not None:
        with watcher.open_client(access, folder=settings.publish_dry_run) as client:
            reports = watcher.Watcher(client, state.ledger)
            return deliver(outbox, reports, clock=clock, seconds=_FLUSH_SECONDS)
    key = datafold.DatafoldSettings.from_environment() if publisher == datafold.PUBLISHER else None
    if key is not None:
        with datafold.Datafold(key, folder=settings.publish_dry_run) as there:
            return deliver(outbox, datafold.BranchCi(there), clock=clock, seconds=_FLUSH_SECONDS)
    return None


def _known(publisher: str, known: list[str]) -> str:
    import difflib

    if publisher not in known:
        close = difflib.get_close_matches(publisher, known, n=1)
        raise NotFoundError("publication to", publisher, close[0] if close else None)
    return publisher


def _document(item: "Publication", *, whole: bool) -> Document:
    document: Document = {
        "id": item.id,
        "to": item.publisher,
        "kind": item.kind,
        "of": item.ordering_key,
        "state": item.state,
        "attempts": item.attempts,
        "created_at": _moment(item.created_at),
        "next_attempt_at": _moment(item.next_attempt_at) if item.state == "pending" else None,
        "sent_at": _moment(item.sent_at),
        "receipt": None if item.receipt is None else dict(item.receipt),
        "error": item.last_error,
    }
    return {**document, "record": dict(item.record)} if whole else document


def _cells(item: "Publication") -> tuple[str, ...]:
    receipt = str((item.receipt or {}).get("invocation_id") or (item.receipt or {}).get("message") or "")
    said = receipt if item.state == "sent" else item.last_error or ""
    return (str(item.id), item.publisher, item.kind.replace("_", " "), item.ordering_key, item.state, said)


def _moment(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)
