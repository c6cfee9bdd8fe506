"""The composition root: the environment and the declared files in, one Dagster code location out."""

import os
from functools import lru_cache
from pathlib import Path

import dagster as dg

from observe_dagster.config import load_project
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.instance.gc import freeze_heap, unfreeze_heap
from observe_dagster.settings import Settings


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under OBSERVE_DEFS as assets, schedules and sensors; connects to no database."""
    settings = Settings.from_environment()
    return _built(settings, frozenset(os.environ.items()), _state(settings.defs))


@lru_cache(maxsize=1)
def _built(settings: Settings, environment: frozenset[tuple[str, str]], _: frozenset[object]) -> dg.Definitions:
    """Build anew only when something has changed: a worker that executes run after run asks for each of them."""
    unfreeze_heap()
    project = load_project(settings.defs, environment=dict(environment))
    freeze_heap()
    definitions = build_definitions(project, settings=settings)
    freeze_heap()
    return definitions


def _state(path: Path) -> frozenset[object]:
    """What changes when a declared file does."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return frozenset((file, *_stamp(file)) for file in files)


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
