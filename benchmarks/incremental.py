"""What it costs to find that nothing is new: an incremental sync of a large table, whose iterator has an index.

The runner alone, and the same run as a step of Dagster in a process that is warm; the first load is not counted.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import dagster as dg

from benchmarks.support import child
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import ENGINES, PIPELINE, Stage, server
from observe_dagster.ledger import Ledger
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.instance import prepare_dagster_home
from observe_dagster.orchestration.names import SYNC_JOB
from observe_dagster.orchestration.resources import ObserveResource
from observe_dagster.sync import SyncRequest

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> int:
    """Load, measure, print."""
    options = parser(__doc__, "incremental")
    options.add_argument("--rows", type=int, default=10_000_000, help="rows of the table")
    options.add_argument("--runs", type=int, default=30, help="runs of each kind")
    options.add_argument("--targets", nargs="+", choices=ENGINES, default=list(ENGINES))
    options.add_argument("--quick", action="store_true", help="a small one, to see that it works")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rows, chosen.runs, chosen.targets = 20_000, 2, ["duckdb"]
    measured: list[dict[str, Any]] = []
    with server() as found:
        for target in chosen.targets:
            with found.stage(target, "upsert") as stage:
                if stage.source("SELECT count(*) FROM orders") == [(0,)]:
                    stage.add_rows(1, chosen.rows)
                    stage.source("CREATE INDEX orders_updated_at ON orders (updated_at)")
                child.run(stage, "first")
                with Ledger.open(stage.ledger_url) as ledger:
                    measured.append(_row(target, "the sync alone", chosen.rows, _alone(stage, ledger), chosen.runs))
                with _as_a_step(stage) as run:
                    measured.append(_row(target, "as a step of Dagster", chosen.rows, run, chosen.runs))
    show("An incremental sync that finds nothing new", measured)
    write(chosen.json, rows=chosen.rows, runs=chosen.runs, measured=measured)
    return 0


def _row(target: str, how: str, rows: int, run: Callable[[int], int], runs: int) -> dict[str, Any]:
    moved, milliseconds = run(0), list[float]()
    for number in range(1, runs + 1):
        began = time.perf_counter()
        moved += run(number)
        milliseconds.append((time.perf_counter() - began) * 1000)
    if moved:
        raise SystemExit(f"{target}: {moved} rows moved, although nothing was new")
    return {
        "destination": target,
        "run": how,
        "rows": rows,
        "runs": runs,
        "median ms": statistics.median(milliseconds),
        "least ms": min(milliseconds),
        "most ms": max(milliseconds),
    }


def _alone(stage: Stage, ledger: Ledger) -> Callable[[int], int]:
    runner = stage.runner(ledger)
    return lambda number: runner.run(PIPELINE, SyncRequest(), execution_key=f"alone-{number}").counts.total_rows


@contextmanager
def _as_a_step(stage: Stage) -> Generator[Callable[[int], int]]:
    home = prepare_dagster_home(stage.settings)
    os.environ.update(DAGSTER_HOME=str(home), OBSERVE_DATABASE_URL=stage.ledger_url)
    observe = ObserveResource(stage.project(), stage.settings)
    job = build_definitions(stage.project(), observe=observe).resolve_job_def(SYNC_JOB)

    def run(number: int) -> int:
        del number
        result = job.execute_in_process(instance=instance, run_config=SILENT)
        (event,) = result.get_asset_materialization_events()
        value = event.step_materialization_data.materialization.metadata["observe/total_rows"].value
        return int(str(value))

    try:
        with dg.DagsterInstance.get() as instance:
            yield run
    finally:
        observe.close()


if __name__ == "__main__":
    sys.exit(main())
