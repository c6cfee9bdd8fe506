"""Stop the embedded server when nobody uses it any more, even if its last user was killed.

Runs as a small process of its own that imports nothing but the standard library. Users hold a shared lock on
`users.lock`; whoever gets it exclusively knows that no user is left. `start.lock` serialises starting and stopping.
The lock files are inherited open, for the folder may be gone by the time that the process has started.
"""

import argparse
import fcntl
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import TypedDict


def open_lock(path: Path) -> int:
    """Open a lock file, creating it; the lock lives as long as the descriptor or its process."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock exclusively if nobody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _RunAs(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


def run_as(user: str | None) -> _RunAs:
    """The arguments that make a subprocess run as another user, with that user's group and no other."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def stop_server(pg_ctl: str, data: Path, user: str | None) -> None:
    """Shut the server down and wait for it; a server that is already gone is fine."""
    command = [pg_ctl, "-D", str(data), "-m", "fast", "-w", "-t", "60", "stop"]
    subprocess.run(  # noqa: S603 (a command of our own)
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **run_as(user)
    )


def keep(users: int, start: int, pg_ctl: str, data: Path, user: str | None) -> None:
    """Wait until the last user is gone, then stop the server; takes descriptors of the two lock files."""
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        fcntl.flock(start, fcntl.LOCK_EX)
        if try_exclusive(users):
            break
        fcntl.flock(start, fcntl.LOCK_UN)
    stop_server(pg_ctl, data, user)


def main(arguments: list[str]) -> None:
    """Read `keeper users start pg_ctl data [--user NAME]`, the first three being descriptors, and keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("keeper", type=int)
    parser.add_argument("users", type=int)
    parser.add_argument("start", type=int)
    parser.add_argument("pg_ctl")
    parser.add_argument("data", type=Path)
    parser.add_argument("--user")
    given = parser.parse_args(arguments)
    keep(given.users, given.start, given.pg_ctl, given.data, given.user)
    # Released before the start lock: whoever starts the server next must be able to start its keeper.
    os.close(given.keeper)


if __name__ == "__main__":
    main(sys.argv[1:])
