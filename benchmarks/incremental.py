"""What it costs to find that nothing is new: an incremental sync of a large table, whose iterator has an index.

The runner alone, the same run as a step of Dagster, and bare assets that do nothing in the same instance: one that
stands alone, and one that comes after a source table and takes its turn in a pool, as ours does where it writes a
DuckDB file. What our step costs beyond Dagster's own is the difference. All in one process that is warm, in turns; the
first load and the first run of each are not counted.
"""

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support import child
from benchmarks.support.movers import as_a_step, bare_step
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import ENGINES, PIPELINE, Stage, server
from observe_dagster.ledger import Ledger
from observe_dagster.sync import SyncRequest

ALONE, STEP, BARE, ALIKE = "the sync alone", "as a step of Dagster", "a bare asset", "a bare asset in the same place"
_UPSTREAM = [["source", "public", "orders"]]
_POOLS = {"duckdb": "target"}


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
                measured += _rows(target, chosen.rows, _measured(stage, target, chosen.runs))
    show("An incremental sync that finds nothing new", measured)
    write(chosen.json, rows=chosen.rows, runs=chosen.runs, measured=measured)
    return 0


def _measured(stage: Stage, target: str, runs: int) -> dict[str, list[float]]:
    """The milliseconds of each kind of run."""
    with ExitStack() as open_ones:
        ledger = open_ones.enter_context(Ledger.open(stage.ledger_url))
        step = open_ones.enter_context(as_a_step(stage))
        bare = open_ones.enter_context(bare_step())
        alike = open_ones.enter_context(bare_step(deps=_UPSTREAM, pool=_POOLS.get(target)))
        kinds: dict[str, Callable[[int], int]] = {
            ALONE: _alone(stage, ledger),
            STEP: lambda _: step({}),
            ALIKE: lambda _: alike(),
            BARE: lambda _: bare(),
        }
        moved = sum(run(0) for run in kinds.values())
        milliseconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(1, runs + 1):
            for kind, run in kinds.items():
                began = time.perf_counter()
                moved += run(number)
                milliseconds[kind].append((time.perf_counter() - began) * 1000)
    if moved:
        raise SystemExit(f"{target}: {moved} rows moved, although nothing was new")
    return milliseconds


def _alone(stage: Stage, ledger: Ledger) -> Callable[[int], int]:
    runner = stage.runner(ledger)
    return lambda number: runner.run(PIPELINE, SyncRequest(), execution_key=f"alone-{number}").counts.total_rows


def _rows(target: str, rows: int, told: dict[str, list[float]]) -> list[dict[str, Any]]:
    medians = {kind: statistics.median(milliseconds) for kind, milliseconds in told.items()}
    return [
        {
            "destination": target,
            "run": kind,
            "rows": rows,
            "runs": len(milliseconds),
            "median ms": medians[kind],
            "least ms": min(milliseconds),
            "most ms": max(milliseconds),
            "beyond a bare asset ms": None if kind == ALONE else medians[kind] - medians[BARE],
        }
        for kind, milliseconds in told.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
