"""`observe warehouse-sync apply`, run as a user would run it."""

import json

import pytest
import yaml
from click.testing import CliRunner
from inline_snapshot import snapshot

from observe_dagster.cli import main
from tests.fakes.warehouse_sync import FakeWarehouseSync
from tests.integration.integrations.remote_project import PASSWORD, attributes


@pytest.fixture
def api(tmp_path, monkeypatch, ledger_url):
    (tmp_path / "defs").mkdir()
    document = {"type": "observe_dagster.WarehouseSync", "attributes": attributes()}
    (tmp_path / "defs" / "remote.yaml").write_text(yaml.safe_dump(document))
    with FakeWarehouseSync() as running:
        environment = {
            "OBSERVE_HOME": str(tmp_path / "home"),
            "OBSERVE_DEFS": str(tmp_path / "defs"),
            "OBSERVE_DATABASE_URL": ledger_url,
            "SNOW_PASSWORD": PASSWORD,
            **running.environment,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield running


def run(*arguments):
    result = CliRunner().invoke(main, ["warehouse-sync", "apply", *arguments])
    assert PASSWORD not in result.output
    assert FakeWarehouseSync.token not in result.output
    return result


def test_a_dry_run_shows_the_plan_and_changes_nothing(api):
    result = run("--dry-run", "--json")

    changes = json.loads(result.stdout)["changes"]
    assert [(change["action"], change["kind"], change["id"]) for change in changes] == snapshot(
        [
            ("create", "connection", "snow"),
            ("create", "data_model", "tickets"),
            ("create", "pipeline", "tickets-to-mparticle"),
        ]
    )
    passwords = [each["to"] for each in changes[0]["differences"] if each["path"] == "config.password"]
    assert passwords == ["************"]
    assert api.sent("POST") == []


def test_the_plan_is_shown_and_carried_out_and_then_there_is_nothing_to_do(api):
    first, second = run(), run()

    assert first.exit_code == 0, first.stderr
    assert "config.password" in first.stdout
    assert first.stdout.splitlines()[-3:] == [
        "Created the connection snow.",
        "Created the data model tickets.",
        "Created the pipeline tickets-to-mparticle.",
    ]
    assert second.stdout.strip() == "All 3 resources at Warehouse Sync are as declared."


def test_what_is_refused_is_said_without_secrets(api):
    api.accounts_that_fail.add("snow")

    result = run()

    assert result.exit_code == 1
    assert "failed to connect to the warehouse account" in result.stderr


def test_without_a_token_it_says_what_to_set(api, monkeypatch):
    monkeypatch.delenv("MPARTICLE_TOKEN")

    assert "MPARTICLE_TOKEN is not set" in run().stderr


def test_the_command_by_its_first_name_does_the_same_and_is_not_listed(api):
    old, new = CliRunner().invoke(main, ["apply", "--dry-run", "--json"]), run("--dry-run", "--json")

    assert (old.exit_code, old.stdout) == (0, new.stdout)
    assert "  apply " not in CliRunner().invoke(main, ["--help"]).stdout
