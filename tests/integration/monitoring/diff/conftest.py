"""Two datasets to compare, in one database, in two of one engine, and across engines."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import psycopg
import pytest

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.config.models.diff import DataDiffConfig
from observe_dagster.config.project import Project
from observe_dagster.embedded import create_database
from observe_dagster.monitoring.diff.compare import DiffResult, diff

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
_numbers = itertools.count(1)


class Place:
    """A database, and a connection of its own name to it."""

    def __init__(self, name: str, engine: str, url: str) -> None:
        self.name, self.engine = name, engine
        if engine == "postgres":
            self.connection: Any = PostgresConnection.model_validate(
                {"id": name, "name": name, "service_provider": engine, "config": {"url": url}}
            )
            self._driver: Any = psycopg.connect(url, autocommit=True, options="-c timezone=UTC")
        else:
            self.connection = DuckDBConnection.model_validate(
                {"id": name, "name": name, "service_provider": engine, "config": {"path": url}}
            )
            duckdb.connect(url).close()
        self._url = url

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; return the rows of the last one, if it has any."""
        if self.engine == "postgres":
            for statement in statements:
                cursor = self._driver.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []
        with duckdb.connect(self._url) as driver:
            driver.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                driver.execute(statement)
            return driver.fetchall()

    def close(self) -> None:
        """Let go of the database."""
        if self.engine == "postgres":
            self._driver.close()


@dataclass(frozen=True)
class Sides:
    """Where a and b are."""

    a: Place
    b: Place
    method: str

    def fill(self, columns: str, a: str, b: str | None = None, *, columns_b: str | None = None) -> None:
        """Make the tables `a` and `b` anew and fill each with rows as SQL has them after VALUES; '' for none.

        Types are PostgreSQL's; DuckDB gets its own spelling of them.
        """
        for place, table, declared, rows in (
            (self.a, "a", columns, a),
            (self.b, "b", columns_b or columns, a if b is None else b),
        ):
            place.run(f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({_spelt(declared, place.engine)})")
            if rows:
                place.run(f"INSERT INTO {table} VALUES {rows}")

    def compare(self, key: str = "id", *, swapped: bool = False, **config: Any) -> DiffResult:
        """Compare the table `a` with the table `b`."""
        a = {"connection_id": self.a.name, "table": "a", **config.pop("dataset_a", {})}
        b = {"connection_id": self.b.name, "table": "b", **config.pop("dataset_b", {})}
        declared = {"dataset_a": b if swapped else a, "dataset_b": a if swapped else b, **config}
        project = Project(connections=tuple({p.name: p.connection for p in (self.a, self.b)}.values()))
        result = diff(project, DataDiffConfig.model_validate({"primary_key": key.split(","), **declared}), now=NOW)
        assert result.method == self.method
        return result


def _spelt(columns: str, engine: str) -> str:
    if engine == "postgres":
        return columns
    for name, other in (("jsonb", "JSON"), ("bytea", "BLOB"), ("double precision", "DOUBLE"), ("numeric", "DECIMAL")):
        columns = columns.replace(name, other)
    return columns


WAYS = {
    "one-postgres": ("pg", "pg", "join"),
    "one-duckdb": ("duck", "duck", "join"),
    "two-connections": ("pg", "pg_again", "join"),
    "two-postgres": ("pg", "pg_other", "buckets"),
    "postgres-duckdb": ("pg", "duck", "buckets"),
    "two-duckdb": ("duck", "duck_other", "buckets"),
}


@pytest.fixture(scope="session")
def places(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    folder = tmp_path_factory.mktemp("lakes")
    one, other = (create_database(postgres_url, f"diff_{next(_numbers)}") for _ in range(2))
    found = {
        "pg": Place("pg", "postgres", one),
        "pg_again": Place("pg_again", "postgres", one),
        "pg_other": Place("pg_other", "postgres", other),
        "duck": Place("duck", "duckdb", str(folder / "one.duckdb")),
        "duck_other": Place("duck_other", "duckdb", str(folder / "other.duckdb")),
    }
    yield found
    for place in found.values():
        place.close()


@pytest.fixture
def make_sides(places: dict[str, Place]) -> Callable[[str], Sides]:
    def make(way: str) -> Sides:
        a, b, method = WAYS[way]
        return Sides(places[a], places[b], method)

    return make


@pytest.fixture(params=WAYS)
def sides(request: pytest.FixtureRequest, make_sides: Callable[[str], Sides]) -> Sides:
    """a and b in each of the ways they can be to each other."""
    return make_sides(request.param)


@pytest.fixture(params=["one-postgres", "two-postgres", "postgres-duckdb", "one-duckdb"])
def main_sides(request: pytest.FixtureRequest, make_sides: Callable[[str], Sides]) -> Sides:
    """a and b in the ways that differ in their SQL."""
    return make_sides(request.param)
