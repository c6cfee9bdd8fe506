"""Databases of either engine with a plain way to run SQL in them, and connections to them."""

import itertools
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from observe_dagster.config import Connection
from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from tests.databases import Rows, run_sql


class Database:
    """One database of a test."""

    def __init__(self, engine: str, place: str) -> None:
        self.engine, self.place = engine, place

    def connection(self, connection_id: str) -> Connection:
        """A declared connection to it."""
        if self.engine == "postgres":
            return PostgresConnection.model_validate(
                {
                    "id": connection_id,
                    "name": connection_id,
                    "service_provider": "postgres",
                    "config": {"url": self.place},
                }
            )
        return DuckDBConnection.model_validate(
            {"id": connection_id, "name": connection_id, "service_provider": "duckdb", "config": {"path": self.place}}
        )

    def run(self, *statements: str) -> Rows:
        """Run statements; return the rows of the last one, if it has any."""
        return run_sql(self.engine, self.place, *statements)


@pytest.fixture
def make_engine(make_database: Callable[[], str], tmp_path: Path) -> Callable[[str], Database]:
    """Make an empty database of `postgres` or `duckdb`."""
    numbers = itertools.count(1)

    def make(engine: str) -> Database:
        if engine == "postgres":
            return Database(engine, make_database())
        place = str(tmp_path / f"{next(numbers)}.duckdb")
        duckdb.connect(place).close()
        return Database(engine, place)

    return make


@pytest.fixture(params=["postgres", "duckdb"])
def engine(request: pytest.FixtureRequest, make_engine: Callable[[str], Database]) -> Database:
    """An empty database of either engine."""
    return make_engine(request.param)
