"""Plain Dagster, as a team runs it: separate processes that share nothing but OBSERVE_DATABASE_URL."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import duckdb
import psycopg
import pytest
from dagster._grpc.client import DagsterGrpcClient
from psycopg import sql

from tests.paths import ROOT

PASSWORD = "open-sesame-4711"
PIPELINES = """type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: shop, name: Shop, service_provider: postgres, config: {url: "{{ env.SHOP_URL }}"}}
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: "{{ env.LAKE_PATH }}"}}
  data_models:
    - {id: orders, name: Orders, config: {sql_query: "SELECT id, total FROM orders"}}
  pipelines:
    - id: orders-once
      name: Orders, once
      connection_id: shop
      data_model_id: orders
      destination: {connection_id: lake, schema: analytics, table: orders, primary_key: [id], write_mode: replace}
      sync_mode: {type: full}
      schedule: {type: once}
    - id: orders-hourly
      name: Orders, hourly
      connection_id: shop
      data_model_id: orders
      destination: {connection_id: lake, schema: analytics, table: orders_hourly, primary_key: [id]}
      state: paused
      sync_mode: {type: full}
      schedule: {type: interval, frequency: hourly, start: "2024-01-01T00:00:00Z"}
"""
LOADED = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  name
  assetNodes {
    assetKey { path } groupName kinds description opName configField { configType { key } }
    metadataEntries { label description ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } }
  }
  schedules { name cronSchedule description scheduleState { status } }
  sensors { name description }
  allTopLevelResourceDetails { name configFields { name } configuredValues { key value } }
} } } }"""
RUNS = """{ runsOrError { ... on Runs { results {
  runId status tags { key value } runConfigYaml
  assetMaterializations { metadataEntries { label ... on IntMetadataEntry { intValue } } }
} } } }"""
LAUNCH = """mutation Launch($run: ExecutionParams!) { launchRun(executionParams: $run) { __typename
  ... on LaunchRunSuccess { run { runId } }
} }"""
EVENTS = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  __typename ... on MessageEvent { message }
} } } }"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def environment(make_database: Callable[[], str], ledger_url: str, tmp_path: Path) -> dict[str, str]:
    """What a deployment sets: the database, the declared files, and where Dagster keeps its logs."""
    shop = make_database()
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders AS SELECT n AS id, n * 2 AS total FROM generate_series(1, 1000) AS n")
    defs, home = tmp_path / "defs", tmp_path / "dagster"
    defs.mkdir()
    home.mkdir()
    (defs / "shop.yaml").write_text(PIPELINES)
    shutil.copy(ROOT / "dagster.yaml", home)
    return {
        **os.environ,
        "OBSERVE_DATABASE_URL": ledger_url,
        "OBSERVE_DEFS": str(defs),
        "OBSERVE_HOME": str(tmp_path / "observe"),
        "DAGSTER_HOME": str(home),
        "SHOP_URL": with_password(shop),
        "LAKE_PATH": str(tmp_path / "lake.duckdb"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }


def with_password(url: str) -> str:
    """The URL with a password, which the test server does not ask for."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{PASSWORD}@{place}"))


def command(name: str, *arguments: object) -> list[str]:
    """A command of this interpreter's environment."""
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process in the background, ended in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments, cwd=log.parent, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Ui:
    """The web server's GraphQL, and everything it has answered."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"
        self.answers: list[str] = []

    def ask(self, query: str, **variables: Any) -> Any:
        """The data that answers a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
        self.answers.append(text)
        answer = json.loads(text)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def wait_for(self, query: str, wanted: Callable[[Any], Any], *, seconds: float = 240) -> Any:
        """Ask until `wanted` finds something in the answer."""
        deadline = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = self.ask(query)
            except OSError as not_yet:
                last = not_yet
            else:
                if found := wanted(last):
                    return found
            time.sleep(0.5)
        pytest.fail(f"not within {seconds} s; the last answer was {last}")


def loaded_repository(data: Any) -> Any:
    """The code location's repository once it has loaded."""
    nodes = data["repositoriesOrError"].get("nodes")
    return nodes[0] if nodes else None


def finished_run(data: Any) -> Any:
    """The first run that came to an end."""
    runs = data["runsOrError"]["results"]
    return next((run for run in runs if run["status"] in ("SUCCESS", "FAILURE")), None)


def tables_holding(text: str, url: str) -> list[str]:
    """Every table of a database, in any schema, with a row that holds a text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert {"event_logs", "runs"} <= {table for _, table in names}
        query = "SELECT count(*) FROM {} AS row WHERE position(%s in row::text) > 0"
        return [
            f"{schema}.{table}"
            for schema, table in names
            if connection.execute(sql.SQL(query).format(sql.Identifier(schema, table)), [text]).fetchone() != (0,)
        ]


def test_definitions_validate_without_a_database(environment):
    environment["OBSERVE_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    del environment["DAGSTER_HOME"]

    done = subprocess.run(
        command("dagster", "definitions", "validate", "-w", ROOT / "workspace.yaml"),
        cwd=environment["OBSERVE_DEFS"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location observe_dagster" in done.stdout + done.stderr


def test_the_package_s_own_example_validates_without_its_variables(environment):
    for name in ("OBSERVE_DEFS", "DAGSTER_HOME"):
        del environment[name]

    done = subprocess.run(
        command("dagster", "definitions", "validate", "-w", ROOT / "workspace.yaml"),
        cwd=environment["OBSERVE_HOME"].removesuffix("observe"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def await_code_server(port: int) -> None:
    """Wait until the code server answers: a web server that tries sooner gives up on it after ten seconds."""
    client, deadline = DagsterGrpcClient(host="127.0.0.1", port=port), time.monotonic() + 240
    while client.health_check_query() != "SERVING":
        assert time.monotonic() < deadline, "the code server does not answer"
        time.sleep(0.2)


def test_an_instance_without_its_database_variable_says_what_to_set(environment):
    del environment["OBSERVE_DATABASE_URL"]

    done = subprocess.run(
        command("dagster", "instance", "info"),
        cwd=environment["DAGSTER_HOME"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode != 0
    assert "OBSERVE_DATABASE_URL is not set." in done.stdout + done.stderr


def test_dagster_dev_materializes_an_asset_and_keeps_the_run_in_the_database(environment, tmp_path):
    del environment["DAGSTER_HOME"]
    (tmp_path / "defs" / "shop.yaml").write_text(
        PIPELINES.replace("schedule: {type: once}", "schedule: {type: on_demand}")
    )
    for name in ("workspace.yaml", "dagster.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    port = free_port()
    ui = Ui(port)
    wanted = {
        "mode": "default",
        "runConfigData": {},
        "selector": {
            "repositoryLocationName": "observe_dagster",
            "repositoryName": "__repository__",
            "pipelineName": "sync",
            "assetSelection": [{"path": ["lake", "analytics", "orders"]}],
        },
    }
    with running(command("dagster", "dev", "-w", "workspace.yaml", "-p", port), environment, tmp_path / "dev.log"):
        ui.wait_for(LOADED, loaded_repository)
        launched = ui.ask(LAUNCH, run=wanted)["launchRun"]
        run = ui.wait_for(RUNS, finished_run)

    assert launched["run"]["runId"] == run["runId"]
    assert run["status"] == "SUCCESS", (tmp_path / "dev.log").read_text()
    with duckdb.connect(environment["LAKE_PATH"], read_only=True) as lake:
        assert lake.execute("SELECT count(*), sum(total) FROM analytics.orders").fetchone() == (1000, 1_001_000)
    with psycopg.connect(environment["OBSERVE_DATABASE_URL"]) as database:
        assert database.execute("SELECT run_id, status FROM runs").fetchall() == [(run["runId"], "SUCCESS")]
    assert PASSWORD not in (tmp_path / "dev.log").read_text(errors="replace")


def test_web_server_daemon_and_code_server_sync_a_pipeline_and_show_no_password(environment, tmp_path):
    code_port, ui_port = free_port(), free_port()
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: observe_dagster}}\n"
    )
    location = ("-m", "observe_dagster.definitions", "--location-name", "observe_dagster")
    ui = Ui(ui_port)
    with ExitStack() as processes:
        code = command("dagster", "code-server", "start", "-h", "127.0.0.1", "-p", code_port, *location)
        processes.enter_context(running(code, environment, tmp_path / "code.log"))
        await_code_server(code_port)
        web = command("dagster-webserver", "-h", "127.0.0.1", "-p", ui_port, "-w", workspace)
        processes.enter_context(running(web, environment, tmp_path / "web.log"))
        repository = ui.wait_for(LOADED, loaded_repository)
        daemon = command("dagster-daemon", "run", "-w", workspace)
        processes.enter_context(running(daemon, environment, tmp_path / "daemon.log"))
        run = ui.wait_for(RUNS, finished_run)
        events = ui.ask(EVENTS, run=run["runId"])["logsForRun"]["events"]

    assert {"/".join(node["assetKey"]["path"]) for node in repository["assetNodes"]} == {
        "lake/analytics/orders",
        "lake/analytics/orders_hourly",
        "shop/public/orders",
    }
    states = {schedule["name"]: schedule["scheduleState"]["status"] for schedule in repository["schedules"]}
    assert states == {"orders_hourly_schedule": "STOPPED", "prune_ledger_weekly": "RUNNING"}
    messages = [event.get("message") for event in events]
    assert run["status"] == "SUCCESS", messages
    assert {"key": "observe/pipeline", "value": "orders-once"} in run["tags"]
    with duckdb.connect(environment["LAKE_PATH"], read_only=True) as lake:
        assert lake.execute("SELECT count(*), sum(total) FROM analytics.orders").fetchone() == (1000, 1_001_000)

    assert len(messages) > 5
    assert not [answer for answer in ui.answers if PASSWORD in answer]
    assert tables_holding("orders-once", environment["OBSERVE_DATABASE_URL"])
    assert tables_holding(PASSWORD, environment["OBSERVE_DATABASE_URL"]) == []
    assert not [log.name for log in tmp_path.rglob("*.log") if PASSWORD in log.read_text(errors="replace")]
