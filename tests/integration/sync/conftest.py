"""A source and a destination of either engine, a ledger, and a runner between them."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from observe_dagster.config import Project, project_from_attributes
from observe_dagster.ledger import Ledger
from observe_dagster.records import SyncResult
from observe_dagster.settings import Settings
from observe_dagster.sync import SyncRequest
from observe_dagster.sync.runner import SyncRunner
from tests.databases import Rows, run_sql

_keys = itertools.count(1)


class Engine:
    """One database of a test, with a plain way to run SQL in it."""

    def __init__(self, name: str, place: str) -> None:
        self.name, self.place = name, place
        self.config: dict[str, Any] = {"url" if name == "postgres" else "path": f"{{{{ env.{self.variable} }}}}"}

    @property
    def connection(self) -> dict[str, Any]:
        return {"service_provider": self.name, "config": self.config}

    @property
    def variable(self) -> str:
        """The environment variable that says where the database is."""
        return f"ENGINE_{id(self)}"

    def run(self, *statements: str) -> Rows:
        """Run statements; return the rows of the last one, if it has any."""
        return run_sql(self.name, self.place, *statements)


class World:
    """A pipeline `p` from `source` to `target`, declared by `declare`, run by `sync`."""

    def __init__(self, source: Engine, target: Engine, ledger: Ledger, settings: Settings) -> None:
        self.source, self.target, self.ledger, self.settings = source, target, ledger, settings
        self.now = datetime(2024, 3, 1, 12, tzinfo=UTC)
        self.project = Project()

    def declare(self, sql: str = "SELECT * FROM items", **pipeline: Any) -> None:
        """Declare the pipeline anew; keywords replace its parts, `destination` only some."""
        destination = {"connection_id": "target", "schema": "analytics", "table": "items", "primary_key": ["id"]}
        declared = {
            "id": "p",
            "name": "P",
            "connection_id": "source",
            "data_model_id": "m",
            "sync_mode": {"type": "incremental", "iterator_field": "updated_at", "iterator_data_type": "timestamptz"},
            "schedule": {"type": "on_demand"},
            **pipeline,
            "destination": {**destination, **pipeline.get("destination", {})},
        }
        attributes = {
            "connections": [
                {"id": name, "name": name, "state": "active", **engine.connection}
                for name, engine in (("source", self.source), ("target", self.target))
            ],
            "data_models": [{"id": "m", "name": "M", "state": "active", "type": "sql", "config": {"sql_query": sql}}],
            "pipelines": [declared],
        }
        places = {engine.variable: engine.place for engine in (self.source, self.target)}
        self.project = project_from_attributes(attributes, source="test.yaml", base_dir=Path(), environment=places)
        self.ledger.declared.synchronise(self.project, now=self.now)

    @property
    def runner(self) -> SyncRunner:
        return SyncRunner(self.project, self.ledger, self.settings, clock=lambda: self.now)

    def sync(self, **request: Any) -> SyncResult:
        """Run the pipeline at `now`."""
        return self.runner.run("p", SyncRequest(**request), execution_key=f"run-{next(_keys)}")

    def rows(self, columns: str = "*", table: str = "items", order: str = "1") -> Rows:
        """The destination's rows."""
        return self.target.run(f'SELECT {columns} FROM analytics."{table}" ORDER BY {order}')


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    base = Settings.from_environment({"OBSERVE_HOME": str(tmp_path / "home")})
    return replace(base, sync_attempts=2, retry_wait_seconds=0.01, lock_wait_seconds=5, batch_rows=1000)


@pytest.fixture
def make_engine(make_database: Callable[[], str], tmp_path: Path) -> Callable[[str], Engine]:
    numbers = itertools.count(1)

    def make(name: str) -> Engine:
        if name == "postgres":
            return Engine(name, make_database())
        place = str(tmp_path / f"{next(numbers)}.duckdb")
        duckdb.connect(place).close()
        return Engine(name, place)

    return make


@pytest.fixture
def make_world(make_engine: Callable[[str], Engine], ledger: Ledger, settings: Settings) -> Callable[[str, str], World]:
    return lambda source, target: World(make_engine(source), make_engine(target), ledger, settings)


DIRECTIONS = [
    pytest.param((source, target), id=f"{source}-to-{target}")
    for source in ("postgres", "duckdb")
    for target in ("postgres", "duckdb")
]


@pytest.fixture(params=DIRECTIONS)
def world(request: pytest.FixtureRequest, make_engine: Any, ledger: Ledger, settings: Settings) -> World:
    """A world in each of the four directions."""
    source, target = request.param
    return World(make_engine(source), make_engine(target), ledger, settings)


@pytest.fixture(params=["postgres", "duckdb"])
def target_world(request: pytest.FixtureRequest, make_engine: Any, ledger: Ledger, settings: Settings) -> World:
    """A world that reads PostgreSQL and writes either engine."""
    return World(make_engine("postgres"), make_engine(request.param), ledger, settings)
