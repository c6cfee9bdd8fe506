"""`observe connections certify` as a user runs it."""

import json
import signal
import time

import pytest

from observe_dagster.errors import WarehouseError
from observe_dagster.warehouse.load.destination import MergingDestination
from tests.databases import run_sql
from tests.integration.cli.conftest import PASSWORD

FILES = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: "{{ env.TEST_LAKE }}"}}
"""
SUBJECTS = ("--subject", "privileges", "--subject", "run_record")
SCHEMATA = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'observe%'"


@pytest.fixture(params=["warehouse", "lake"])
def connection(request, workspace, tmp_path, monkeypatch):
    """The connection's id and a way to run SQL in it."""
    lake = str(tmp_path / "lake.duckdb")
    monkeypatch.setenv("TEST_LAKE", lake)
    monkeypatch.chdir(tmp_path)
    (workspace.defs / "files.yaml").write_text(FILES)
    place = ("postgres", workspace.warehouse_url) if request.param == "warehouse" else ("duckdb", lake)
    return request.param, lambda *statements: run_sql(*place, *statements)


def test_the_receipt_has_versions_and_cases_and_the_schema_is_gone(workspace, connection, tmp_path):
    connection_id, run = connection

    result = workspace.run("connections", "certify", connection_id, *SUBJECTS)

    assert result.exit_code == 0, result.output
    assert "9 passed, 0 failed, 0 not offered" in result.stdout
    receipt = json.loads((tmp_path / f"certify-{connection_id}.json").read_text())
    assert (receipt["connection_id"], receipt["passed"], receipt["failed"]) == (connection_id, 9, 0)
    assert {case["subject"] for case in receipt["cases"]} == {"privileges", "run_record"}
    assert receipt["versions"].keys() >= {"observe_dagster", "server", "pyarrow"}
    assert receipt["versions"]["server"].startswith(receipt["engine"])
    assert receipt["capabilities"]["transactional_ddl"] is True
    assert run(SCHEMATA) == []


def test_a_schema_of_somebody_elses_is_refused_untouched(workspace, connection, tmp_path):
    connection_id, run = connection
    run("CREATE SCHEMA observe_certify", "CREATE TABLE observe_certify.mine AS SELECT 7 AS n")

    result = workspace.run("connections", "certify", connection_id, *SUBJECTS)

    assert result.exit_code not in (0, None)
    assert "was not made by certify" in result.stderr
    assert run("SELECT n FROM observe_certify.mine") == [(7,)]
    assert not list(tmp_path.glob("certify-*.json"))


def test_a_schema_may_be_named_and_kept(workspace, connection, tmp_path):
    connection_id, run = connection
    receipt = tmp_path / "kept.json"

    arguments = ("--subject", "staging", "--schema", "observe_mine", "--keep", "--receipt", str(receipt))
    document = workspace.json("connections", "certify", connection_id, *arguments)

    assert document == json.loads(receipt.read_text())
    assert (document["schema"], document["passed"]) == ("observe_mine", 4)
    assert run(SCHEMATA) == [("observe_mine",)]


def test_a_case_that_fails_is_an_exit_code(workspace, connection, monkeypatch):
    monkeypatch.setattr(MergingDestination, "_compare_watermark", lambda self, plan: None)

    result = workspace.run("connections", "certify", connection[0], "--subject", "conflicts")

    assert result.exit_code == 1
    assert " failed, " in result.stdout
    assert connection[1](SCHEMATA) == []


def test_a_subject_that_is_not_there_is_refused(workspace, connection):
    result = workspace.run("connections", "certify", connection[0], "--subject", "nope")

    assert result.exit_code == 2
    assert "'nope' is none of privileges, types" in result.stderr


def test_no_secret_is_in_the_answer_or_the_receipt(workspace, connection, monkeypatch, tmp_path):
    def leak(self, plan):
        raise WarehouseError("x", f"password {PASSWORD} is wrong")

    monkeypatch.setattr(MergingDestination, "_compare_watermark", leak)

    result = workspace.run("connections", "certify", connection[0], "--subject", "staging")

    receipt = (tmp_path / f"certify-{connection[0]}.json").read_text()
    assert result.exit_code == 1
    assert "is wrong" in receipt
    assert PASSWORD not in result.output + receipt
    assert PASSWORD not in workspace.run("connections", "certify", "far").output


def test_an_interrupted_run_drops_its_schema(workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process = workspace.start("connections", "certify", "warehouse")
    deadline = time.monotonic() + 60
    while not workspace.warehouse(SCHEMATA) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode != 0
    assert workspace.warehouse(SCHEMATA) == []
    assert not list(tmp_path.glob("certify-*.json"))
