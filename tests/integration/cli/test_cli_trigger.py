"""`observe trigger` runs a pipeline through Dagster for real."""

import json
import signal
import time

import psycopg
import pytest
from psycopg import sql

LAKE = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {{id: lake, name: Lake, service_provider: duckdb, config: {{path: "{path}"}}}}
  pipelines:
    - id: orders-lake
      name: Orders to the lake
      connection_id: ops
      data_model_id: orders
      destination: {{connection_id: lake, schema: analytics, table: orders, primary_key: [id]}}
      sync_mode: {{type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}}
      schedule: {{type: on_demand}}
"""
PARTITIONED = """\
type: observe_dagster.WarehouseSync
attributes:
  pipelines:
    - id: orders-daily
      name: Orders, day by day
      connection_id: ops
      data_model_id: orders
      destination: {connection_id: warehouse, schema: analytics, table: orders_daily, primary_key: [id]}
      sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}
      schedule:
        type: interval
        frequency: daily
        start: "2024-01-01T00:00:00Z"
        end: "2024-01-05T00:00:00Z"
        partitioned: true
"""
PASSWORD = "hunter2-is-not-printed"


def _answer(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def test_a_trigger_moves_the_rows_and_answers_with_the_run(workspace):
    code, out, err = _answer(workspace.start("trigger", "orders-on-demand", "--json"))
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["status"] == "success"
    assert answer["runs"] == [workspace.json("run", "orders-on-demand", str(answer["pipeline_run_id"]))]
    run = answer["runs"][0]
    assert (run["type"], run["successful_records"], run["failed_records"], run["inserts"]) == ("manual", 3, 0, 3)
    assert workspace.warehouse("SELECT id, amount FROM analytics.orders ORDER BY id") == [(1, 1.5), (2, 3), (3, 4.5)]
    report = workspace.json("report", "orders-on-demand")
    assert report["latest_successful_pipeline_run_id"] == answer["pipeline_run_id"]
    assert report["status"] == "idle"


def test_the_run_is_on_record_in_dagster_where_the_job_lists_it(workspace, ledger_url):
    run = workspace.json("trigger", "orders-on-demand")["runs"][0]
    with psycopg.connect(ledger_url) as connection:
        found = connection.execute(
            "SELECT pipeline_name, status FROM runs WHERE run_id = %s", [run["dagster_run_id"]]
        ).fetchall()
        tags = dict(
            connection.execute("SELECT key, value FROM run_tags WHERE run_id = %s", [run["dagster_run_id"]]).fetchall()
        )
    assert found == [("sync", "SUCCESS")]
    assert tags[".dagster/repository"] == "__repository__@observe_dagster"
    assert tags["observe/pipeline"] == "orders-on-demand"


MONITOR = """\
type: observe_dagster.WarehouseSync
attributes:
  monitors:
    rows:
      type: metric
      schedule: {type: none}
      after_sync: true
      connection_id: warehouse
      metric: {type: table, table: analytics.orders, metric: row_count}
"""


def test_the_monitors_that_run_after_a_sync_run_after_a_trigger(workspace, ledger_url):
    (workspace.defs / "monitor.yaml").write_text(MONITOR)
    run = workspace.json("trigger", "orders-on-demand")["runs"][0]
    (check,) = workspace.json("checks", "list")
    assert (check["check"], check["kind"]) == ("warehouse/analytics/orders:rows", "metric")
    with psycopg.connect(ledger_url) as connection:
        evaluated = connection.execute(
            "SELECT check_name, execution_status FROM asset_check_executions WHERE run_id = %s", [run["dagster_run_id"]]
        ).fetchall()
    assert evaluated == [("rows", "SUCCEEDED")]


def test_an_old_range_is_read_again_without_moving_the_watermark(workspace):
    workspace.json("trigger", "orders-on-demand")
    before = workspace.json("report", "orders-on-demand")["watermark"]
    workspace.source("UPDATE orders SET amount = 0 WHERE id = 2")
    run = workspace.json("trigger", "orders-on-demand", "--from", "2020-01-01", "--until", "2100-01-01")["runs"][0]
    assert (run["type"], run["updates"], run["unchanged"]) == ("backfill", 1, 2)
    assert workspace.json("report", "orders-on-demand")["watermark"] == before


def test_a_failed_run_is_an_error_that_names_the_connection_and_no_password(workspace, ledger_url):
    code, out, err = _answer(workspace.start("trigger", "orders-far"))
    assert (code, out) == (1, "")
    assert err.startswith("Error: Connection 'far'")
    assert len(err.splitlines()) <= 2
    assert PASSWORD not in err
    failure = json.loads(workspace.run("trigger", "orders-far", "--json").stderr)
    assert failure["statusCode"] == 505
    report = workspace.json("report", "orders-far")
    assert report["status"] == "faulted"
    assert "'far'" in report["errors"][0]["message"]
    assert PASSWORD not in json.dumps(report)
    assert {"event_logs", "pipeline_execution", "connection"} <= set(_tables_holding("far", ledger_url))
    assert _tables_holding(PASSWORD, ledger_url) == []
    written = [path for path in (workspace.defs.parent / "home").rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if PASSWORD.encode() in path.read_bytes()] == []


def _tables_holding(text, url):
    """Every table, Dagster's and the ledger's, with a row that holds a text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        query = "SELECT count(*) FROM {} AS row WHERE position(%s in row::text) > 0"
        return [
            table
            for schema, table in names
            if connection.execute(sql.SQL(query).format(sql.Identifier(schema, table)), [text]).fetchone() != (0,)
        ]


@pytest.mark.parametrize("pipeline", ["orders-on-demand", "orders-lake"])
def test_of_two_triggers_at_the_same_instant_one_succeeds_and_the_other_is_told(workspace, pipeline):
    (workspace.defs / "lake.yaml").write_text(LAKE.format(path=workspace.defs.parent / "lake.duckdb"))
    workspace.source(
        "INSERT INTO orders SELECT n, n * 1.5, now() - interval '1 hour' FROM generate_series(10, 300000) n"
    )
    gate = psycopg.connect(workspace.source_url)
    gate.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    first, second = (workspace.start("trigger", pipeline, "--json") for _ in range(2))
    ended = _first_to_end(first, second)
    gate.close()
    other = second if ended is first else first
    code, out, err = _answer(ended)
    assert (code, out) == (1, "")
    message = {"message": f"Pipeline {pipeline} is already in progress."}
    assert json.loads(err) == {"statusCode": 400, "errors": [message]}
    code, out, _ = _answer(other)
    assert code == 0
    assert json.loads(out)["runs"][0]["inserts"] == 299_994
    assert workspace.json("runs", pipeline)["total_items"] == 1


def _first_to_end(*processes):
    """The process that ends first: the one that is refused, for the source stays locked meanwhile."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in processes:
            if process.poll() is not None:
                return process
        time.sleep(0.05)  # two processes cannot be awaited at once
    raise AssertionError("neither trigger ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trigger_exits_130_and_leaves_the_pipeline_free(workspace, number):
    gate = psycopg.connect(workspace.source_url)
    gate.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    process = workspace.start("trigger", "orders-on-demand")
    _wait_for_a_blocked_reader(gate)
    process.send_signal(number)
    code, out, err = _answer(process)
    gate.close()
    assert (code, out.strip(), err.strip()) == (130, "", "")
    assert workspace.json("trigger", "orders-on-demand")["status"] == "success"


@pytest.fixture
def partitioned(workspace):
    """A pipeline with daily partitions since 2024-01-01 until 2024-01-05, and one order on each day."""
    (workspace.defs / "daily.yaml").write_text(PARTITIONED)
    workspace.source(
        "INSERT INTO orders SELECT 100 + n, 1, timestamptz '2024-01-01 12:00Z' + n * interval '1 day'"
        " FROM generate_series(0, 3) n"
    )
    return workspace


def test_a_partitioned_pipeline_reads_the_windows_between_two_times_in_one_run(partitioned):
    answer = partitioned.json("trigger", "orders-daily", "--from", "2024-01-02", "--until", "2024-01-04")
    assert [(run["range_start"][:10], run["range_end"][:10], run["inserts"]) for run in answer["runs"]] == [
        ("2024-01-02", "2024-01-04", 2)
    ]


def test_a_partitioned_pipeline_fills_the_windows_that_are_missing(partitioned):
    partitioned.json("trigger", "orders-daily", "--from", "2024-01-02", "--until", "2024-01-03")
    answer = partitioned.json("trigger", "orders-daily")
    assert [(run["range_start"][:10], run["range_end"][:10], run["inserts"]) for run in answer["runs"]] == [
        ("2024-01-01", "2024-01-02", 1),
        ("2024-01-03", "2024-01-05", 2),
    ]
    nothing_left = partitioned.run("trigger", "orders-daily")
    assert nothing_left.exit_code == 1
    assert "no closed window" in nothing_left.stderr


def _wait_for_a_blocked_reader(gate):
    deadline = time.monotonic() + 120
    blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"
    while gate.execute(blocked).fetchone() == (0,):
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a lock that another session waits for cannot be awaited


@pytest.mark.parametrize(
    "arguments", [["--from", "2020-01-01", "--until", "2019-01-01"], ["--full-refresh", "--until", "2020-01-01"]]
)
def test_options_that_contradict_each_other_are_bad_usage(workspace, arguments):
    assert workspace.run("trigger", "orders-on-demand", *arguments).exit_code == 2
