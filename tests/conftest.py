"""Fixtures that every test may use: a real PostgreSQL server, fresh databases on it, a ledger, a clock."""

import itertools
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import Ledger, migrate

# A shell starts background jobs with SIGINT ignored, and Dagster lets SIGTERM do what SIGINT does. A process that the
# tests start would inherit both and could not be ended.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

_UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_numbers = itertools.count(1)


class Clock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Move on by the parts of a timedelta, such as `minutes=5`, and return the new time."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at 2024-03-01 12:00 UTC."""
    return Clock(datetime(2024, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server's maintenance database; one server per pytest process. Use `database` to write."""
    # Not tmp_path_factory: each pytest that starts as root closes that folder to the server's user again.
    with tempfile.TemporaryDirectory(prefix="observe-tests-") as folder:
        yield start_embedded(Path(folder), options=_UNSAFE_BUT_FAST)
        stop_embedded(Path(folder))


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The name of a migrated database to copy; nobody may stay connected to it."""
    name = "ledger_template"
    migrate(create_database(postgres_url, name))
    return name


def _drop(postgres_url: str, name: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _fresh(postgres_url: str, template: str | None = None) -> tuple[str, str]:
    name = f"test_{next(_numbers)}"
    return name, create_database(postgres_url, name, template=template)


@pytest.fixture
def make_database(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Make as many empty databases as a test needs; each call returns the URL of a new one."""
    names: list[str] = []

    def make() -> str:
        name, url = _fresh(postgres_url)
        names.append(name)
        return url

    yield make
    for name in names:
        _drop(postgres_url, name)


@pytest.fixture
def database(make_database: Callable[[], str]) -> str:
    """The URL of an empty database of the test's own."""
    return make_database()


@pytest.fixture
def ledger_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated, empty ledger database of the test's own."""
    name, url = _fresh(postgres_url, migrated_template)
    yield url
    _drop(postgres_url, name)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger on an empty database."""
    with Ledger.open(ledger_url) as opened:
        yield opened
