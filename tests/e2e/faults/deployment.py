"""A code server and daemons as separate processes on one database, to be killed; and the pipeline they run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import psycopg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from observe_dagster.ledger import Ledger
from observe_dagster.orchestration.instance.heartbeat import HEARTBEAT_TAG, LOST_AFTER_TICKS, end_lost_runs
from observe_dagster.records import RunStatus
from tests.e2e.faults.faulty import PASSWORD, url_of
from tests.e2e.faults.proxy import proxies
from tests.e2e.killed import SOURCE
from tests.paths import ROOT

PIPELINE = "items-hourly"
DECLARED = """type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: shop, name: Shop, service_provider: postgres, config: {url: "{{ env.SHOP_URL }}"}}
    - {id: store, name: Store, service_provider: postgres, config: {url: "{{ env.STORE_URL }}"}}
  data_models:
    - {id: items, name: Items, config: {sql_query: "SELECT * FROM items"}}
  pipelines:
    - id: items-hourly
      name: Items, hourly
      connection_id: shop
      data_model_id: items
      destination: {connection_id: store, schema: analytics, table: items, write_mode: append}
      state: active
      sync_mode: {type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}
      schedule: {type: interval, frequency: hourly, start: "2024-01-01T00:00:00Z"}
"""
_LOCATION = ("-m", "observe_dagster.definitions", "--location-name", "observe_dagster")
_LONGEST_SECONDS = 240
_Found = TypeVar("_Found")


class Deployment:
    """Processes by name; each is the leader of a group, with which it is killed."""

    def __init__(
        self, folder: Path, environment: dict[str, str], instance: dg.DagsterInstance, shop: str, store: str
    ) -> None:
        self.folder, self.environment, self.instance = folder, environment, instance
        self.shop, self.store = shop, store
        self._port = _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(
            f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._port}, location_name: observe_dagster}}\n"
        )

    def start_code_server(self) -> None:
        """Start the code server and wait until it serves the pipeline's schedule."""
        self._start("code", "dagster", "code-server", "start", "-h", "127.0.0.1", "-p", str(self._port), *_LOCATION)
        wait_for(lambda: self._schedule() or None)

    def start_daemon(self, name: str) -> None:
        """Start a daemon under a name."""
        self._start(name, "dagster-daemon", "run", "-w", str(self.workspace))

    def kill(self, name: str) -> None:
        """Kill a process and all it has started, as the end of its container would."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def make_due(self) -> None:
        """Let the schedule have been on for an hour, so that its last tick was missed."""
        schedule = self._schedule()
        hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
        self.instance.add_instigator_state(
            InstigatorState(
                schedule.get_remote_origin(),
                InstigatorType.SCHEDULE,
                InstigatorStatus.DECLARED_IN_CODE,
                ScheduleInstigatorData(schedule.cron_schedule, hour_ago),
            )
        )

    def runs(self) -> list[dg.DagsterRun]:
        """The pipeline's Dagster runs, oldest first."""
        filters = dg.RunsFilter(tags={"observe/pipeline": PIPELINE})
        return self.instance.get_runs(filters, ascending=True)

    def running(self, ledger: Ledger) -> dg.DagsterRun | None:
        """The run that has the pipeline, once it says that it lives and any other has seen that and ended."""
        executions = ledger.executions.open(PIPELINE)
        runs = {run.run_id: run for run in self.runs()}
        mine = runs.pop(executions[0].dagster_run_id or "", None) if executions else None
        if mine is None or HEARTBEAT_TAG not in mine.tags or not all(other.is_finished for other in runs.values()):
            return None
        return mine

    def succeeded(self) -> dg.DagsterRun | None:
        """The run that succeeded."""
        return next((run for run in self.runs() if run.status is dg.DagsterRunStatus.SUCCESS), None)

    def logs(self) -> str:
        """All that the processes have written."""
        return "\n".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def end(self) -> None:
        """Kill what is left."""
        for name in list(self._processes):
            self.kill(name)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _schedule(self) -> Any:
        with (
            warnings.catch_warnings(action="ignore"),
            WorkspaceProcessContext(self.instance, WorkspaceFileTarget([str(self.workspace)])) as opened,
        ):
            context = opened.create_request_context()
            if context.code_location_errors():
                return None
            (location,) = context.code_locations
            (repository,) = location.get_repositories().values()
            return repository.get_schedule("items_hourly_schedule")


def kill_and_mend(deployed: Deployment, ledger: Ledger, killed: Sequence[str]) -> list[str]:
    """Kill some of two daemons and a code server while a sync runs, start them anew, and return what is wrong then.

    The daemons are called first and second, the code server code; with that, the run itself is killed.
    """
    deployed.start_code_server()
    deployed.make_due()
    with psycopg.connect(deployed.shop) as holder:
        holder.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        for name in ("first", "second"):
            deployed.start_daemon(name)
        run = wait_for(lambda: deployed.running(ledger), what="the sync of the missed tick")
        for name in killed:
            deployed.kill(name)
    if "code" in killed:
        deployed.start_code_server()
        reap(deployed.instance, run)
    if {"first", "second"} <= set(killed):
        deployed.start_daemon("third")
    done = wait_for(deployed.succeeded, what="a run that succeeds")
    wanted, held = _rows(deployed.shop, "items"), _rows(deployed.store, "analytics.items")
    fates = [execution.status for execution in ledger.executions.page(PIPELINE).items]
    lost = [RunStatus.FAILED] if "code" in killed else []
    doubles = [each for each in deployed.runs() if each.run_id not in (run.run_id, done.run_id)]
    holds = {
        f"{len(held)} rows are held, {len(wanted)} are in the source": held == wanted,
        f"the ledger tells of runs that {fates}": fates == [*lost, RunStatus.SUCCESS],
        f"runs are open: {ledger.executions.open()}": ledger.executions.open() == [],
        f"the pipeline is {ledger.declared.pipeline(PIPELINE).status}": ledger.declared.pipeline(PIPELINE).status
        == "idle",
        f"the run that succeeded is {done}": done.run_id == run.run_id or done.parent_run_id == run.run_id,
        f"another tick was run: {doubles}": {each.tags["dagster/run_key"] for each in doubles}
        <= {run.tags["dagster/run_key"]},
        "a run beside it does not say why it failed": not doubles
        or f"Pipeline {PIPELINE} is already in progress." in deployed.logs(),
        "the password was told": PASSWORD not in deployed.logs(),
    }
    return [text for text, right in holds.items() if not right]


def reap(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Do what the sensor does in some minutes: end a run that was killed."""
    cursor, lost = None, list[str]()
    for _ in range(LOST_AFTER_TICKS + 1):
        lost, cursor = end_lost_runs(instance, cursor)
    if lost != [run.run_id]:
        raise TimeoutError(f"run {run.run_id} was to be found lost, but found were {lost}")


def _rows(url: str, table: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as driver:
        return driver.execute(f"SELECT id, name, version, updated_at FROM {table} ORDER BY id".encode()).fetchall()


def wait_for(find: Callable[[], _Found | None], *, what: str = "it") -> _Found:
    """Look again and again until something is found."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        if (found := find()) is not None:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"{what} did not happen within {_LONGEST_SECONDS} s")


@contextmanager
def deployment(folder: Path, *, shop: str, store: str, ledger: Ledger) -> Iterator[Deployment]:
    """A deployment with a shop of 1000 items, nothing of it started; all of it is gone in the end."""
    with psycopg.connect(shop, autocommit=True) as source:
        source.execute(SOURCE.encode())
        source.execute(
            "INSERT INTO items SELECT n, 'item ' || n, 0, timestamptz '2024-03-01 00:00Z' + n * interval '1 second' "
            "FROM generate_series(1, 1000) AS n"
        )
    home, defs = folder / "dagster", folder / "defs"
    home.mkdir()
    defs.mkdir()
    (defs / "shop.yaml").write_text(DECLARED)
    shutil.copy(ROOT / "dagster.yaml", home)
    with proxies(PASSWORD, shop=shop, store=store) as links:
        environment = {
            **os.environ,
            "OBSERVE_DATABASE_URL": url_of(ledger),
            "OBSERVE_DEFS": str(defs),
            "OBSERVE_HOME": str(folder / "observe"),
            "DAGSTER_HOME": str(home),
            "SHOP_URL": links["shop"].url,
            "STORE_URL": links["store"].url,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }
        with (
            _variables({"OBSERVE_DATABASE_URL": url_of(ledger)}),
            dg.DagsterInstance.from_config(str(home)) as instance,
        ):
            opened = Deployment(folder, environment, instance, shop, store)
            try:
                yield opened
            finally:
                opened.end()


@contextmanager
def _variables(wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
