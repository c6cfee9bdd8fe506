"""A PostgreSQL server of a test's own, to be restarted and filled up."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.embedded.install import find_install

# Commits reach the operating system, which does not crash: without that, what a server had promised would be lost.
_FAST = {"fsync": "off", "synchronous_commit": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MortalServer:
    """A server whose crash nobody else notices."""

    folder: Path
    url: str

    def database(self, name: str, *, template: str | None = None) -> str:
        """Create a database and return its URL."""
        return create_database(self.url, name, template=template)

    def drop(self, name: str) -> None:
        """Drop a database, whoever uses it."""
        with psycopg.connect(self.url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def restart(self) -> None:
        """Kill every process of the server at once and start it anew, as after a crash; returns when it answers."""
        data = self.folder / "data"
        log = str(data / "server.log")
        self._control("-D", str(data), "-l", log, "-w", "-t", "60", "-m", "immediate", "restart")

    def stop(self) -> None:
        """Kill every process of the server at once."""
        self._control("-D", str(self.folder / "data"), "-w", "-t", "60", "-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        data = self.folder / "data"
        find_install(data).run("pg_ctl", *arguments, folder=data)


@contextmanager
def mortal_server() -> Iterator[MortalServer]:
    """Start a server; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="observe-mortal-") as folder:
        try:
            yield MortalServer(folder=Path(folder), url=start_embedded(Path(folder), options=_FAST))
        finally:
            stop_embedded(Path(folder))
