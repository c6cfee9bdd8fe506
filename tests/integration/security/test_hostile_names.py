"""Schemas, tables and columns with hostile names are synced and checked as any other, and nothing else happens."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from observe_dagster.config import Project, project_from_attributes
from observe_dagster.config.models.paths import path_text
from observe_dagster.ledger import Ledger
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.run import run_monitor
from observe_dagster.records import SyncResult
from observe_dagster.settings import Settings
from observe_dagster.sync import SyncRequest
from observe_dagster.sync.runner import SyncRunner
from tests.databases import Rows, run_sql

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SCHEMA = '"; drop schema "kept" cascade; --%s {0} \'.'
TABLE = 'täble"."x; drop table kept.t; --'.ljust(62, "z")
assert len(TABLE.encode()) == 63
KEY = '"; drop table kept.t; --'
AMOUNT = "it's 100 % {sure}.\\"
ITERATOR = 'SELECT "updated" -- at'
SOFT_DELETE = "gone?"
LONGEST = "ü" * 31 + "x"
COLUMNS = (KEY, AMOUNT, ITERATOR, SOFT_DELETE, LONGEST)
DIRECTIONS = [("postgres", "duckdb"), ("postgres", "postgres"), ("duckdb", "postgres"), ("duckdb", "duckdb")]
SETUP = ("CREATE SCHEMA kept", "CREATE TABLE kept.t AS SELECT 1 AS n")


def quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


class Database:
    """A database with a table `kept.t`, and a plain way to run SQL in it."""

    def __init__(self, engine: str, place: str) -> None:
        self.engine, self.place = engine, place
        self.run(*SETUP)

    def run(self, *statements: str) -> Rows:
        return run_sql(self.engine, self.place, *statements)

    @property
    def tables(self) -> set[tuple[str, str]]:
        return set(
            self.run(
                "SELECT table_schema, table_name FROM information_schema.tables "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            )
        )


@pytest.fixture(params=DIRECTIONS, ids="-to-".join)
def databases(request, make_database, tmp_path) -> tuple[Database, Database]:
    """A source with a table of hostile names and three rows, and an empty destination."""
    places = {"postgres": make_database, "duckdb": lambda: str(tmp_path / f"{next(numbers)}.duckdb")}
    numbers = iter("12")
    source, target = (Database(engine, places[engine]()) for engine in request.param)
    source.run(
        f"CREATE SCHEMA {quoted(SCHEMA)}",
        f"CREATE TABLE {quoted(SCHEMA, TABLE)} ({quoted(KEY)} integer, {quoted(AMOUNT)} numeric(10, 2), "
        f"{quoted(ITERATOR)} timestamp with time zone, {quoted(SOFT_DELETE)} boolean, {quoted(LONGEST)} text)",
    )
    insert(source, (1, "1.50", "10:00", "false"), (2, "2.50", "10:00", "false"), ("NULL", "3.50", "10:00", "false"))
    return source, target


def insert(database: Database, *rows: tuple[Any, ...]) -> None:
    values = ", ".join(f"({n}, {a}, '2024-03-01 {at}+00', {gone}, '%s {{}} ''')" for n, a, at, gone in rows)
    database.run(f"INSERT INTO {quoted(SCHEMA, TABLE)} VALUES {values}")


def declare(source: Database, target: Database, write_mode: str) -> Project:
    path = path_text((SCHEMA, TABLE))
    monitors = {
        "highest": {
            "type": "metric",
            "schedule": {"type": "none"},
            "connection_id": "target",
            "metric": {
                "type": "column",
                "table": path,
                "column": AMOUNT,
                "metric": "maximum",
                "filter": f"{quoted(KEY)} > 0",
            },
            "alert": {"type": "absolute", "max": 100},
        },
        "columns": {"type": "schema", "schedule": {"type": "none"}, "connection_id": "target", "table": path},
        "keys": {
            "type": "test",
            "schedule": {"type": "none"},
            "connection_id": "target",
            "test": {"type": "unique", "tables": [{"path": path, "columns": [KEY]}]},
        },
        "equal": {
            "type": "diff",
            "schedule": {"type": "none"},
            "datadiff": {
                "diff_type": "inmem",
                "dataset_a": {"connection_id": "source", "query": f"{query()} WHERE {quoted(KEY)} IS NOT NULL"},
                "dataset_b": {"connection_id": "target", "table": path},
                "primary_key": [KEY],
            },
        },
    }
    attributes = {
        "connections": [connection("source", source), connection("target", target)],
        "data_models": [{"id": "m", "name": "M", "config": {"sql_query": query()}}],
        "pipelines": [
            {
                "id": "p",
                "name": "P",
                "connection_id": "source",
                "data_model_id": "m",
                "destination": {
                    "connection_id": "target",
                    "schema": SCHEMA,
                    "table": TABLE,
                    "primary_key": [KEY],
                    "soft_delete_field": SOFT_DELETE,
                    "write_mode": write_mode,
                },
                "sync_mode": {
                    "type": "incremental",
                    "iterator_field": ITERATOR,
                    "iterator_data_type": "timestamptz",
                    "lag": "3h",
                },
                "schedule": {"type": "on_demand"},
            }
        ],
        "monitors": monitors,
    }
    return project_from_attributes(attributes, source="hostile.yaml", base_dir=Path(), environment={})


def query() -> str:
    return f"SELECT {', '.join(map(quoted, COLUMNS))} FROM {quoted(SCHEMA, TABLE)}"


def connection(name: str, database: Database) -> dict[str, Any]:
    config = {"url" if database.engine == "postgres" else "path": database.place}
    return {"id": name, "name": name, "service_provider": database.engine, "config": config}


def test_hostile_names_are_only_names(databases: tuple[Database, Database], ledger: Ledger, tmp_path: Path) -> None:
    source, target = databases
    project = declare(source, target, "upsert")
    settings = Settings(home=tmp_path, defs=tmp_path, sync_attempts=1, lock_wait_seconds=5)
    times = iter((NOW, NOW + timedelta(hours=1)))

    def sync(key: str) -> SyncResult:
        now = next(times)
        return SyncRunner(project, ledger, settings, clock=lambda: now).run("p", SyncRequest(), execution_key=key)

    ledger.declared.synchronise(project, now=NOW)

    first = sync("first")
    source.run(f"UPDATE {quoted(SCHEMA, TABLE)} SET {quoted(SOFT_DELETE)} = true WHERE {quoted(KEY)} = 2")
    insert(source, (3, "9.99", "11:00", "false"), ("NULL", "3.50", "11:00", "false"))
    source.run(f"ALTER TABLE {quoted(SCHEMA, TABLE)} ADD COLUMN {quoted(KEY + ' added')} integer")
    second = sync("second")

    assert (first.counts.inserts, first.counts.rejected) == (2, 1)
    assert (second.counts.inserts, second.counts.soft_deletes, second.counts.rejected) == (1, 1, 2)
    names = ", ".join(map(quoted, COLUMNS))
    held = target.run(f"SELECT {names} FROM {quoted(SCHEMA, TABLE)} ORDER BY 1")
    assert held == source.run(f"SELECT {names} FROM {quoted(SCHEMA, TABLE)} WHERE {quoted(KEY)} IS NOT NULL ORDER BY 1")
    for slug, expected in {"highest": "pass", "columns": "learning", "keys": "pass", "equal": "pass"}.items():
        outcome = run_monitor(project, project.monitor(slug), now=NOW, history=MonitorHistory())
        assert outcome.status.value == expected, (slug, outcome)
    for database in databases:
        assert database.run("SELECT n FROM kept.t") == [(1,)]
    added = target.tables - {("kept", "t"), (SCHEMA, TABLE), (SCHEMA, "_observe_sync_run")}
    (quarantine,) = added
    assert target.run(f"SELECT count(*) FROM {quoted(*quarantine)}") == [(2,)]
