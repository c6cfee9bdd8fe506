"""A shop's pipeline whose runs can be killed at a chosen step, as `kill -9` would, and a look at what is left.

A killed run is a process of its own that sends itself SIGKILL; the classes it uses are production's, or subclasses
that count what production's have finished.
"""

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import sqlalchemy as sa

import observe_dagster.sync.runner
from observe_dagster.config import project_from_attributes
from observe_dagster.errors import AlreadyInProgressError
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import RunStatus, SyncResult
from observe_dagster.settings import Settings
from observe_dagster.sync import SyncRequest
from observe_dagster.sync.runner import SyncRunner
from observe_dagster.warehouse import QueryRecorder
from observe_dagster.warehouse.port.query_log import StatementRecord

Rows = list[tuple[Any, ...]]

PROCESSES = multiprocessing.get_context("forkserver")
"""Starts a process in milliseconds: what it needs is imported once, before it is forked."""
PROCESSES.set_forkserver_preload(
    [
        "__main__",
        __name__,
        "adbc_driver_postgresql.dbapi",
        "observe_dagster.warehouse.duckdb.engine",
        "observe_dagster.warehouse.postgres.engine",
        "pyarrow.compute",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlglot.optimizer.scope",
    ]
)

SOURCE = "CREATE TABLE items (id bigint PRIMARY KEY, name text, version integer, updated_at timestamptz NOT NULL)"
_LONGEST_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a run in another process needs to know."""

    attributes: dict[str, Any]
    folder: Path
    ledger_url: str
    now: datetime
    execution_key: str
    attempts: int = 3
    lock_wait_seconds: float = 300.0
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @contextmanager
    def runner(self, ledger_class: type[Ledger] = Ledger) -> Generator[SyncRunner]:
        """A runner at that time, on a ledger of its own."""
        project = project_from_attributes(
            self.attributes, source="shop.yaml", base_dir=self.folder, environment=self.environment
        )
        settings = Settings(
            home=self.folder,
            defs=self.folder,
            sync_attempts=self.attempts,
            retry_wait_seconds=0.01,
            lock_wait_seconds=self.lock_wait_seconds,
        )
        with ledger_class.open(self.ledger_url) as ledger:
            yield SyncRunner(project, ledger, settings, clock=lambda: self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """When a run dies: after so many steps, or when it has read so many bytes, or when statements have been answered.

    A step is a statement that a warehouse has answered, or a transaction that the ledger has committed. `answered`
    are parts of statements that must have been answered in that order.
    """

    steps: int | None = None
    size: int | None = None
    answered: tuple[str, ...] = ()


RECORDED = Death(answered=('_observe_sync_run" (sequence',))
"""The rows are merged and the run is recorded beside them, but nothing is committed yet."""
COMMITTED = Death(answered=(*RECORDED.answered, "COMMIT"))
"""The destination has committed; the ledger does not know."""


class _Life:
    """Counts what a run does and ends its process when its death has come."""

    def __init__(self, death: Death) -> None:
        self._death, self._steps, self._awaited = death, itertools.count(1), list(death.answered)

    def step(self, text: str = "") -> None:
        if self._awaited and self._awaited[0] in text:
            self._awaited.pop(0)
            if not self._awaited:
                _die()
        if next(self._steps) == self._death.steps:
            _die()

    def read(self, rows: int, size: int) -> None:
        if self._death.size is not None and size >= self._death.size:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_and_die(setting: Setting, death: Death) -> None:
    """Run the pipeline in this process, which dies on the way if it gets that far."""
    life = _Life(death)

    class MortalLedger(Ledger):
        def __init__(self, engine: sa.Engine, connection: sa.Connection | None = None) -> None:
            super().__init__(engine, connection)
            if connection is None:  # each transaction ends with its connection going back to the pool
                sa.event.listen(engine, "checkin", lambda *_: life.step())

    class MortalRecorder(QueryRecorder):
        @contextmanager
        def statement(self, connection_id: str, text: str, user: str) -> Generator[StatementRecord]:
            with super().statement(connection_id, text, user) as record:
                yield record
            life.step(text)

    observe_dagster.sync.runner.QueryRecorder = MortalRecorder
    with setting.runner(MortalLedger) as runner:
        runner.run("p", SyncRequest(), execution_key=setting.execution_key, on_progress=life.read)


class Shop:
    """A pipeline `p` from `items` in PostgreSQL to `analytics.items` in either engine, at a time that moves on."""

    def __init__(self, target: str, write_mode: str, *, source: str, place: str, folder: Path, ledger: Ledger) -> None:
        self.target, self.source_url, self.place, self.folder, self.ledger = target, source, place, folder, ledger
        self.write_mode = write_mode
        self.now = datetime(2024, 3, 1, 12, tzinfo=UTC)
        self.killed: list[str] = []
        self._keys, self._ids = itertools.count(1), 0
        self.source(SOURCE)
        with self.setting().runner() as runner:
            ledger.declared.synchronise(runner.project, now=self.now)

    def setting(self) -> Setting:
        """The next run, an hour after the last one."""
        self.now += timedelta(hours=1)
        config = {"url": self.place} if self.target == "postgres" else {"path": self.place}
        destination = {"schema": "analytics", "table": "items", "write_mode": self.write_mode}
        pipeline = {
            "id": "p",
            "name": "P",
            "connection_id": "source",
            "data_model_id": "m",
            "destination": {
                **destination,
                "connection_id": "target",
                "primary_key": ["id"] if self.write_mode == "upsert" else [],
            },
            "sync_mode": {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"},
            "schedule": {"type": "on_demand"},
        }
        model = {"id": "m", "name": "M", "type": "sql", "config": {"sql_query": "SELECT * FROM items"}}
        attributes = {
            "connections": [
                {"id": "source", "name": "S", "service_provider": "postgres", "config": {"url": self.source_url}},
                {"id": "target", "name": "T", "service_provider": self.target, "config": config},
            ],
            "data_models": [model],
            "pipelines": [pipeline],
        }
        return Setting(
            attributes=attributes,
            folder=self.folder,
            ledger_url=self.ledger.engine.url.render_as_string(hide_password=False),
            now=self.now,
            execution_key=f"run-{next(self._keys)}",
        )

    # Its databases

    def source(self, statement: str) -> Rows:
        """Run a statement in the source."""
        return _ask_postgres(self.source_url, statement)

    def ask(self, statement: str) -> Rows:
        """Run a statement in the destination."""
        if self.target == "postgres":
            return _ask_postgres(self.place, statement)
        with duckdb.connect(self.place) as driver:
            driver.execute("SET TimeZone = 'UTC'")
            return driver.execute(statement).fetchall()

    def sell(self, count: int) -> None:
        """Insert rows; where rows are upserted, change some of the older ones as well. All belong to the next run."""
        if self.write_mode == "upsert":
            self.source(f"UPDATE items SET version = version + 1, updated_at = '{self.now}' WHERE id % 3 = 0")
        first, self._ids = self._ids + 1, self._ids + count
        self.source(
            f"INSERT INTO items SELECT n, 'Grüße ' || n, 0, timestamptz '{self.now}' + n * interval '1 microsecond' "
            f"FROM generate_series({first}, {self._ids}) AS n"
        )

    def demolish(self) -> None:
        """Lose the destination, so that the next run is a first one."""
        self.ask("DROP SCHEMA IF EXISTS analytics CASCADE")

    # Its runs

    def kill(self, death: Death) -> bool:
        """Start a run that dies; false if it was faster."""
        setting = self.setting()
        process = PROCESSES.Process(target=run_and_die, args=(setting, death))
        process.start()
        process.join(_LONGEST_SECONDS)
        if process.exitcode == -signal.SIGKILL:
            self.killed.append(setting.execution_key)
            return True
        if process.exitcode != 0:
            raise RuntimeError(f"the run was to die after {death}, but ended with {process.exitcode}")
        return False

    def trigger(self) -> SyncResult:
        """Run the pipeline as usual, as soon as the server has noticed that the killed run's session is gone."""
        setting, deadline = self.setting(), time.monotonic() + _LONGEST_SECONDS
        with setting.runner() as runner:
            while True:
                try:
                    return runner.run("p", SyncRequest(), execution_key=setting.execution_key)
                except AlreadyInProgressError:
                    if time.monotonic() > deadline:
                        raise

    # What is left

    def rows(self, ask: Callable[[str], Rows], table: str) -> Rows:
        """Every row of a table, in order."""
        return ask(f"SELECT id, name, version, updated_at FROM {table} ORDER BY id, version")

    def executions(self) -> Sequence[ExecutionRow]:
        """Every run that the ledger knows, oldest first."""
        return self.ledger.executions.page("p", page_size=500).items

    def committed(self) -> dict[str, tuple[int, str]]:
        """By run: the rows it wrote and the watermark it left, as the destination has them, oldest first."""
        found = self.ask("SELECT execution_key, inserts, watermark FROM analytics._observe_sync_run ORDER BY sequence")
        return {key: (inserts, watermark) for key, inserts, watermark in found}

    def violations(self) -> list[str]:
        """What is wrong: the destination is to be the source, and the ledger to tell of each run what happened."""
        held, wanted = self.rows(self.ask, "analytics.items"), self.rows(self.source, "items")
        committed = self.committed()
        watermark = list(committed.values())[-1][1]
        told = {run.execution_key: run for run in self.executions()}
        ended = {key: told[key].status for key in {*committed, *self.killed} & set(told)}
        counts = {key: told[key].counts for key in committed if key in told}
        counted = {key: count and count.inserts for key, count in counts.items()}
        pipeline = self.ledger.declared.pipeline("p")
        inserted = sum(inserts for inserts, _ in committed.values())
        holds = {
            f"{len(held)} rows are held, {len(wanted)} are in the source": held == wanted,
            f"runs are open: {self.ledger.executions.open()}": self.ledger.executions.open() == [],
            f"the ledger knows {sorted(told)}, committed are {sorted(committed)}": set(committed) <= set(told),
            f"the ledger says {ended}, committed are {sorted(committed)}": all(
                status == (RunStatus.SUCCESS if key in committed else RunStatus.FAILED) for key, status in ended.items()
            ),
            f"the ledger counts {counted}, the destination {committed}": counted
            == {key: inserts for key, (inserts, _) in committed.items() if key in told},
            f"the runs inserted {inserted} rows, {len(held)} are held": inserted == len(held),
            f"the ledger is at {pipeline.watermark}, the destination at {watermark}": pipeline.watermark == watermark,
            f"the pipeline is {pipeline.status}: {pipeline.errors}": pipeline.status == "idle",
            f"left behind: {self.leftovers()}": self.leftovers() == [],
        }
        return [text for text, right in holds.items() if not right]

    def leftovers(self) -> list[str]:
        """Staged tables that nobody removed, and files beside a DuckDB file."""
        tables = self.ask("SELECT table_name FROM information_schema.tables WHERE table_name LIKE '_observe_stage%'")
        beside = [] if self.target == "postgres" else list(Path(self.place).parent.glob("*.duckdb?*"))
        return [*(name for (name,) in tables), *map(str, beside)]


def _ask_postgres(url: str, statement: str) -> Rows:
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as driver:
        cursor = driver.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
