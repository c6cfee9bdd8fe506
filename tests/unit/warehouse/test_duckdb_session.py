"""A DuckDB session and the signals of its process."""

import os
import signal
import threading

import pytest

from observe_dagster.config import project_from_attributes
from observe_dagster.warehouse import OpenOptions
from observe_dagster.warehouse.duckdb.session import DuckDBSession

ENDLESS = "SELECT sum(hash(range)) FROM range(1000000000000)"


class Terminated(BaseException):
    """What the handler of a process raises, as Dagster's does."""


@pytest.fixture
def session(tmp_path):
    lake = {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": str(tmp_path / "lake.db")}}
    project = project_from_attributes({"connections": [lake]}, source="test", base_dir=tmp_path, environment={})
    opened = DuckDBSession(project.connection("lake"), OpenOptions(), writes=True)
    yield opened
    opened.close()


def test_a_signal_during_a_statement_is_an_interruption_and_no_error_of_the_statement(session):
    def handler(number, frame):
        raise Terminated

    session.execute("SET threads = 1")  # a worker that has begun a task ends it first, however long it takes
    before = signal.signal(signal.SIGINT, handler)
    try:
        alarm = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        alarm.start()
        with pytest.raises(KeyboardInterrupt):
            session.fetch(ENDLESS)
        alarm.join()
    finally:
        signal.signal(signal.SIGINT, before)

    assert session.fetch("SELECT 1") == [(1,)]
