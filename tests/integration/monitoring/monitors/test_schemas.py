"""A schema monitor remembers what it saw by its verdicts alone."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from observe_dagster.config import project_from_attributes
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.run import run_monitor
from observe_dagster.records import Outcome, Status
from tests.integration.monitoring.monitors.conftest import NOW


class Watched:
    """A table of its own, and the monitor's verdicts on it."""

    def __init__(self, engine: str, database: str, file: Path) -> None:
        self.engine, self.database, self.file = engine, database, file
        self.evidence: Any = None
        connections = {
            "postgres": {"service_provider": "postgres", "config": {"url": "{{ env.URL }}"}},
            "duckdb": {"service_provider": "duckdb", "config": {"path": str(file)}},
        }
        attributes = {
            "connections": [{"id": "here", "name": "Here", **connections[engine]}],
            "monitors": {
                "watched": {
                    "type": "schema",
                    "connection_id": "here",
                    "table": "changing",
                    "schedule": {"type": "none"},
                }
            },
        }
        self.project = project_from_attributes(
            attributes, source="defs.yaml", base_dir=Path(), environment={"URL": database}
        )

    def execute(self, statement: str) -> None:
        if self.engine == "duckdb":
            with duckdb.connect(str(self.file)) as lake:
                lake.execute(statement)
        else:
            with psycopg.connect(self.database, autocommit=True) as db:
                db.execute(statement)

    def judge(self, now: datetime = NOW) -> Outcome:
        history = MonitorHistory(evidence=self.evidence)
        outcome = run_monitor(self.project, self.project.monitor("watched"), now=now, history=history)
        if "accepted" in outcome.evidence:
            self.evidence = json.loads(json.dumps(outcome.evidence))
        return outcome


@pytest.fixture
def watched(engine, postgres_database, tmp_path) -> Iterator[Watched]:
    watched = Watched(engine, postgres_database, tmp_path / "changing.duckdb")
    watched.execute("CREATE TABLE changing (id integer, name varchar, price integer)")
    yield watched
    watched.execute("DROP TABLE IF EXISTS changing")


def test_the_first_run_learns_and_the_next_compares(watched):
    assert watched.judge().status is Status.LEARNING
    assert watched.judge().status is Status.PASS


@pytest.mark.parametrize(
    ("change", "repair", "said"),
    [
        ("ADD COLUMN note varchar", "DROP COLUMN note", "note ({text}) was added"),
        ("ALTER COLUMN price TYPE bigint", "ALTER COLUMN price TYPE integer", "price was {int} and is {big}"),
    ],
)
def test_a_change_fails_until_it_is_undone(watched, engine, change, repair, said):
    watched.judge()
    watched.execute(f"ALTER TABLE changing {change}")

    types = {
        "postgres": {"text": "character varying", "int": "integer", "big": "bigint"},
        "duckdb": {"text": "VARCHAR", "int": "INTEGER", "big": "BIGINT"},
    }[engine]
    outcome = watched.judge()
    assert outcome.status is Status.FAIL
    assert outcome.reason == f"The columns of main.changing changed: {said.format(**types)}.".replace(
        "main", "public" if engine == "postgres" else "main"
    )
    assert watched.judge().status is Status.FAIL

    watched.execute(f"ALTER TABLE changing {repair}")
    assert watched.judge().status is Status.PASS


def test_a_change_that_stays_for_a_week_is_accepted(watched):
    watched.judge()
    watched.execute("ALTER TABLE changing DROP COLUMN price")

    assert watched.judge(NOW + timedelta(days=1)).status is Status.FAIL
    assert watched.judge(NOW + timedelta(days=7, hours=23)).status is Status.FAIL
    accepted = watched.judge(NOW + timedelta(days=8))
    assert accepted.status is Status.PASS
    assert accepted.reason.endswith("this is accepted now.")
    assert "as they were" in watched.judge(NOW + timedelta(days=9)).reason


def test_a_table_that_is_gone_fails_and_one_that_never_was_is_an_error(watched):
    watched.judge()
    watched.execute("DROP TABLE changing")

    assert watched.judge().status is Status.FAIL
    watched.evidence = None
    assert watched.judge().status is Status.ERROR
