"""Many pipelines through Celery: runs per minute with one worker process, with two, and with two workers of two.

Each contestant gets a broker, databases and workers of its own, and syncs every pipeline once. In the end every table
must be exactly what its source holds. Exits 1 where one is not, or where two runs of a pipeline overlapped.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.child import peak_mb
from benchmarks.support.cluster import cluster, overlapping
from benchmarks.support.report import parser, show, write
from observe_dagster.embedded import start_embedded, stop_embedded

CONTESTANTS = ((1, 1), (1, 2), (2, 2))


def main() -> int:
    """Run every contestant, several times in turn, and print."""
    options = parser(__doc__, "workers")
    options.add_argument("--pipelines", type=int, default=200)
    options.add_argument("--repetitions", type=int, default=1)
    options.add_argument("--quick", action="store_true", help="a few pipelines once, to see that it works")
    chosen = options.parse_args()
    contestants = CONTESTANTS[2:] if chosen.quick else CONTESTANTS
    if chosen.quick:
        chosen.pipelines = 6
    measured: dict[tuple[int, int], list[dict[str, Any]]] = {contestant: [] for contestant in contestants}
    with tempfile.TemporaryDirectory(prefix="observe-workers-") as name:
        server = start_embedded(Path(name) / "server", options={"max_connections": "200"})
        try:
            for repetition in range(chosen.repetitions):
                for contestant in contestants:
                    folder = Path(name) / f"{repetition}-{contestant[0]}-{contestant[1]}"
                    folder.mkdir()
                    measured[contestant].append(_measure(server, folder, chosen.pipelines, *contestant))
        finally:
            stop_embedded(Path(name) / "server")
    rows = [_row(chosen.pipelines, contestant, runs) for contestant, runs in measured.items()]
    show(f"{chosen.pipelines:,} pipelines through Celery, each synced once", rows)
    wrong = [text for runs in measured.values() for run in runs for text in run["wrong"]]
    write(chosen.json, pipelines=chosen.pipelines, rows=rows, wrong=wrong)
    print("; ".join(wrong) or "Every table is what its source holds.")
    return 1 if wrong else 0


def _measure(server: str, folder: Path, pipelines: int, workers: int, processes: int) -> dict[str, Any]:
    with cluster(server, folder, pipelines=pipelines) as found:
        found.start_workers(workers, processes=processes)
        began = time.monotonic()
        ended = found.run(range(1, pipelines + 1))
        seconds = time.monotonic() - began
        wrong = [f"{run.pipeline}: {run.status} {run.message}" for run in ended if run.status != "SUCCESS"]
        wrong += [f"the table of {number} differs" for number in found.differences()]
        wrong += [f"{name} ran twice at once" for name in overlapping(found.executions())]
        return {
            "seconds": seconds,
            "connections": found.connections_open(),
            "peak_mb": max(_peak_mb(pid) for pid in found.processes()),
            "wrong": wrong,
        }


def _peak_mb(pid: int) -> float:
    try:
        return peak_mb(pid)
    except StopIteration:
        # It has ended, to be replaced by a new one.
        return 0.0


def _row(pipelines: int, contestant: tuple[int, int], runs: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [run["seconds"] for run in runs]
    return {
        "workers": contestant[0],
        "processes each": contestant[1],
        "seconds": statistics.median(seconds),
        "spread": max(seconds) - min(seconds),
        "runs a minute": pipelines * 60 / statistics.median(seconds),
        "ledger connections at the end": max(run["connections"] for run in runs),
        "largest process MiB": max(run["peak_mb"] for run in runs),
    }


if __name__ == "__main__":
    sys.exit(main())
