"""Commands about checks on a real ledger, as a user gives them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from observe_dagster.ledger import Ledger
from observe_dagster.records import CheckResult, Counts, Outcome, RunType, Status

NOW = datetime.now(UTC)
ASSET = ("warehouse", "analytics", "orders")
CHECK = "warehouse/analytics/orders:anomaly_total_rows"

RULES = """\
      freshness_number: 1
      freshness_datepart: hour
      anomaly_detection_rules: [{metric_field: total_rows}]
    - id: orders-far
"""


@pytest.fixture
def run_id(workspace, ledger: Ledger) -> int:
    """A pipeline with a late table and an anomaly; returns the run's number."""
    file = workspace.defs / "orders.yaml"
    file.write_text(file.read_text().replace("    - id: orders-far\n", RULES))
    workspace.json("pipelines", "list")
    began = NOW - timedelta(hours=3)
    ledger.executions.start(
        pipeline_id="orders-on-demand",
        execution_key="a",
        run_type=RunType.MANUAL,
        logical_date=began,
        range_start=None,
        range_end=None,
        watermark=None,
        next_watermark=None,
        started_at=began,
        moves_watermark=False,
    )
    ended = ledger.executions.succeed(
        "a", ended_at=began + timedelta(minutes=1), counts=Counts(total_rows=9, inserts=9), watermark=None
    )
    evidence = {"metric_field": "total_rows", "z_threshold": 3.5}
    outcome = Outcome(
        status=Status.FAIL,
        reason="total_rows is 9; 1,000 was expected.",
        value=9.0,
        expected=1000.0,
        lower=900.0,
        upper=1100.0,
        evidence=evidence,
    )
    result = CheckResult(
        asset=ASSET,
        check_name="anomaly_total_rows",
        kind="anomaly",
        outcome=outcome,
        judged_at=began,
        evaluated_at=NOW,
        pipeline_id="orders-on-demand",
        execution_id=ended.id,
    )
    ledger.checks.record_results([result])
    return ended.id


def test_checks_are_listed_shown_and_have_a_history(workspace, run_id):
    (listed,) = workspace.json("checks", "list", "--failing")
    assert (listed["check"], listed["status"], listed["pipeline_execution_id"]) == (CHECK, "fail", run_id)
    shown = workspace.json("checks", "show", CHECK)
    assert shown["latest_verdict"]["expected"] == 1000.0
    (verdict,) = workspace.json("checks", "history", CHECK)
    assert (verdict["status"], verdict["value"], verdict["flagged"]) == ("fail", 9.0, True)
    assert workspace.json("checks", "history", CHECK, "--before", "2020-01-01") == []


def test_checks_read_well_on_a_terminal(workspace, run_id):
    listed = workspace.run("checks", "list").stdout
    assert "anomaly_total_rows" in listed
    assert f"{CHECK}: total_rows is 9; 1,000 was expected." in listed
    history = workspace.run("checks", "history", CHECK).stdout
    assert "fail (flagged)" in history
    assert str(run_id) in history
    assert "total_rows is 9" in workspace.run("checks", "show", CHECK).stdout


def test_a_ledger_without_verdicts_says_so(workspace):
    assert workspace.run("checks", "list").stdout == "No check was judged yet.\n"
    assert workspace.run("checks", "list", "--failing").stdout == "No check fails.\n"


def test_a_check_that_is_not_there_is_not_found_and_the_closest_is_named(workspace, run_id):
    del run_id
    result = workspace.run("checks", "show", f"{CHECK}s", "--json")
    failure = json.loads(result.stderr)
    assert (result.exit_code, failure["statusCode"]) == (1, 404)
    assert f"Did you mean '{CHECK}'?" in failure["errors"][0]["message"]


def test_status_puts_the_pipeline_in_most_trouble_first_and_judges_freshness_now(workspace, ledger, run_id):
    first, second = workspace.json("status")
    assert (first["pipeline_id"], second["pipeline_id"]) == ("orders-on-demand", "orders-far")
    assert first["latest_pipeline_run"]["id"] == run_id
    assert [(check["kind"], check["status"]) for check in first["checks"]] == [
        ("anomaly", "fail"),
        ("freshness", "fail"),
    ]
    ledger.declared.fault_pipeline("orders-far", ["nobody listens"])
    assert [found["pipeline_id"] for found in workspace.json("status")] == ["orders-far", "orders-on-demand"]
    shown = workspace.run("status").stdout
    assert "orders-far: nobody listens" in shown
    assert "Orders was last loaded" in shown


def test_unflag_puts_a_run_back_once(workspace, ledger, run_id):
    arguments = ("unflag", "orders-on-demand", str(run_id), "total_rows")
    assert workspace.json(*arguments) == {
        "pipeline_id": "orders-on-demand",
        "pipeline_execution_id": run_id,
        "metric_field": ["total_rows"],
    }
    assert ledger.executions.get(run_id).anomaly_flags == {"total_rows": False}
    again = workspace.run(*arguments, "--json")
    assert (again.exit_code, json.loads(again.stderr)["statusCode"]) == (1, 404)


def test_prune_counts_and_deletes(workspace, run_id):
    del run_id
    told = workspace.json("prune", "--retention-days", "90", "--dry-run")
    assert (told["total_pipeline_executions_deleted"], told["dry_run"]) == (0, True)
    assert workspace.run("prune").stdout.startswith("Deleted:\n")
    assert workspace.run("prune", "--retention-days", "89").exit_code == 2
