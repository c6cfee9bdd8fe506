"""Start, share and stop the embedded PostgreSQL server of one folder.

Every process that uses the server holds a shared lock on `users.lock`, which the kernel releases however the process
ends; the keeper (see `keeper.py`) stops the server when no such lock is left.
"""

import atexit
import fcntl
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from observe_dagster.embedded.databases import create_database
from observe_dagster.embedded.install import Install, find_install
from observe_dagster.embedded.keeper import open_lock, stop_server, try_exclusive
from observe_dagster.errors import LedgerError

DATABASE = "observe"
"""The database that the URL of the embedded server points at."""

_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103
_START_SECONDS = 120.0
_OPTIONS = {"max_connections": "200", "timezone": "UTC", "log_timezone": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    process: int
    users: int
    url: str
    install: Install


_holds: dict[Path, _Hold] = {}
_guard = threading.RLock()


def start_embedded(home: Path, *, options: Mapping[str, str] | None = None) -> str:
    """Return the URL of the server that lives in `home`, starting it if it does not run.

    The server runs as long as a process that called this lives; it is stopped with the last one. `options` are server
    parameters used if this call starts it. Raises SettingsError when the extra is not installed, LedgerError when the
    server does not start.
    """
    home = home.expanduser().absolute()
    with _guard:
        hold = _holds.get(home)
        if hold is not None and hold.process == os.getpid() and _answers(_server_url(_socket_folder(home))):
            return hold.url
        install = find_install(home / "data")
        home.mkdir(parents=True, exist_ok=True)
        users, start = open_lock(home / "users.lock"), open_lock(home / "start.lock")
        try:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            server_url = _ensure_running(home, install, {**_OPTIONS, **(options or {})})
            url = create_database(server_url, DATABASE)
            _ensure_keeper(home, install)
        except BaseException:
            os.close(users)
            raise
        finally:
            os.close(start)
        if hold is not None:
            os.close(hold.users)
        _holds[home] = _Hold(process=os.getpid(), users=users, url=url, install=install)
        atexit.register(stop_embedded, home)
        return url


def stop_embedded(home: Path) -> None:
    """Stop using the server in `home`; with its last user the server stops before this returns."""
    home = home.expanduser().absolute()
    with _guard:
        hold = _holds.pop(home, None)
        if hold is None:
            return
        if hold.process != os.getpid() or not home.exists():
            # A forked child shares its parent's lock: closing the copy leaves the parent's in place.
            os.close(hold.users)
            return
        start = open_lock(home / "start.lock")
        try:
            fcntl.flock(start, fcntl.LOCK_EX)
            if try_exclusive(hold.users):
                stop_server(hold.install.program("pg_ctl"), home / "data", hold.install.user)
                if (sockets := _socket_folder(home)) != home / "data":
                    with suppress(OSError):
                        sockets.rmdir()
        finally:
            os.close(hold.users)
            os.close(start)


def _server_url(socket_folder: Path, database: str = "postgres") -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(socket_folder), safe='')}"


def _socket_folder(home: Path) -> Path:
    """Where the socket is: beside the data, or in a short folder when a socket cannot have that path."""
    data = home / "data"
    # PostgreSQL reads a comma as the end of the path.
    if len(os.fsencode(data / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH and "," not in str(data):
        return data
    name = "observe-" + hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / name
    return short if len(os.fsencode(short / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH else Path("/tmp") / name  # noqa: S108 (mkdir 0700)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_running(home: Path, install: Install, options: Mapping[str, str]) -> str:
    data, sockets = home / "data", _socket_folder(home)
    url = _server_url(sockets)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            raise LedgerError(f"The embedded PostgreSQL in {home} does not answer; see {data / 'server.log'}.")
        if install.processes(data):
            # Another process's server is starting or recovering, or a killed one's last workers are leaving.
            time.sleep(0.05)
            continue
        _start(data, sockets, install, options)
    return url


def _start(data: Path, sockets: Path, install: Install, options: Mapping[str, str]) -> None:
    install.make_folder(data)
    if not (data / "PG_VERSION").exists():
        install.initialise(data, durable=options.get("fsync") != "off")
    if sockets != data:
        install.make_folder(sockets)
    # No process of this server is left, so what it left behind is stale, even where its pid is in use again.
    for stale in (data / "postmaster.pid", sockets / f"{_SOCKET_NAME}.lock", sockets / _SOCKET_NAME):
        stale.unlink(missing_ok=True)
    settings = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
    server_options = f"-c listen_addresses='' -k {shlex.quote(str(sockets))} {settings}"
    log = str(data / "server.log")
    install.run("pg_ctl", "-D", str(data), "-l", log, "-w", "-t", "60", "-o", server_options, "start", folder=data)


def _ensure_keeper(home: Path, install: Install) -> None:
    """Start a keeper unless one lives; it inherits the lock that tells so, and its own descriptors of the others."""
    names = ("keeper.lock", "users.lock", "start.lock")
    descriptors = [open_lock(home / name) for name in names]
    try:
        if not try_exclusive(descriptors[0]):
            return
        command = [sys.executable, "-I", str(Path(__file__).with_name("keeper.py")), *map(str, descriptors)]
        command += [install.program("pg_ctl"), str(home / "data")]
        command += ["--user", install.user] if install.user else []
        keeper = subprocess.Popen(  # noqa: S603 (a command of our own)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=descriptors,
            cwd="/",
        )
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    # It outlives this process on purpose, so Python shall not complain that nobody waited for it.
    keeper.returncode = 0
