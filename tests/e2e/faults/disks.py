"""Small disks, to be filled up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from observe_dagster.embedded import create_database
from observe_dagster.embedded.install import find_install


class NotAllowedError(Exception):
    """This user may not mount a file system."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own; raises NotAllowedError where one may not be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise NotAllowedError from None
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True)


def leave_room(folder: Path, kilobytes: int) -> None:
    """Make a small disk larger or smaller, so that only so much room is left."""
    room = os.statvfs(folder)
    size = (room.f_blocks - room.f_bfree) * room.f_frsize // 1024 + kilobytes
    subprocess.run(["mount", "-o", f"remount,size={size}k", str(folder)], capture_output=True, check=True)


@contextmanager
def database_on(disk: Path, server_url: str, name: str = "small") -> Iterator[str]:
    """A server's database whose tables are on a disk; the write-ahead log is where all of the server's is."""
    find_install(disk).make_folder(disk)
    named = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(named, str(disk)))
        server.execute(sql.SQL("CREATE DATABASE {} TABLESPACE {}").format(named, named))
    yield create_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))
        server.execute(sql.SQL("DROP TABLESPACE {}").format(named))
