"""Reading commands on a real ledger, as a user gives them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from observe_dagster.ledger import Ledger
from observe_dagster.records import Counts, RunType

PASSWORD = "hunter2-is-not-printed"
START = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def three_runs(workspace, ledger):
    """Two runs that ended well, one hour apart, and one that failed."""
    workspace.json("pipelines", "list")
    for hour in range(3):
        key, began = f"run-{hour}", START + timedelta(hours=hour)
        ledger.executions.start(
            pipeline_id="orders-on-demand",
            execution_key=key,
            run_type=RunType.MANUAL,
            logical_date=began,
            range_start=None,
            range_end=began.isoformat(),
            watermark=None,
            next_watermark=began.isoformat(),
            started_at=began,
            moves_watermark=False,
        )
        ended = began + timedelta(seconds=90)
        if hour < 2:
            counts = Counts(total_rows=10, inserts=7, rejected=3)
            ledger.executions.succeed(key, ended_at=ended, counts=counts, watermark=None)
        else:
            ledger.executions.fail(key, ended_at=ended, errors=["the disk " + "was full, " * 20 + "really"])
    return workspace.json("runs", "orders-on-demand")["items"]


def test_validate_counts_what_is_declared(workspace):
    assert workspace.json("validate") == {
        "status": "valid",
        "path": str(workspace.defs),
        "connections": 3,
        "data_models": 1,
        "pipeline_types": 0,
        "pipelines": 2,
    }
    assert "3 connections, 1 data model, 0 pipeline types, 2 pipelines" in workspace.run("validate").stdout


def test_validate_names_every_mistake_with_its_place(workspace):
    wrong = workspace.defs / "wrong.yaml"
    wrong.write_text("type: observe_dagster.WarehouseSync\nattributes:\n  connectoins: []\n  pipelines: 3\n")
    result = workspace.run("validate", str(wrong), "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    failure = json.loads(result.stderr)
    assert failure["statusCode"] == 400
    assert {(error["path"], error["line"]) for error in failure["errors"]} >= {("connectoins", 3), ("pipelines", 4)}
    plain = workspace.run("validate", str(wrong))
    assert f"{wrong}:3" in plain.stderr
    assert "Traceback" not in plain.stderr


def test_connections_are_listed_as_the_document_has_them(workspace):
    listed = workspace.json("connections", "list")
    assert [(item["id"], item["service_provider"], item["status"]) for item in listed] == [
        ("ops", "Postgres", "healthy"),
        ("warehouse", "Postgres", "healthy"),
        ("far", "Postgres", "healthy"),
    ]


def test_a_password_is_masked_in_every_form_of_answer(workspace):
    shown = workspace.json("connections", "show", "far")
    assert shown["config"]["password"] == "************"
    for arguments in (["connections", "show", "far"], ["connections", "list", "--json"], ["connections", "test"]):
        assert PASSWORD not in workspace.run(*arguments).output


def test_a_connection_test_tells_the_engine_or_the_error_for_each(workspace):
    result = workspace.run("connections", "test", "ops", "far", "--json")
    assert result.exit_code == 1
    good, bad = json.loads(result.stdout)
    assert (good["id"], good["status"], good["errors"]) == ("ops", "healthy", [])
    assert "PostgreSQL" in good["engine"]
    assert (bad["id"], bad["status"]) == ("far", "faulted")
    assert "'far'" in bad["errors"][0]["message"]
    plain = workspace.run("connections", "test", "far")
    assert plain.exit_code == 1
    assert "Error: Connection 'far'" in plain.stderr


FILES = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: new/lake.duckdb}}
    - {id: archive, name: Archive, service_provider: duckdb, config: {path: gone.duckdb}}
  pipelines:
    - id: orders-lake
      name: Orders to the lake
      connection_id: ops
      data_model_id: orders
      destination: {connection_id: lake, schema: analytics, table: orders, primary_key: [id]}
      sync_mode: {type: full}
      schedule: {type: on_demand}
"""


def test_a_duckdb_file_that_a_pipeline_will_create_is_no_fault_and_one_that_nobody_writes_is(workspace, monkeypatch):
    monkeypatch.chdir(workspace.defs.parent)
    (workspace.defs / "files.yaml").write_text(FILES)

    result = workspace.run("connections", "test", "lake", "archive", "--json")

    lake, archive = json.loads(result.stdout)
    assert (lake["status"], lake["engine"]) == ("healthy", "DuckDB, a new file that the first run creates")
    assert archive["status"] == "faulted"
    assert not (workspace.defs.parent / "new").exists()
    workspace.json("trigger", "orders-lake")
    assert workspace.json("connections", "test", "lake")[0]["engine"].startswith("DuckDB v")


def test_data_models_and_pipelines_are_shown_with_their_status(workspace):
    assert workspace.json("data-models", "list")[0]["status"] == "valid"
    assert workspace.json("data-models", "show", "orders")["config"]["sql_query"].startswith("SELECT id")
    listed = workspace.json("pipelines", "list")
    assert [(item["id"], item["status"]) for item in listed] == [("orders-on-demand", "idle"), ("orders-far", "idle")]
    assert workspace.json("pipelines", "show", "orders-far")["schedule"]["frequency"] == "hourly"


@pytest.mark.parametrize(
    "arguments",
    [
        ["connections", "show", "opps"],
        ["data-models", "show", "order"],
        ["pipelines", "show", "orders-farr"],
        ["report", "orders-farr"],
        ["runs", "orders-farr"],
        ["run", "orders-far", "1"],
        ["trigger", "orders-farr"],
        ["pause", "orders-farr"],
        ["resume", "orders-farr"],
    ],
    ids=" ".join,
)
def test_what_does_not_exist_is_a_404_and_one_line(workspace, arguments):
    result = workspace.run(*arguments, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["statusCode"] == 404
    plain = workspace.run(*arguments)
    assert plain.exit_code == 1
    assert plain.stderr.startswith("Error: There is no ")
    assert len(plain.stderr.splitlines()) == 1


def test_a_reading_command_shows_what_the_files_say_now(workspace):
    assert workspace.json("pipelines", "show", "orders-on-demand")["name"] == "Orders"
    file = workspace.defs / "orders.yaml"
    file.write_text(file.read_text().replace("name: Orders\n", "name: Orders, renamed\n"))
    assert workspace.json("pipelines", "show", "orders-on-demand")["name"] == "Orders, renamed"


def test_runs_come_in_the_paging_envelope(workspace, three_runs):
    assert [item["status"] for item in three_runs] == ["success", "success", "failed"]
    assert (three_runs[0]["successful_records"], three_runs[0]["failed_records"]) == (7, 3)
    page = workspace.json("runs", "orders-on-demand", "--page", "2", "--page-size", "2")
    assert [item["id"] for item in page.pop("items")] == [three_runs[2]["id"]]
    assert page == {
        "current_page": 2,
        "page_size": 2,
        "total_pages": 2,
        "total_items": 3,
        "has_previous_page": True,
        "has_next_page": False,
    }


def test_runs_can_be_limited_by_their_logical_date(workspace, three_runs):
    def ids(*arguments):
        return [item["id"] for item in workspace.json("runs", "orders-on-demand", *arguments)["items"]]

    numbers = [item["id"] for item in three_runs]
    assert ids("--start-date", "2024-03-01T01:00:00Z") == numbers[1:]
    assert ids("--end-date", "2024-03-01T01:00:00Z") == numbers[:2]
    assert ids("--start-date", "2024-03-01", "--end-date", "2024-03-01") == numbers
    assert ids("--start-date", "2024-03-02") == []


def test_a_page_after_the_last_is_empty_and_says_so(workspace, three_runs):
    assert workspace.json("runs", "orders-on-demand", "--page", "9")["items"] == []
    assert "there are 3 such runs" in workspace.run("runs", "orders-on-demand", "--page", "9").stdout


def test_the_table_of_runs_fits_80_columns_and_shows_long_errors_in_full(workspace, three_runs):
    out = workspace.run("runs", "orders-on-demand").stdout
    rows = out.split("Run ", 2)
    assert max(map(len, rows[1].splitlines())) <= 80
    assert "1 m 30 s" in out
    assert out.count("was full") == 20
    assert "Page 1 of 1, 3 runs." in out


def test_one_run_is_shown_only_under_its_own_pipeline(workspace, three_runs):
    number = str(three_runs[0]["id"])
    assert workspace.json("run", "orders-on-demand", number) == three_runs[0]
    result = workspace.run("run", "orders-far", number, "--json")
    assert (result.exit_code, json.loads(result.stderr)["statusCode"]) == (1, 404)


def test_a_report_has_the_latest_run_and_the_latest_that_ended_well(workspace, three_runs):
    report = workspace.json("report", "orders-on-demand")
    assert report["latest_pipeline_run"] == three_runs[2]
    assert report["latest_successful_pipeline_run_id"] == three_runs[1]["id"]
    assert (report["connection_status"], report["data_model_status"]) == ("healthy", "valid")
    assert "was full" in workspace.run("report", "orders-on-demand").stdout


def test_a_pause_holds_until_it_is_resumed(workspace):
    assert workspace.json("pause", "orders-far")["state"] == "paused"
    assert workspace.json("pipelines", "show", "orders-far")["status"] == "stopped"
    assert workspace.json("resume", "orders-far")["state"] == "active"
    assert workspace.json("pipelines", "show", "orders-far")["status"] == "idle"


def test_a_database_without_tables_is_answered_with_the_way_out(workspace, make_database, monkeypatch):
    monkeypatch.setenv("OBSERVE_DATABASE_URL", make_database())
    result = workspace.run("pipelines", "list")
    assert result.exit_code == 1
    assert "run `observe migrate`" in result.stderr
    assert workspace.json("migrate") == {"status": "migrated", "database": "OBSERVE_DATABASE_URL"}
    assert workspace.json("migrate")["status"] == "migrated"
    assert len(workspace.json("pipelines", "list")) == 2


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(workspace, monkeypatch):
    monkeypatch.setenv("OBSERVE_DATABASE_URL", f"postgresql://ann:{PASSWORD}@127.0.0.1:1/observe")
    for arguments in (["pipelines", "list"], ["pipelines", "list", "--json"], ["pipelines", "list", "--debug"]):
        result = workspace.run(*arguments)
        assert result.exit_code == 1
        assert PASSWORD not in result.output
    assert "Traceback" in result.stderr


def test_the_embedded_database_needs_no_migration_by_hand(workspace, monkeypatch):
    monkeypatch.delenv("OBSERVE_DATABASE_URL")
    process = workspace.start("pipelines", "list", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert [item["id"] for item in json.loads(out)] == ["orders-on-demand", "orders-far"]


def test_nothing_is_written_when_what_is_declared_is_wrong(workspace, ledger_url):
    (workspace.defs / "wrong.yaml").write_text("type: observe_dagster.WarehouseSync\nattributes: {pipelines: 3}\n")
    result = workspace.run("pipelines", "list")
    assert result.exit_code == 1
    assert "wrong.yaml:2" in result.stderr
    with Ledger.open(ledger_url) as ledger:
        assert ledger.declared.pipelines() == []
