"""What else would move the rows of the sync benchmark, with its fastest settings: dlt, Sling, pandas."""

import importlib
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.support.contest import NAMES, Move, Task, UnavailableError

_PANDAS_ROWS = 50_000
_DLT_ROWS = 100_000
_NOT_INSTALLED = "not installed (it belongs to the extra `bench`)"
_UPSERT = f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in NAMES[1:])}"


def pandas(task: Task) -> Move:
    """`read_sql` in chunks from a streaming cursor, `to_sql` or DuckDB's own way in for each, one merge at the end."""
    import sqlalchemy as sa

    importlib.import_module("pandas")
    importlib.import_module("duckdb" if task.target == "duckdb" else "psycopg2")
    source = sa.create_engine(_psycopg2(task.source_url))
    if task.target == "postgres":
        target = sa.create_engine(_psycopg2(task.place))
        return lambda: _pandas_to_postgres(task, source, target)
    return lambda: _pandas_to_duckdb(task, source)


def _chunks(task: Task, source: Any) -> Iterator[Any]:
    import pandas as pd
    import sqlalchemy as sa

    with source.connect().execution_options(stream_results=True) as connection:
        yield from pd.read_sql(sa.text(task.query), connection, chunksize=_PANDAS_ROWS)


def _pandas_to_postgres(task: Task, source: Any, target: Any) -> None:
    import sqlalchemy as sa

    table = "orders" if task.is_full else "changed"
    with target.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS analytics"))
        for chunk in _chunks(task, source):
            chunk.to_sql(table, connection, schema="analytics", if_exists="append", index=False)
        if task.is_full:
            connection.execute(sa.text("ALTER TABLE analytics.orders ADD PRIMARY KEY (id)"))
        else:
            connection.execute(sa.text(f"INSERT INTO analytics.orders SELECT * FROM analytics.changed{_UPSERT}"))
            connection.execute(sa.text("DROP TABLE analytics.changed"))


def _pandas_to_duckdb(task: Task, source: Any) -> None:
    import duckdb

    table = "analytics.orders" if task.is_full else "changed"
    with duckdb.connect(task.place) as target:
        target.execute("BEGIN TRANSACTION")
        target.execute("CREATE SCHEMA IF NOT EXISTS analytics")
        for number, chunk in enumerate(_chunks(task, source)):
            target.register("arriving", chunk)
            kind = "" if task.is_full else "TEMP "
            verb = f"INSERT INTO {table}" if number else f"CREATE {kind}TABLE {table} AS"
            target.execute(f"{verb} SELECT * FROM arriving")
        if not task.is_full:
            target.execute("DELETE FROM analytics.orders USING changed WHERE orders.id = changed.id")
            target.execute("INSERT INTO analytics.orders SELECT * FROM changed")
        target.execute("COMMIT")


def dlt_connectorx(task: Task) -> Move:
    """The backend connectorx and Parquet files; `replace`, then `merge` as upsert."""
    return _dlt(task, "connectorx", {"conn": _with_host(task.source_url), "return_type": "arrow"})


def dlt_pyarrow(task: Task) -> Move:
    """The backend pyarrow and Parquet files; `replace`, then `merge` as upsert."""
    return _dlt(task, "pyarrow", {})


def _dlt(task: Task, backend: Any, backend_options: dict[str, Any]) -> Move:
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")
    if find_spec("dlt") is None or find_spec(backend) is None:
        raise UnavailableError(_NOT_INSTALLED)
    import dlt  # pyright: ignore[reportMissingImports]
    from dlt.sources.sql_database import sql_table  # pyright: ignore[reportMissingImports]

    for name in (backend, "adbc_driver_postgresql.dbapi", "duckdb", "psycopg2", "pyarrow.parquet", "pyarrow.compute"):
        importlib.import_module(name)
    since = None if task.is_full else dlt.sources.incremental("updated_at", datetime.fromisoformat(task.since))
    upsert: Any = {"disposition": "merge", "strategy": "upsert"}
    if task.target == "postgres":
        destination, place = dlt.destinations.postgres, _with_host(task.place)
    else:
        destination, place = dlt.destinations.duckdb, task.place

    def move() -> None:
        table = sql_table(
            credentials=_psycopg2(task.source_url),
            table="orders",
            schema="public",
            backend=backend,
            backend_kwargs=backend_options,
            chunk_size=_DLT_ROWS,
            reflection_level="full_with_precision",
            incremental=since,
        )
        table.apply_hints(primary_key="id", write_disposition="replace" if task.is_full else upsert)
        pipeline = dlt.pipeline(
            "orders",
            pipelines_dir=str(Path(task.folder) / "dlt"),
            destination=destination(place),
            dataset_name="analytics",
        )
        pipeline.run(table, loader_file_format="parquet").raise_on_failed_jobs()

    return move


def sling(task: Task) -> Move:
    """Its binary, `full-refresh`, then `incremental`; the start of the binary is timed as well."""
    binary = os.environ.get("SLING_BINARY") or _packaged_sling()
    command = [binary, "run", "--src-conn", "BENCH_SOURCE", "--src-stream", "public.orders"]
    command += ["--tgt-conn", "BENCH_TARGET", "--tgt-object", "analytics.orders"]
    command += ["--mode", "full-refresh"] if task.is_full else ["--mode", "incremental"]
    command += ["--primary-key", "id", "--update-key", "updated_at"]
    environment = {
        **os.environ,
        "SLING_HOME_DIR": task.folder,
        "SLING_DISABLE_TELEMETRY": "true",
        "BENCH_SOURCE": _sling_place(task.source_url),
        "BENCH_TARGET": _sling_place(task.place),
    }

    def move() -> None:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Sling: {(done.stdout + done.stderr)[-1500:]}")

    return move


def _packaged_sling() -> str:
    spec = find_spec("sling_linux_amd64") or find_spec("sling_linux_arm64")
    if spec is None or spec.origin is None:
        raise UnavailableError(_NOT_INSTALLED)
    return str(next(Path(spec.origin).parent.glob("bin/sling*")))


def _sling_place(place: str) -> str:
    return place + "&sslmode=disable" if place.startswith("postgresql:") else f"duckdb://{place}"


def _with_host(url: str) -> str:
    """The URL with a socket's folder in the place of the host, and with a password, which nobody asks for."""
    head, _, folder = url.partition("?host=")
    return head.replace("postgres@/", f"postgres:none@{folder}/", 1) if folder else head


def _psycopg2(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg2:", 1)
