"""SQL that is taken in: assets, edges, and the answers of the Datascale document."""

import json
import subprocess
import sys

import pytest
from inline_snapshot import snapshot

SCRIPT = """\
CREATE TABLE stage.orders (id int, amount numeric);
INSERT INTO stage.orders (id, amount) SELECT id, total FROM raw.orders;
CREATE VIEW mart.revenue AS SELECT id, amount * 2 AS twice FROM stage.orders;
"""


@pytest.fixture
def script(tmp_path):
    def write(text: str = SCRIPT, name: str = "orders.sql") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_taking_in_answers_as_the_document_says(workspace, script):
    assert workspace.run("ingest", script(), "--platform", "postgres").stdout == snapshot(
        "Successfully ingested 3 assets [3 added, 0 modified]\n"
    )
    assert workspace.run("ingest", script(), "--platform", "postgres").stdout == snapshot(
        "Successfully ingested 3 assets [0 added, 0 modified]\n"
    )
    changed = SCRIPT.replace("total FROM raw.orders", "price FROM raw.sales")
    assert workspace.json("ingest", script(changed), "--platform", "PostgreSQL") == snapshot(
        {
            "success": True,
            "message": "Successfully ingested 3 assets [1 added, 1 modified]",
            "unresolved": [],
        }
    )


def test_what_was_taken_in_can_be_explored(workspace, script):
    workspace.run("ingest", script(), "--platform", "postgres")
    answer = workspace.json("lineage", "upstream", "mart.revenue.twice")
    assert [(node["table"]["path"], node["name"], node["depth"]) for node in answer["nodes"]] == [
        (["postgres", "stage", "orders"], "amount", 1),
        (["postgres", "raw", "orders"], "total", 2),
    ]
    assert workspace.run("lineage", "downstream", "raw.orders", "--mermaid").stdout == snapshot(
        """\
flowchart LR
    n0["postgres.raw.orders"]
    n1["postgres.stage.orders"]
    n2["postgres.mart.revenue"]
    n0 --> n1
    n1 --> n2
    style n0 stroke-width:3px
"""
    )
    assert workspace.run("lineage", "upstream", "revenue.id", "--mermaid").stdout == snapshot(
        """\
flowchart LR
    subgraph t0["postgres.mart.revenue"]
        n0["id"]
    end
    subgraph t1["postgres.stage.orders"]
        n1["id"]
    end
    subgraph t2["postgres.raw.orders"]
        n2["id"]
    end
    n1 --> n0
    n2 --> n1
    style n0 stroke-width:3px
"""
    )


def test_a_changed_script_gives_up_the_edges_it_no_longer_has(workspace, script):
    workspace.run("ingest", script(), "--platform", "postgres")
    workspace.run("ingest", script(SCRIPT.replace("FROM raw.orders", "FROM raw.sales")), "--platform", "postgres")
    nodes = workspace.json("lineage", "upstream", "stage.orders")["nodes"]
    assert [node["path"] for node in nodes] == [["postgres", "raw", "sales"]]


def test_a_definition_replaces_the_one_of_another_script_and_rows_add_to_it(workspace, script):
    workspace.run("ingest", script("CREATE VIEW m.v AS SELECT a FROM r.x", "one.sql"), "--platform", "postgres")
    workspace.run("ingest", script("CREATE VIEW m.v AS SELECT b AS a FROM r.y", "two.sql"), "--platform", "postgres")
    workspace.run("ingest", script("INSERT INTO m.v (a) SELECT c FROM r.z", "three.sql"), "--platform", "postgres")
    nodes = workspace.json("lineage", "upstream", "m.v.a")["nodes"]
    assert [node["table"]["name"] for node in nodes] == ["y", "z"]


def test_stdin_is_taken_in_by_its_content(workspace):
    command = [sys.executable, "-c", "from observe_dagster.cli import main; main()", "ingest", "-", "--json"]
    done = subprocess.run(
        command, input="CREATE VIEW a.v AS SELECT x FROM a.t", capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["message"] == "Successfully ingested 2 assets [2 added, 0 modified]"


@pytest.mark.parametrize(
    ("text", "options", "answer"),
    [
        (
            "CREATE VIEW v AS SELECT a FROM t;\n\nSELECT a FROM (t;",
            ["--platform", "snowflake"],
            snapshot(
                {
                    "success": False,
                    "error": "Invalid syntax in SQL script",
                    "details": "Error at line 3, column 16: Expecting ) at 't'",
                    "code": "PARSER_ERROR",
                }
            ),
        ),
        (
            "SELECT 1",
            ["--platform", "cobol"],
            snapshot(
                {
                    "success": False,
                    "error": "platform cannot be used",
                    "details": "There is no platform 'cobol'.",
                    "code": "INVALID_INPUT",
                }
            ),
        ),
        (
            "SELECT 1",
            ["--extra-config", '{"schemas": 1}'],
            snapshot(
                {
                    "success": False,
                    "error": "extra_config.schemas cannot be used",
                    "details": "Extra inputs are not permitted",
                    "code": "INVALID_INPUT",
                }
            ),
        ),
        (
            "SELECT 1",
            ["--connection", "opps"],
            snapshot(
                {
                    "success": False,
                    "error": "extra_config.connection_id cannot be used",
                    "details": "There is no connection 'opps'. Did you mean 'ops'?",
                    "code": "INVALID_INPUT",
                }
            ),
        ),
    ],
)
def test_what_cannot_be_taken_in_has_the_document_s_code(workspace, script, text, options, answer):
    result = workspace.run("ingest", script(text), *options, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, answer)


def test_a_fault_takes_in_nothing(workspace, script):
    result = workspace.run("ingest", script("CREATE VIEW a.v AS SELECT x FROM a.t; SELEC 1"), "--platform", "postgres")
    assert (result.exit_code, result.stderr) == snapshot(
        (
            1,
            """\
Error: PARSER_ERROR: Invalid syntax in SQL script
Error at line 1, column 45: Invalid expression / Unexpected token at '1'
""",
        )
    )
    assert workspace.run("lineage", "upstream", "a.v").exit_code == 1


def test_what_could_not_be_followed_is_told(workspace, script):
    result = workspace.run("ingest", script("CREATE VIEW a.v AS SELECT * FROM a.t"), "--platform", "postgres")
    assert (result.stdout, result.stderr) == snapshot(
        (
            "Successfully ingested 2 assets [2 added, 0 modified]\n",
            "Not followed: line 1, column 27: * stands for columns that are not known: those of a.t\n",
        )
    )


def test_the_columns_of_tables_are_read_from_the_connection(workspace, script):
    workspace.run("ingest", script("CREATE VIEW public.v AS SELECT * FROM orders"), "--connection", "ops")
    answer = workspace.json("lineage", "upstream", "ops.public.v.amount")
    assert [node["table"]["path"] for node in answer["nodes"]] == [["ops", "public", "orders"]]


def test_the_columns_of_tables_may_be_told(workspace, script):
    extra = json.dumps({"default_schema": "d", "tables": {"t": ["x", "y"]}})
    path = script("CREATE VIEW v AS SELECT * FROM t")
    result = workspace.run("ingest", path, "--platform", "bigquery", "--extra-config", extra)
    assert result.stderr == ""
    assert len(workspace.json("lineage", "upstream", "bigquery.d.v.y")["nodes"]) == 1


def test_a_path_that_is_not_there_is_named(workspace, script):
    workspace.run("ingest", script(), "--platform", "postgres")
    result = workspace.run("lineage", "upstream", "postgres.raw.order")
    assert (result.exit_code, result.stderr) == snapshot(
        (
            1,
            """\
Error: There is no table or column with lineage 'postgres.raw.order'. Did you mean 'postgres.raw.orders'?
""",
        )
    )
