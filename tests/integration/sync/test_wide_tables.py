"""Rows with many columns, or with long values, get into DuckDB in as much memory as that takes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from observe_dagster.errors import OutOfMemoryError
from observe_dagster.ledger import ExecutionRow
from observe_dagster.warehouse.duckdb import destination
from tests.integration.sync.conftest import World

COLUMNS, ROWS = 400, 20_000
LONG, FEW = 10_000, 6_000


@pytest.fixture
def world(make_world: Callable[[str, str], World]) -> World:
    return make_world("postgres", "duckdb")


@pytest.fixture
def long_values(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Documents that together are larger than what is allowed at first."""
    monkeypatch.setattr(destination, "MEGABYTES_OF_NEW", 8)
    world.source.run(
        "CREATE TABLE items (id int, updated_at timestamptz, document text)",
        f"INSERT INTO items SELECT i, '2024-03-01 10:00Z', i || repeat('x', {LONG}) FROM generate_series(1, {FEW}) i",
    )
    return world


def last_run(world: World) -> ExecutionRow:
    return world.ledger.executions.page("p").items[-1]


def test_hundreds_of_columns_are_loaded_and_updated_at_the_first_attempt(world: World) -> None:
    numbers = range(COLUMNS)
    fields = ", ".join(f"c{number} {'double precision' if number % 3 else 'text'}" for number in numbers)
    values = ", ".join(f"i / {number}.0" if number % 3 else "'v' || i" for number in numbers)
    world.source.run(
        f"CREATE TABLE items (id int, updated_at timestamptz, {fields})",
        f"INSERT INTO items SELECT i, '2024-03-01 10:00Z', {values} FROM generate_series(1, {ROWS}) AS i",
    )
    world.declare()
    assert world.sync().counts.inserts == ROWS
    assert last_run(world).attempts == 1

    world.now += timedelta(hours=1)
    world.source.run("UPDATE items SET c1 = -id, updated_at = '2024-03-01 12:30Z' WHERE id % 2 = 0")

    assert world.sync().counts.updates == ROWS // 2
    assert last_run(world).attempts == 1
    assert world.rows("count(*), count(*) FILTER (WHERE c1 = -id), min(c399)") == [(ROWS, ROWS // 2, "v1")]


def test_an_attempt_that_had_too_little_memory_is_followed_by_one_that_has_more(long_values: World) -> None:
    long_values.declare()

    assert long_values.sync().counts.inserts == FEW

    run = last_run(long_values)
    assert run.attempts == 2
    (shortage,) = run.retry_errors
    assert shortage.endswith("Give the connection's config a larger memory_limit, such as memory_limit: 4GB.")
    assert long_values.rows("count(*), min(length(document))") == [(FEW, LONG + 1)]


def test_a_limit_that_was_declared_holds_and_the_error_names_it(long_values: World) -> None:
    long_values.target.config["memory_limit"] = "20MB"
    long_values.declare()

    with pytest.raises(
        OutOfMemoryError, match=r"Connection 'target': .* used\). Give the connection's config a larger"
    ):
        long_values.sync()

    assert last_run(long_values).attempts == 1
    assert long_values.target.run("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'items'") == [(0,)]
