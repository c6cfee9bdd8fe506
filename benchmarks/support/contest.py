"""One load of the sync benchmark by one contestant, in a process of its own that prints one line of JSON.

A contestant imports and prepares, and returns what is timed: from connecting to the commit.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.support.child import ROOT, peak_mb
from benchmarks.support.stage import COLUMNS, Stage

NAMES = COLUMNS.split(", ")
_TYPES = {
    "postgres": "bigint, uuid, text, text, numeric(12,2), integer, boolean, float8, date, timestamptz",
    "duckdb": "BIGINT, UUID, VARCHAR, VARCHAR, DECIMAL(12,2), INTEGER, BOOLEAN, DOUBLE, DATE, TIMESTAMPTZ",
}
TYPES = {engine: types.split(", ") for engine, types in _TYPES.items()}
"""What the columns are in the source, and so in each destination, as its engine spells them."""

OURS, OURS_IN_DAGSTER, FLOOR = "observe", "observe, through Dagster", "the floor"
TOOLS = {
    OURS: "movers:observe",
    OURS_IN_DAGSTER: "movers:through_dagster",
    FLOOR: "movers:floor",
    "dlt (connectorx)": "rivals:dlt_connectorx",
    "dlt (pyarrow)": "rivals:dlt_pyarrow",
    "Sling": "rivals:sling",
    "pandas": "rivals:pandas",
}
"""The contestants, and the functions that make their loads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One load: `full` into an empty destination, or `incremental`: what has changed at or after `since`."""

    tool: str
    load: str
    target: str
    source_url: str
    place: str
    ledger_url: str
    folder: str
    since: str

    @property
    def is_full(self) -> bool:
        """Whether everything is loaded."""
        return self.load == "full"

    @property
    def query(self) -> str:
        """The rows to be read."""
        changed = "" if self.is_full else f" WHERE updated_at >= '{self.since}'"
        return f"SELECT {COLUMNS} FROM orders{changed}"

    @property
    def stage(self) -> Stage:
        """The same for our own pipeline."""
        return Stage(
            folder=Path(self.folder),
            source_url=self.source_url,
            ledger_url=self.ledger_url,
            target=self.target,
            target_place=self.place,
            write_mode="upsert",
        )


class UnavailableError(Exception):
    """A contestant cannot be had on this machine; the message says why."""


Move = Callable[[], None]


def run(task: Task) -> dict[str, Any]:
    """Run one load in a new process; the answer has `seconds` and `peak_mb`, or `problem`."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.support.contest", json.dumps(asdict(task))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"problem": "it failed"}
    return json.loads(done.stdout.splitlines()[-1])


def main(told: str) -> dict[str, Any]:
    """Be the process: prepare, move, measure."""
    task = Task(**json.loads(told))
    module, _, name = TOOLS[task.tool].partition(":")
    try:
        move: Move = getattr(importlib.import_module(f"benchmarks.support.{module}"), name)(task)
    except UnavailableError as reason:
        return {"problem": str(reason)}
    began = time.monotonic()
    move()
    seconds = time.monotonic() - began
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": max(peak_mb(), children)}


if __name__ == "__main__":
    # The same module under its name, whose exceptions the contestants raise.
    from benchmarks.support import contest

    print(json.dumps(contest.main(sys.argv[1])))
