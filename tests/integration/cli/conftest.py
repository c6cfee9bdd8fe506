"""A small project on real databases, and `observe` as a user would run it on it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from observe_dagster.cli import main

PASSWORD = "hunter2-is-not-printed"

DEFS = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: ops, name: Operations database, service_provider: postgres, config: {url: "{{ env.TEST_OPS_URL }}"}}
    - {id: warehouse, name: Warehouse, service_provider: postgres, config: {url: "{{ env.TEST_WAREHOUSE_URL }}"}}
    - id: far
      name: Nobody listens there
      service_provider: postgres
      config: {host: 127.0.0.1, port: "1", database: x, user: ann, password: "{{ env.TEST_PASSWORD }}"}
  data_models:
    - {id: orders, name: Orders, config: {sql_query: "SELECT id, amount, updated_at FROM public.orders"}}
  pipelines:
    - id: orders-on-demand
      name: Orders
      connection_id: ops
      data_model_id: orders
      destination: {connection_id: warehouse, schema: analytics, table: orders, primary_key: [id]}
      sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}
      schedule: {type: on_demand}
    - id: orders-far
      name: Orders to nowhere
      connection_id: ops
      data_model_id: orders
      destination: {connection_id: far, schema: analytics, table: orders, primary_key: [id]}
      sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}
      schedule: {type: interval, frequency: hourly, start: "2024-01-01T00:00:00Z"}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A user's folder: where the YAML is, and the databases it names."""

    defs: Path
    source_url: str
    warehouse_url: str

    def run(self, *arguments: str) -> Result:
        """Run `observe` in this process."""
        return CliRunner().invoke(main, list(arguments))

    def json(self, *arguments: str) -> Any:
        """Run `observe … --json`, which must succeed, and read its answer."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `observe` as a process of its own."""
        command = [sys.executable, "-c", "from observe_dagster.cli import main; main()", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def source(self, statement: str) -> None:
        """Change the source."""
        with psycopg.connect(self.source_url) as connection:
            connection.execute(statement.encode())

    def warehouse(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.warehouse_url) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger_url: str, make_database: Callable[[], str]
) -> Workspace:
    """A workspace with three orders in its source, an empty warehouse and an empty ledger."""
    defs = tmp_path / "defs"
    defs.mkdir()
    (defs / "orders.yaml").write_text(DEFS)
    found = Workspace(defs=defs, source_url=make_database(), warehouse_url=make_database())
    environment = {
        "OBSERVE_HOME": str(tmp_path / "home"),
        "OBSERVE_DEFS": str(defs),
        "OBSERVE_DATABASE_URL": ledger_url,
        "OBSERVE_SYNC_ATTEMPTS": "1",
        "DAGSTER_HOME": "",
        "TEST_OPS_URL": found.source_url,
        "TEST_WAREHOUSE_URL": found.warehouse_url,
        "TEST_PASSWORD": PASSWORD,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found.source("CREATE TABLE orders (id int PRIMARY KEY, amount numeric(12,2), updated_at timestamptz)")
    found.source("INSERT INTO orders SELECT n, n * 1.5, now() - interval '1 hour' FROM generate_series(1, 3) n")
    return found
