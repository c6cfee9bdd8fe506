# ruff: noqa: E501
"""`observe alerts`: what is wrong, what could not be told, and the test of a channel."""

from datetime import UTC, datetime

import pytest
from inline_snapshot import snapshot

from observe_dagster.alerts import HealthEvent, process_events
from observe_dagster.alerts.publisher import MessageSender
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.ledger import Ledger, deliver
from observe_dagster.records import Status
from tests.fakes.receiver import Receiver

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
CHANNELS = """\
type: observe_dagster.WarehouseSync
attributes:
  alerts:
    channels:
      - {id: team, url: "{{ env.TEST_TEAM_URL }}"}
"""


@pytest.fixture
def receiver(workspace, monkeypatch):
    (workspace.defs / "alerts.yaml").write_text(CHANNELS)
    with Receiver() as running:
        monkeypatch.setenv("TEST_TEAM_URL", running.url())
        yield running


@pytest.fixture
def told(ledger_url, receiver):
    """One alert that is over, and one that is open and could not be told."""
    receiver.answers = [200, 404]
    alerting = Alerting.model_validate({"channels": [{"id": "team", "url": receiver.url()}]})
    known = {"check": "freshness", "kind": "freshness", "reason": "Too old."}
    verdicts = [
        HealthEvent(subject="lake/orders", status=Status.FAIL, at=NOON, **known),
        HealthEvent(subject="lake/orders", status=Status.PASS, at=NOON.replace(hour=13), **known),
        HealthEvent(subject="lake/planes", status=Status.WARN, severity="warn", at=NOON.replace(hour=14), **known),
    ]
    with Ledger.open(ledger_url) as ledger:
        for verdict in verdicts:
            process_events(ledger, [verdict], alerting, now=verdict.at)
            deliver(ledger.outbox, MessageSender(alerting=alerting), clock=lambda at=verdict.at: at, seconds=10)


def test_what_is_open_is_listed_with_what_could_not_be_told(workspace, told):
    result = workspace.run("alerts", "list")

    assert result.exit_code == 0, result.stderr
    assert "\n".join(line.rstrip() for line in result.stdout.splitlines()) == snapshot("""\
Severity   Subject       Check       Since              Status
──────────────────────────────────────────────────────────────
warn       lake/planes   freshness   2024-03-01 14:00   open
A message to team of 2024-03-01T13:00:00Z is dead-lettered: Failed to send JSON POST notification: Page not found., error=404.\
""")


def test_all_alerts_are_listed_the_newest_first(workspace, told):
    found = workspace.json("alerts", "list", "--all")

    assert [(alert["subject"], alert["status"]) for alert in found["alerts"]] == snapshot(
        [("lake/planes", "open"), ("lake/orders", "resolved")]
    )
    assert [(message["channel"], message["state"]) for message in found["messages"]] == snapshot([("team", "dead")])
    assert workspace.json("alerts", "list")["alerts"] == found["alerts"][:1]


def test_a_channel_is_tested_at_once(workspace, receiver):
    result = workspace.run("alerts", "test", "team")

    assert (result.exit_code, result.stdout) == snapshot((0, "A test message was sent to team.\n"))
    assert [message["message"] for message in receiver.messages] == snapshot(
        ["This is a test of the channel team: alerts of observe arrive here."]
    )


def test_a_test_that_does_not_arrive_exits_1_with_the_reason(workspace, receiver):
    receiver.answers = [401]
    result = workspace.run("alerts", "test", "team")

    assert (result.exit_code, result.stderr) == snapshot(
        (1, "Error: Channel 'team': Failed to send JSON POST notification: Verification Failed., error=401.\n")
    )


def test_an_unknown_channel_is_named(workspace, receiver):
    result = workspace.run("alerts", "test", "taem")

    assert (result.exit_code, result.stderr) == snapshot(
        (1, "Error: There is no channel 'taem'. Did you mean 'team'?\n")
    )
