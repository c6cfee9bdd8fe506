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
from psycopg import sql

ROOT = Path("/work/main")
PASSWORD = "open-sesame-4711"
PIPELINES = """type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: shop, name: Shop, service_provider: postgres, config: {url: "{{ env.SHOP_URL }}"}}
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: "{{ env.LAKE_PATH }}"}}
  data_models:
    - {id: orders, name: Orders, config: {sql_query: "SELECT id, total, updated_at FROM orders"}}
  pipelines:
    - id: orders-hourly
      name: Orders, hourly
      connection_id: shop
      data_model_id: orders
      destination: {connection_id: lake, schema: analytics, table: orders_hourly, primary_key: [id]}
      sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}
      schedule: {type: interval, frequency: hourly, start: "START", partitioned: true}
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
  runId status pipelineName tags { key value } runConfigYaml
  assetMaterializations { metadataEntries { label ... on IntMetadataEntry { intValue } } }
} } } }"""
EVENTS = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
  __typename ... on MessageEvent { message }
} } } }"""

from datetime import datetime, timedelta, UTC

START = (datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2) - timedelta(hours=3)).isoformat()
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def environment(make_database: Callable[[], str], ledger_url: str, tmp_path: Path) -> dict[str, str]:
    """What a deployment sets: the database, the declared files, and where Dagster keeps its logs."""
    shop = make_database()
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT n AS id, n * 2 AS total, now() - n * interval '10 minutes' AS updated_at FROM generate_series(1, 1000) AS n"
        )
    defs, home = tmp_path / "defs", tmp_path / "dagster"
    defs.mkdir()
    home.mkdir()
    (defs / "shop.yaml").write_text(PIPELINES.replace("START", START))
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


def test_adhoc(environment, tmp_path):
    code_port, ui_port = free_port(), free_port()
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: observe_dagster}}\n"
    )
    location = ("-m", "observe_dagster.definitions", "--location-name", "observe_dagster")
    ui = Ui(ui_port)
    with ExitStack() as processes:
        for name, arguments in {
            "code": command("dagster", "code-server", "start", "-h", "127.0.0.1", "-p", code_port, *location),
            "web": command("dagster-webserver", "-h", "127.0.0.1", "-p", ui_port, "-w", workspace),
        }.items():
            processes.enter_context(running(arguments, environment, tmp_path / f"{name}.log"))
        repository = ui.wait_for(LOADED, loaded_repository)
        print(repository["schedules"])
        daemon = command("dagster-daemon", "run", "-w", workspace)
        processes.enter_context(running(daemon, environment, tmp_path / "daemon.log"))
        try:
            run = ui.wait_for(RUNS, finished_run)
            events = ui.ask(EVENTS, run=run["runId"])["logsForRun"]["events"]
            print(run)
            for e in events:
                print(e)
        finally:
            print((tmp_path / "daemon.log").read_text()[-3000:])
    assert 0
