"""Finds and reads the files a user declares things in."""

import os
from pathlib import Path

from observe_dagster.errors import Problem

MAX_BYTES = 5_000_000
_ENDINGS = (".yaml", ".yml")


def find_files(path: Path) -> tuple[list[Path], list[Problem]]:
    """List the YAML files at `path`, a file or a folder, in a stable order; folders with a leading dot are skipped."""
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        return [], [Problem(file=str(path), message=f"cannot be read: {error.strerror}")]
    if is_folder:
        problems: list[Problem] = []

        def refused(error: OSError) -> None:
            problems.append(Problem(file=str(error.filename), message=f"cannot be listed: {error.strerror}"))

        files: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=refused):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
            files.extend(Path(folder, name) for name in sorted(names) if name.lower().endswith(_ENDINGS))
        return files, problems
    if is_there:
        return [path], []
    return [], [Problem(file=str(path), message="no such file or folder")]


def read_text(path: Path) -> str | Problem:
    """Read a file as UTF-8, or give the problem with it."""
    try:
        if path.exists() and not path.is_file():
            return Problem(file=str(path), message="is not a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Problem(file=str(path), message=f"cannot be read: {error.strerror or type(error).__name__}")
    if len(content) > MAX_BYTES:
        return Problem(file=str(path), message=f"larger than {MAX_BYTES // 1_000_000} MB; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        return Problem(file=str(path), message="not UTF-8", line=line, column=column)


def read_beside(folder: Path, name: str) -> tuple[Path, str] | str:
    """Read a file named relative to `folder` that lies in it or below; otherwise give what is wrong.

    Links are followed before the place is judged.
    """
    try:
        home = folder.resolve()
        target = (home / name).resolve()
        if Path(name).is_absolute() or not target.is_relative_to(home):
            return "must lie in the folder of this YAML file or below it"
        if not target.is_file():
            return "no such file"
    except (OSError, ValueError, RuntimeError):
        return "not a usable path"
    text = read_text(target)
    return text.message if isinstance(text, Problem) else (folder / name, text)
