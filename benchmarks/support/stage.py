"""A PostgreSQL server with a source table of ten typical columns, and a pipeline from it to either engine."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from observe_dagster.config import Project, project_from_attributes
from observe_dagster.demo.fingerprint import DuckDBEngine, Fingerprint, PostgresEngine
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.settings import Settings
from observe_dagster.sync.runner import SyncRunner

PIPELINE = "orders"
ENGINES = ("postgres", "duckdb")
COLUMNS = "id, customer, reference, note, amount, quantity, paid, weight, ordered_on, updated_at"
TABLE = """
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer uuid NOT NULL, reference text NOT NULL, note text, amount numeric(12,2),
    quantity integer, paid boolean, weight double precision, ordered_on date, updated_at timestamptz NOT NULL
)
"""
INSERT = """
INSERT INTO orders
SELECT n, md5(mod(n, 9973)::text)::uuid, 'R-' || n,
       CASE WHEN mod(n, 5) > 0 THEN 'Grüße, 注文 ' || md5(n::text) || ' ' || n END,
       mod(n, 100000) / 7.0, mod(n, 13), mod(n, 3) = 0, n / 3.0, date '2024-01-01' + (n / 86400)::int,
       coalesce(%s::timestamptz + n * interval '1 millisecond', clock_timestamp())
FROM generate_series(%s::bigint, %s::bigint) AS n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where one benchmark runs; `target` is the destination's engine, `write_mode` its mode."""

    folder: Path
    source_url: str
    ledger_url: str
    target: str
    target_place: str
    write_mode: str

    @property
    def settings(self) -> Settings:
        """Production's settings but for the waits."""
        return Settings(home=self.folder, defs=self.folder, database_url=self.ledger_url, retry_wait_seconds=0.05)

    @property
    def target_table(self) -> str:
        """The destination's table."""
        return "analytics.orders"

    def project(self) -> Project:
        """The one pipeline, from the source table to the destination."""
        target = {"url": self.target_place} if self.target == "postgres" else {"path": self.target_place}
        key = ["id"] if self.write_mode == "upsert" else []
        attributes: dict[str, Any] = {
            "connections": [
                _connection("source", "postgres", {"url": self.source_url}),
                _connection("target", self.target, target),
            ],
            "data_models": [
                {
                    "id": "orders",
                    "name": "Orders",
                    "state": "active",
                    "type": "sql",
                    "config": {"sql_query": f"SELECT {COLUMNS} FROM orders"},
                }
            ],
            "pipelines": [
                {
                    "id": PIPELINE,
                    "name": "Orders",
                    "connection_id": "source",
                    "data_model_id": "orders",
                    "destination": {
                        "connection_id": "target",
                        "schema": "analytics",
                        "table": "orders",
                        "primary_key": key,
                        "write_mode": self.write_mode,
                    },
                    "sync_mode": {
                        "type": "incremental",
                        "iterator_field": "updated_at",
                        "iterator_data_type": "timestamptz",
                    },
                    "schedule": {"type": "on_demand"},
                }
            ],
        }
        return project_from_attributes(attributes, source="benchmark", base_dir=self.folder, environment={})

    def runner(self, ledger: Ledger) -> SyncRunner:
        """The same runner that production uses."""
        return SyncRunner(self.project(), ledger, self.settings)

    def source(self, statement: str, parameters: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement in the source; return its rows."""
        return ask(self.source_url, statement, parameters)

    def ask_target(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the destination; return its rows."""
        if self.target == "postgres":
            return ask(self.target_place, statement)
        import duckdb

        with duckdb.connect(self.target_place) as driver:
            return driver.execute(statement).fetchall()

    def add_rows(self, first: int, last: int) -> None:
        """Insert the orders of these numbers, stamped now, and let the server settle."""
        add_orders(self.source_url, first, last)

    def fingerprints(self) -> tuple[Fingerprint, Fingerprint]:
        """Count and checksum over all columns of the source and of the destination."""
        names = COLUMNS.split(", ")
        query = f"SELECT {COLUMNS} FROM {self.target_table}"
        target = PostgresEngine(self.target_place) if self.target == "postgres" else DuckDBEngine(self.target_place)
        held = target.fingerprint(query, names)
        return PostgresEngine(self.source_url).fingerprint(f"SELECT {COLUMNS} FROM orders", names), held


class Server:
    """An embedded server that lives as long as the benchmark, with fsync as in production."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = start_embedded(folder / "server", options={"shared_buffers": "256MB", "max_wal_size": "4GB"})
        self.source_url = create_database(self.url, "source")
        ask(self.source_url, TABLE)

    @contextmanager
    def stage(self, target: str, write_mode: str) -> Generator[Stage]:
        """A new destination and a new ledger, removed in the end."""
        ledger_url = create_database(self.url, "ledger")
        migrate(ledger_url)
        with self.place(target) as place:
            stage = Stage(
                folder=self.folder,
                source_url=self.source_url,
                ledger_url=ledger_url,
                target=target,
                target_place=place,
                write_mode=write_mode,
            )
            with Ledger.open(ledger_url) as ledger:
                from datetime import UTC, datetime

                ledger.declared.synchronise(stage.project(), now=datetime.now(UTC))
            try:
                yield stage
            finally:
                ask(self.url, "DROP DATABASE IF EXISTS ledger WITH (FORCE)")

    @contextmanager
    def place(self, target: str) -> Generator[str]:
        """A new, empty destination alone, removed in the end."""
        try:
            yield create_database(self.url, "target") if target == "postgres" else str(self.folder / "lake.duckdb")
        finally:
            ask(self.url, "DROP DATABASE IF EXISTS target WITH (FORCE)")
            for leftover in self.folder.glob("lake.duckdb*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@contextmanager
def server() -> Generator[Server]:
    """Start a server in a temporary folder; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="observe-bench-") as name:
        folder = Path(name)
        try:
            yield Server(folder)
        finally:
            stop_embedded(folder / "server")


def _connection(name: str, provider: str, config: dict[str, str]) -> dict[str, Any]:
    return {"id": name, "name": name, "state": "active", "service_provider": provider, "config": config}


def add_orders(url: str, first: int, last: int, *, since: str | None = None) -> None:
    """Insert the orders of these numbers, a millisecond apart or stamped now, and let the server settle."""
    ask(url, INSERT, (since, first, last))
    ask(url, "VACUUM ANALYZE orders")
    ask(url, "CHECKPOINT")


def ask(url: str, statement: str, parameters: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement in a PostgreSQL database; return its rows."""
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as driver:
        cursor = driver.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []
