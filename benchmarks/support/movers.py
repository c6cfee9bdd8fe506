"""Our ways of moving the rows of the sync benchmark, and the floors: what the wire allows, with nothing around it."""

import importlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

from benchmarks.support.contest import NAMES, TYPES, Move, Task
from benchmarks.support.stage import PIPELINE, Stage

_DRIVERS = {
    "postgres": ("observe_dagster.warehouse.postgres.engine",),
    "duckdb": ("adbc_driver_postgresql.dbapi", "pyarrow.compute", "observe_dagster.warehouse.duckdb.engine"),
}
_SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def observe(task: Task) -> Move:
    """The sync's runner, with its ledger."""
    from observe_dagster.ledger import Ledger
    from observe_dagster.sync import SyncRequest
    from observe_dagster.sync.runner import SyncRunner

    _import(*_DRIVERS["postgres"], *_DRIVERS[task.target])
    stage, project = task.stage, task.stage.project()
    request = SyncRequest(until=datetime.fromisoformat(task.since)) if task.is_full else SyncRequest()

    def move() -> None:
        with Ledger.open(stage.ledger_url) as ledger:
            SyncRunner(project, ledger, stage.settings).run(PIPELINE, request, execution_key=task.load)

    return move


def through_dagster(task: Task) -> Move:
    """The whole run of the job, on an instance that is open and has run something, so that its modules are there."""
    from observe_dagster.orchestration.assets.sync import run_config

    _import(*_DRIVERS["postgres"], *_DRIVERS[task.target])
    config = run_config(PIPELINE, until=task.since) if task.is_full else {}
    opened = ExitStack()
    step = opened.enter_context(as_a_step(task.stage))
    with bare_step() as bare:
        bare()

    def move() -> None:
        with opened:
            step(config)

    return move


@contextmanager
def as_a_step(stage: Stage) -> Generator[Callable[[dict[str, Any]], int]]:
    """Run the pipeline as a step of Dagster, as often as asked, as its schedule does; gives the number of rows read."""
    import dagster as dg

    from observe_dagster.orchestration.build import build_definitions
    from observe_dagster.orchestration.instance.home import prepare_dagster_home
    from observe_dagster.orchestration.resource import ObserveResource
    from observe_dagster.orchestration.translator.keys import SYNC_JOB, run_tags

    os.environ.update(DAGSTER_HOME=str(prepare_dagster_home(stage.settings)), OBSERVE_DATABASE_URL=stage.ledger_url)
    observe = ObserveResource(stage.project(), stage.settings)
    tags = run_tags(observe.project.pipeline(PIPELINE))
    job = build_definitions(stage.project(), observe=observe).resolve_job_def(SYNC_JOB)

    def run(config: dict[str, Any]) -> int:
        result = job.execute_in_process(instance=instance, run_config={**_SILENT, **config}, tags=tags)
        (event,) = result.get_asset_materialization_events()
        value = event.step_materialization_data.materialization.metadata["observe/total_rows"].value
        return int(str(value))

    try:
        with dg.DagsterInstance.get() as instance:
            yield run
    finally:
        observe.close()


@contextmanager
def bare_step(*, deps: Sequence[Sequence[str]] = (), pool: str | None = None) -> Generator[Callable[[], int]]:
    """Run an asset that does nothing on the same instance, in the same way; gives 0, the rows it reads."""
    import dagster as dg

    @dg.asset(deps=[dg.AssetKey(key) for key in deps], pool=pool)
    def bare() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"observe/total_rows": 0})

    job = dg.Definitions(assets=[bare], jobs=[dg.define_asset_job("bare_job", [bare])]).resolve_job_def("bare_job")

    def run() -> int:
        job.execute_in_process(instance=instance, run_config=_SILENT)
        return 0

    with dg.DagsterInstance.get() as instance:
        yield run


def _import(*names: str) -> None:
    for name in names:
        importlib.import_module(name)


def floor(task: Task) -> Move:
    """A COPY pipe or a stream of record batches, and the one statement that takes it in."""
    if task.target == "postgres":
        _import("psycopg")
        return (lambda: _copy_all(task)) if task.is_full else (lambda: _copy_changed(task))
    _import("adbc_driver_postgresql.dbapi", "duckdb")
    return (lambda: _insert_all(task)) if task.is_full else (lambda: _insert_changed(task))


def _copy_all(task: Task) -> None:
    import psycopg

    fields = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, TYPES["postgres"], strict=True))
    with psycopg.connect(task.source_url) as source, psycopg.connect(task.place) as target:
        target.execute("CREATE SCHEMA analytics")
        target.execute(f"CREATE TABLE analytics.orders ({fields})".encode())
        _pipe(source, target, task.query, "analytics.orders")
        target.execute("ALTER TABLE analytics.orders ADD PRIMARY KEY (id)")


def _copy_changed(task: Task) -> None:
    import psycopg

    changes = ", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])
    with psycopg.connect(task.source_url) as source, psycopg.connect(task.place) as target:
        target.execute("CREATE TEMP TABLE changed (LIKE analytics.orders) ON COMMIT DROP")
        _pipe(source, target, task.query, "changed")
        target.execute(
            f"INSERT INTO analytics.orders SELECT * FROM changed ON CONFLICT (id) DO UPDATE SET {changes}".encode()
        )


def _pipe(source: Any, target: Any, query: str, table: str) -> None:
    with (
        source.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)".encode()) as out,
        target.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as into,
    ):
        for block in out:
            into.write(block)


def _insert_all(task: Task) -> None:
    with _arriving(task) as target:
        target.execute("CREATE SCHEMA analytics")
        target.execute(f"CREATE TABLE analytics.orders AS SELECT {_cast()} FROM arriving")


def _insert_changed(task: Task) -> None:
    with _arriving(task) as target:
        target.execute("BEGIN TRANSACTION")
        target.execute(f"CREATE TEMP TABLE changed AS SELECT {_cast()} FROM arriving")
        target.execute("DELETE FROM analytics.orders USING changed WHERE orders.id = changed.id")
        target.execute("INSERT INTO analytics.orders SELECT * FROM changed")
        target.execute("COMMIT")


@contextmanager
def _arriving(task: Task) -> Generator[Any]:
    """The DuckDB file, with the source's record batches under the name `arriving`."""
    import duckdb
    from adbc_driver_postgresql import dbapi

    query = task.query.replace("customer", "customer::text AS customer", 1)
    with dbapi.connect(task.source_url) as source, source.cursor() as cursor, duckdb.connect(task.place) as target:
        target.execute("SET TimeZone = 'UTC'")
        cursor.execute(query)
        target.register("arriving", cursor.fetch_record_batch())
        yield target


def _cast() -> str:
    pairs = zip(NAMES, TYPES["duckdb"], strict=True)
    return ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in pairs)
