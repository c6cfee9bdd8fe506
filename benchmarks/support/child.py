"""A sync in a process of its own, started by `start`; prints one line of JSON when it ends."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def start(stage: Any, execution_key: str) -> "subprocess.Popen[str]":
    """Start a process that imports, prints `ready`, waits for a line on its input, and runs the pipeline once."""
    told = json.dumps({**asdict(stage), "folder": str(stage.folder), "execution_key": execution_key})
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.support.child", told],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process: "subprocess.Popen[str]") -> None:
    """Wait until a child is ready, and let it run."""
    if process.stdout is None or process.stdin is None or process.stdout.readline() != "ready\n":
        raise RuntimeError("the child could not start")
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for the end and return what the child measured."""
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the child ended with {process.returncode}")
    return json.loads(out)


def run(stage: Any, execution_key: str) -> dict[str, Any]:
    """Run the pipeline once in a new process; return seconds, peak_mb, and the counts."""
    with start(stage, execution_key) as process:
        go(process)
        return finish(process)


def peak_mb(pid: int | str = "self") -> float:
    """The most memory a process has held, in MiB; of other processes only on Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        # The kernel's own count survives an exec, so this may be the parent's.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def main(told: dict[str, Any]) -> None:
    """Be the child."""
    from benchmarks.support.stage import PIPELINE, Stage
    from observe_dagster.ledger import Ledger
    from observe_dagster.sync import SyncRequest

    execution_key = told.pop("execution_key")
    stage = Stage(**{**told, "folder": Path(told["folder"])})
    with Ledger.open(stage.ledger_url) as ledger:
        runner = stage.runner(ledger)
        _import_drivers(stage.target)
        print("ready", flush=True)
        sys.stdin.readline()
        before, began = peak_mb(), time.monotonic()
        result = runner.run(PIPELINE, SyncRequest(), execution_key=execution_key)
        seconds = time.monotonic() - began
    counts = asdict(result.counts)
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "before_mb": before, "counts": counts}))


def _import_drivers(target: str) -> None:
    """Import what a run imports when it first needs it, so that only the run is measured."""
    if target == "duckdb":
        import adbc_driver_postgresql.dbapi  # noqa: F401
        import duckdb  # noqa: F401
        import pyarrow.compute  # noqa: F401


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
