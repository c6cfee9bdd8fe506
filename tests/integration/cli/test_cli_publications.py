"""`observe publications`: what waits, what arrived with its receipt, what was given up, and putting it in again."""

from datetime import UTC, datetime, timedelta

import pytest

from observe_dagster.alerts import PUBLISHER as ALERTS
from observe_dagster.integrations.datafold.ci import Branch, changed_table, enqueue_upload
from observe_dagster.integrations.facts import Table, TableMetadata
from observe_dagster.integrations.monte_carlo.enqueue import enqueue as enqueue_facts
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources
from observe_dagster.ledger import Ledger, NewPublication
from tests.fakes.datafold import FakeDatafold
from tests.fakes.monte_carlo import KEY, FakeMonteCarlo
from tests.fakes.receiver import Receiver

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
RESOURCES = Resources(of_connections={}, default=Resource(uuid="uuid-1", resource_type="snowflake"))


@pytest.fixture
def gateway(monkeypatch):
    with FakeMonteCarlo() as running:
        monkeypatch.setenv("MCD_INGEST_ID", KEY["x-mcd-id"])
        monkeypatch.setenv("MCD_INGEST_TOKEN", KEY["x-mcd-token"])
        monkeypatch.setenv("MCD_INGEST_URL", running.url)
        monkeypatch.setenv("MCD_RESOURCE_UUID", "uuid-1")
        monkeypatch.setenv("MCD_RESOURCE_TYPE", "snowflake")
        yield running


@pytest.fixture
def waiting(ledger_url):
    """The metadata of two tables."""
    tables = [Table(connection_id=None, database="db", schema="public", name=name) for name in ("good", "bad")]
    with Ledger.open(ledger_url) as ledger, ledger.transaction() as tx:
        enqueue_facts(tx, [(table.name, TableMetadata(table=table)) for table in tables], RESOURCES, now=NOON)


def test_what_is_due_is_sent_and_what_was_given_up_can_be_put_in_again(workspace, gateway, waiting):
    gateway.poison = '"bad"'

    flushed = workspace.run("publications", "flush")
    listed = workspace.json("publications", "list", "--publisher", "monte_carlo")
    dead, sent = listed["publications"]
    shown = workspace.json("publications", "show", str(sent["id"]))
    gateway.poison = None
    again = workspace.run("publications", "retry", str(dead["id"]))
    after = workspace.json("publications", "flush")

    assert flushed.exit_code == 1
    assert flushed.stdout == (
        "monte_carlo: 1 sent (1 table metadata), 0 pending, "
        "1 dead-lettered (`observe publications list` shows the reasons).\n"
    )
    assert listed["counts"] == {"monte_carlo": {"sent": 1, "dead": 1}}
    assert (dead["state"], dead["of"]) == ("dead", "/db/public/bad")
    assert dead["error"] == 'answered 400: {"message": "This event cannot be read."}'
    assert shown["record"]["table"]["name"] == "good"
    assert shown["receipt"].keys() == {"invocation_id", "status", "bytes", "duration_seconds"}
    assert again.stdout == "1 publication is due again.\n"
    assert after["monte_carlo"]["sent"] == {"table_metadata": 1}


def test_the_table_has_receipts_and_counts(workspace, gateway, waiting):
    workspace.run("publications", "flush")

    result = workspace.run("publications", "list")

    assert result.exit_code == 0, result.stderr
    assert all(text in result.stdout for text in ("monte_carlo", "metadata", "/db/public", "sent"))
    assert result.stdout.splitlines()[-1] == "monte_carlo: 0 pending, 2 sent, 0 dead-lettered."


def test_those_of_one_thing_can_be_listed(workspace, gateway, waiting):
    workspace.run("publications", "flush")

    listed = workspace.json("publications", "list", "--publisher", "monte_carlo", "--key", "/db/public/good")

    assert [item["of"] for item in listed["publications"]] == ["/db/public/good"]
    assert workspace.json("publications", "list", "--to", "monte_carlo", "--of", "/db/public/good") == listed


def test_what_a_branch_built_is_sent_to_datafold_as_well(workspace, ledger_url, monkeypatch):
    branch = Branch(config=4, pr_num=12, prod_table="PROD.{table}")
    table = changed_table(branch, ("db", "public", "orders"))
    with Ledger.open(ledger_url) as ledger, ledger.transaction() as tx:
        enqueue_upload(tx, branch, [table], upto=1, now=NOON)
    with FakeDatafold() as api:
        for name, value in api.environment.items():
            monkeypatch.setenv(name, value)
        flushed = workspace.run("publications", "flush")

    assert flushed.stdout == "datafold: 1 sent (1 ci upload), 0 pending.\n"
    assert api.bodies == [[{"prod": "PROD.orders", "pr": "db.public.orders"}]]


def test_without_credentials_it_says_which(workspace):
    result = workspace.run("publications", "flush")

    assert result.exit_code == 0
    assert result.stdout == (
        "There is nothing to publish to. Set the credentials of an integration: "
        "MCD_INGEST_ID and MCD_INGEST_TOKEN, DATASCALE_TOKEN, WATCHER_URL, DATAFOLD_API_KEY.\n"
    )


def test_half_of_a_key_is_an_error(workspace, monkeypatch):
    monkeypatch.setenv("MCD_INGEST_ID", "only-this")

    result = workspace.run("publications", "flush")

    assert result.exit_code != 0
    assert "MCD_INGEST_ID and MCD_INGEST_TOKEN belong together" in result.stderr


def test_what_is_not_there_is_said(workspace):
    assert "There is no publication '17'" in workspace.run("publications", "show", "17").stderr


@pytest.mark.parametrize("option", ["--publisher", "--to"])
def test_an_alert_that_was_given_up_is_put_in_again(workspace, ledger_url, option):
    with Ledger.open(ledger_url) as ledger:
        outbox = ledger.outbox
        outbox.enqueue(NewPublication(publisher=ALERTS, kind="message", ordering_key="team", record={}), now=NOON)
        (item,) = outbox.claim(ALERTS, limit=1, lease=timedelta(minutes=2), now=NOON)
        outbox.dead_letter(item, "The channel is gone.")

        again = workspace.run("publications", "retry", option, "alerts")

        assert again.stdout == "1 publication is due again.\n"
        assert outbox.counts(ALERTS) == {"pending": 1}


def test_messages_of_alerts_are_flushed_as_well(workspace, ledger_url, monkeypatch):
    channels = (
        "type: observe_dagster.WarehouseSync\nattributes: {alerts: {channels: [{id: team, url: '{{ env.TEAM }}'}]}}\n"
    )
    (workspace.defs / "alerts.yaml").write_text(channels)
    record = {"title": "One", "markdown": "One", "text": "One", "level": "warn"}
    with Receiver() as receiver, Ledger.open(ledger_url) as ledger:
        monkeypatch.setenv("TEAM", receiver.url())
        for channel in ("team", "gone"):
            message = NewPublication(publisher=ALERTS, kind="message", ordering_key=channel, record=record)
            ledger.outbox.enqueue(message, now=NOON)
        flushed = workspace.run("publications", "flush")
        (dead,) = ledger.outbox.items(ALERTS, states=["dead"])

    assert flushed.exit_code == 1
    assert flushed.stdout.startswith("alerts: 1 sent (1 message), 0 pending, 1 dead-lettered")
    assert dead.last_error == "There is no channel 'gone' any more."
    assert [message["title"] for message in receiver.messages] == ["One"]


@pytest.mark.parametrize("flag", ["--ignore-backoff", "--now"])
def test_what_is_to_be_retried_later_is_sent_on_request(workspace, gateway, waiting, ledger_url, flag):
    with Ledger.open(ledger_url) as ledger:
        ledger.outbox.defer_all("monte_carlo", until=datetime.now(UTC) + timedelta(hours=1))

        assert workspace.run("publications", "flush").stdout == "monte_carlo: 0 sent, 2 pending.\n"
        assert workspace.run("publications", "flush", flag).stdout == (
            "monte_carlo: 2 sent (2 table metadata), 0 pending.\n"
        )
