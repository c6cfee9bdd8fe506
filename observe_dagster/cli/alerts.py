"""`observe alerts`: open alerts, messages that were not delivered, and a test of a channel."""

import difflib
from datetime import UTC
from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import table, write, write_json
from observe_dagster.errors import NotFoundError
from observe_dagster.service.context import Context, Document
from observe_dagster.spans import iso

if TYPE_CHECKING:
    from observe_dagster.ledger import Alert, Publication

_MOST_SHOWN = 1000
_COLUMNS = (("Severity", "left"), ("Subject", "left"), ("Check", "left"), ("Since", "left"), ("Status", "left"))


@click.group()
def alerts() -> None:
    """List alerts and test channels."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Show resolved ones, too, the newest first.")
@common
@click.pass_obj
def list_alerts(state: Context, *, everything: bool) -> None:
    """List open alerts, and the messages that are pending or dead-lettered."""
    from observe_dagster.alerts import PUBLISHER

    store = state.ledger.alerts
    alerts = store.recent(limit=_MOST_SHOWN) if everything else store.open()
    undelivered = state.ledger.outbox.items(PUBLISHER, states=("pending", "dead"), limit=_MOST_SHOWN)
    if state.as_json:
        write_json(
            {"alerts": [_document(each) for each in alerts], "messages": [_message(each) for each in undelivered]}
        )
        return
    write(table(_COLUMNS, (_cells(alert) for alert in alerts)))
    for item in undelivered:
        shown = "is dead-lettered" if item.state == "dead" else "is pending"
        reason = f": {item.last_error}" if item.last_error else "."
        click.echo(f"A message to {item.ordering_key} of {iso(item.created_at)} {shown}{reason}")


@alerts.command("test")
@click.argument("channel_id", metavar="CHANNEL")
@common
@click.pass_obj
def test_channel(state: Context, channel_id: str) -> None:
    """Send a test message to CHANNEL now; exits 1 with the reason when it does not arrive."""
    from observe_dagster.alerts import send_message

    alerting = state.project.alerting
    channel = alerting.channel(channel_id)
    if channel is None:
        close = difflib.get_close_matches(channel_id, [each.id for each in alerting.channels], n=1)
        raise NotFoundError("channel", channel_id, close[0] if close else None)
    text = f"This is a test of the channel {channel_id}: alerts of observe arrive here."
    send_message(channel, {"title": "Test message", "markdown": text, "text": text, "level": "ok"})
    if state.as_json:
        write_json({"channel": channel_id, "status": "sent"})
    else:
        click.echo(f"A test message was sent to {channel_id}.")


def _document(alert: "Alert") -> Document:
    return {
        "subject": alert.subject,
        "check": alert.check_name,
        "severity": alert.severity,
        "status": alert.status,
        "pipeline_id": alert.pipeline_id,
        "description": alert.description,
        "opened_at": iso(alert.opened_at),
        "last_seen_at": iso(alert.last_seen_at),
        "last_sent_at": None if alert.last_sent_at is None else iso(alert.last_sent_at),
        "resolved_at": None if alert.resolved_at is None else iso(alert.resolved_at),
        "details": dict(alert.details),
    }


def _message(item: "Publication") -> Document:
    return {
        "id": item.id,
        "channel": item.ordering_key,
        "state": item.state,
        "title": item.record["title"],
        "attempts": item.attempts,
        "error": item.last_error,
        "created_at": iso(item.created_at),
        "next_attempt_at": iso(item.next_attempt_at) if item.state == "pending" else None,
    }


def _cells(alert: "Alert") -> tuple[str, ...]:
    since = alert.opened_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return (alert.severity, alert.subject, alert.check_name, since, alert.status)
