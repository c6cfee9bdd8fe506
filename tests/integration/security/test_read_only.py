"""What is declared as SQL can only read: the engine enforces it, whatever the SQL was taken for."""

from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from observe_dagster.config.models.connections.duckdb import DuckDBConnection
from observe_dagster.config.models.connections.postgres import PostgresConnection
from observe_dagster.errors import WarehouseError
from observe_dagster.warehouse import OpenOptions, open_warehouse
from observe_dagster.warehouse.port.source import Format, Selection, Source

WRITES = {
    "a function that inserts": "SELECT notes_that_it_ran() AS n",
    "a sequence that is moved on": "SELECT nextval('counter') AS n",
    "a sequence that is set": "SELECT setval('counter', 900) AS n",
    "a large object": "SELECT lo_creat(-1) AS n",
    "a setting that is lifted": "SELECT set_config('transaction_read_only', 'off', false), notes_that_it_ran() AS n",
}
SEVERAL = "SELECT 1 AS n) AS model; INSERT INTO kept VALUES (2); SELECT * FROM (SELECT 1 AS n"
SETUP = """
CREATE TABLE kept (n integer);
INSERT INTO kept VALUES (1);
CREATE SEQUENCE counter;
CREATE FUNCTION notes_that_it_ran() RETURNS integer VOLATILE LANGUAGE sql AS 'INSERT INTO kept VALUES (2) RETURNING n';
"""


@pytest.fixture
def shop(database: str) -> PostgresConnection:
    """A PostgreSQL database with things that can be written, and a user who may."""
    with psycopg.connect(database, autocommit=True) as driver:
        driver.execute(SETUP)
    return PostgresConnection.model_validate(
        {"id": "shop", "name": "Shop", "service_provider": "postgres", "config": {"url": database}}
    )


def read_all(source: Source, sql: str, row_format: Format) -> None:
    """What a run does: ask for the columns, then for the rows."""
    stream = source.read(Selection(sql=sql, columns=source.describe(sql)), row_format, batch_rows=10)
    list(stream.blocks or stream.batches or ())


def untouched(connection: PostgresConnection) -> bool:
    url = connection.config.url
    assert url is not None
    with psycopg.connect(url.get_secret_value()) as driver:
        kept = driver.execute("SELECT count(*) FROM kept").fetchone()
        counter = driver.execute("SELECT last_value, is_called FROM counter").fetchone()
        large = driver.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone()
    return (kept, counter, large) == ((1,), (1, False), (0,))


@pytest.mark.parametrize("sql", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("row_format", ["pgcopy", "arrow"])
def test_a_data_model_that_writes_fails_at_the_source(shop, sql, row_format) -> None:
    with open_warehouse(shop).source(OpenOptions()) as source:
        source.open_snapshot()
        with pytest.raises(WarehouseError, match=r"read-only|read-write mode"):
            read_all(source, sql, row_format)
    assert untouched(shop)


@pytest.mark.parametrize("sql", WRITES.values(), ids=WRITES)
def test_a_monitor_that_writes_fails_and_says_why(shop, sql) -> None:
    with open_warehouse(shop).reader(OpenOptions()) as reader:
        with pytest.raises(
            WarehouseError, match=r"neither it nor a function it calls may change anything|read-write mode"
        ):
            reader.rows(sql)
        assert reader.rows("SELECT n FROM kept") == [(1,)]
    assert untouched(shop)


def test_nothing_is_written_before_the_snapshot_either(shop) -> None:
    with (
        open_warehouse(shop).source(OpenOptions()) as source,
        pytest.raises(WarehouseError, match=r"read-only|read-write mode"),
    ):
        source.max_value("SELECT notes_that_it_ran() AS n", "n")
    assert untouched(shop)


def test_a_second_statement_is_refused_by_postgresql_however_it_came_through(shop) -> None:
    warehouse = open_warehouse(shop)
    with warehouse.source(OpenOptions()) as source:
        for ask in (source.describe, lambda sql: source.max_value(sql, "n")):
            with pytest.raises(WarehouseError, match="multiple commands"):
                ask(SEVERAL)
    with warehouse.reader(OpenOptions()) as reader:
        with pytest.raises(WarehouseError, match="multiple commands"):
            reader.describe(SEVERAL)
        with pytest.raises(WarehouseError, match="multiple commands"):
            reader.rows("SELECT 1; COMMIT; INSERT INTO kept VALUES (2)")
    assert untouched(shop)


# DuckDB


@pytest.fixture
def lake_file(tmp_path: Path) -> Path:
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(path) as driver:
        driver.execute("CREATE TABLE kept AS SELECT 1 AS n; CREATE SEQUENCE counter")
    (tmp_path / "secret.csv").write_text("word\nsesame\n")
    return path


def lake(path: Path, **config: Any) -> DuckDBConnection:
    return DuckDBConnection.model_validate(
        {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": str(path), **config}}
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/secret.csv')",
        "SELECT * FROM query('FROM read_text(''/etc/passwd'')')",
    ],
)
def test_sql_that_reads_a_lake_reads_no_other_file(lake_file, sql) -> None:
    warehouse = open_warehouse(lake(lake_file))
    text = sql.format(folder=lake_file.parent)
    with warehouse.source(OpenOptions()) as source, pytest.raises(WarehouseError, match="external_access: true"):
        read_all(source, text, "native_arrow")
    with warehouse.reader(OpenOptions()) as reader, pytest.raises(WarehouseError, match="external_access: true"):
        reader.rows(text)


def test_a_connection_may_be_opened_to_other_files_on_purpose(lake_file) -> None:
    warehouse = open_warehouse(lake(lake_file, external_access=True))
    with warehouse.reader(OpenOptions()) as reader:
        assert reader.rows(f"SELECT word FROM read_csv('{lake_file.parent}/secret.csv')") == [("sesame",)]


def test_a_lake_is_not_written_by_what_reads_it(lake_file) -> None:
    warehouse = open_warehouse(lake(lake_file))
    for sql in (
        "SELECT nextval('counter') AS n",
        "SELECT 1 AS n) AS model; INSERT INTO kept VALUES (2); SELECT * FROM (SELECT 1 AS n",
        "SELECT 1 AS n; INSERT INTO kept VALUES (2)",
        "COPY kept TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.duckdb'",
    ):
        text = sql.format(folder=lake_file.parent)
        with warehouse.reader(OpenOptions()) as reader, pytest.raises(WarehouseError):
            reader.rows(text)
        with warehouse.source(OpenOptions()) as source, pytest.raises(WarehouseError):
            read_all(source, text, "native_arrow")
    assert sorted(path.name for path in lake_file.parent.iterdir()) == ["lake.duckdb", "secret.csv"]
    with duckdb.connect(lake_file) as driver:
        assert driver.execute("SELECT n, nextval('counter') FROM kept").fetchall() == [(1, 1)]


def test_a_table_that_is_not_there_is_no_variable_of_the_program(lake_file) -> None:
    with open_warehouse(lake(lake_file, external_access=True)).reader(OpenOptions()) as reader:
        for name in ("text", "record", "self", "parameters"):
            with pytest.raises(WarehouseError, match=f"Table with name {name} does not exist"):
                reader.rows(f"SELECT * FROM {name}")


def test_a_closed_lake_still_exports_what_a_diff_compares(lake_file, tmp_path) -> None:
    many = "SELECT n, md5(n::varchar) AS text FROM range(200000) AS numbers(n)"
    with open_warehouse(lake(lake_file)).reader(OpenOptions()) as reader:
        exported = tmp_path / "exported.csv"
        assert reader.export(f"{many} ORDER BY text", exported) == 200_000
    assert sum(1 for _ in exported.open()) == 200_000
