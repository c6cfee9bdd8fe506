"""One table of flights in both engines, and monitors on it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from observe_dagster.config import Project, project_from_attributes
from observe_dagster.embedded import create_database
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.run import run_monitor
from observe_dagster.records import Outcome

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SETUP = """
CREATE SCHEMA analytics;
CREATE TABLE analytics.carriers (code varchar);
INSERT INTO analytics.carriers VALUES ('AA'), ('UA'), (NULL);
CREATE TABLE analytics.flights (
    id integer, carrier varchar, price numeric(10, 2), speed double precision, seen_at timestamp, day date,
    zoned timestamp with time zone, "Odd ""name" integer
);
INSERT INTO analytics.flights VALUES
    (1, 'AA', 10.50, 1.5, '2024-03-01 10:00:00', '2024-02-29', '2024-03-01 10:30:00+00', 1),
    (2, 'AA', 20.25, 2.5, '2024-03-01 11:00:00', '2024-02-28', '2024-03-01 09:30:00+00', 2),
    (3, 'UA', NULL, 4.0, '2024-02-28 11:00:00', '2024-02-28', NULL, 3),
    (4, 'XX', -5.00, 8.0, NULL, NULL, NULL, 4),
    (4, NULL, 100.00, 16.0, '2024-02-27 11:00:00', '2024-02-27', NULL, 5);
CREATE TABLE analytics.empty (id integer, note varchar);
"""

Judge = Callable[..., Outcome]


@pytest.fixture(scope="session")
def duckdb_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("lake") / "lake.duckdb"
    with duckdb.connect(str(path)) as lake:
        lake.execute(SETUP)
    return path


@pytest.fixture(scope="session")
def postgres_database(postgres_url) -> Iterator[str]:
    url = create_database(postgres_url, "monitored")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(SETUP)
    yield url
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP DATABASE monitored WITH (FORCE)")


@pytest.fixture(params=["postgres", "duckdb"])
def engine(request) -> str:
    return request.param


@pytest.fixture
def declare(engine, postgres_database, duckdb_file) -> Callable[[dict[str, Any]], Project]:
    """A project with the monitor `watched` on the engine's connection, `here`; the other engine's is `there`."""
    postgres = {"service_provider": "postgres", "config": {"url": "{{ env.URL }}"}}
    lake = {"service_provider": "duckdb", "config": {"path": str(duckdb_file)}}
    here, there = (postgres, lake) if engine == "postgres" else (lake, postgres)

    def make(monitor: dict[str, Any]) -> Project:
        attributes = {
            "connections": [{"id": "here", "name": "Here", **here}, {"id": "there", "name": "There", **there}],
            "monitors": {"watched": {"schedule": {"type": "none"}, **monitor}},
        }
        return project_from_attributes(
            attributes, source="defs.yaml", base_dir=Path(), environment={"URL": postgres_database}
        )

    return make


@pytest.fixture
def judge(declare) -> Judge:
    """Run a monitor that is declared on the spot."""

    def run(now: datetime = NOW, history: MonitorHistory | None = None, **monitor: Any) -> Outcome:
        project = declare(monitor)
        return run_monitor(project, project.monitor("watched"), now=now, history=history or MonitorHistory())

    return run
