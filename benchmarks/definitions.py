"""Many pipelines: what it takes to load them, to send them to Dagster's web server and daemon, and to tick.

Each pipeline has an asset, four checks (freshness, timeliness, two anomaly rules), a schedule, and a source table.
Beside it stands the same number of all of these in bare Dagster, written by hand. `load` is everything from the YAML
files to the serialized repository that a code server sends; imports are told apart. The snapshot of the shared job is
what Dagster fetches when a run is launched. Ticks go the way a code server takes, on an instance in PostgreSQL: ours
asks the ledger and Dagster's runs whether the pipeline may run; the bare one only requests a run.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.loading import PARTS
from benchmarks.support.many_pipelines import write_yaml
from benchmarks.support.report import parser, show, write
from benchmarks.support.rounds import Answer, ask, in_turn, median, spread
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import migrate
from observe_dagster.orchestration.instance.home import prepare_dagster_home
from observe_dagster.settings import Settings

CONTESTANTS = ("observe", "bare")


def main() -> int:
    """Write the YAML, measure, print."""
    options = parser(__doc__, "definitions")
    options.add_argument("--sizes", nargs="+", type=int, default=[100, 1_000, 5_000])
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="few pipelines, once")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.sizes, chosen.repeat = [30], 1
    with tempfile.TemporaryDirectory(prefix="observe-definitions-") as folder:
        home = Path(folder)
        server = start_embedded(home / "server")
        try:
            answers = in_turn(dict(_contestants(home, server, chosen.sizes)), chosen.repeat)
        finally:
            stop_embedded(home / "server")
    loads = [_loaded(size, name, answers) for size in chosen.sizes for name in CONTESTANTS]
    sizes = [_sized(size, name, answers) for size in chosen.sizes for name in CONTESTANTS]
    ticks = [_ticked(size, name, answers) for size in chosen.sizes for name in CONTESTANTS]
    sensor = [_watched(size, answers["observe", size]) for size in chosen.sizes]
    show("Loading, CPU seconds", loads)
    show("Memory of the process and what it sends", sizes)
    show("Ticks of schedules", ticks)
    show("Ours alone: bringing the ledger in step, and the sensor that judges all standing checks", sensor)
    write(chosen.json, repeat=chosen.repeat, loads=loads, sizes=sizes, ticks=ticks, sensor=sensor)
    return 0


def _contestants(
    home: Path, server: str, sizes: Sequence[int]
) -> Iterator[tuple[tuple[str, int], Callable[[], Answer]]]:
    for size in sizes:
        defs = home / f"defs_{size}"
        defs.mkdir()
        write_yaml(defs, size)
        for name in CONTESTANTS:
            url = create_database(server, f"{name}_{size}")
            migrate(url)
            told = {"contestant": name, "size": size, "defs": str(defs), "home": str(home), "url": url}
            dagster_home = prepare_dagster_home(Settings(home=home / f"{name}_{size}", defs=defs))
            environment = {"DAGSTER_HOME": str(dagster_home), "OBSERVE_DATABASE_URL": url}
            yield (name, size), partial(ask, "support.loading", told, environment)


def _loaded(size: int, name: str, answers: Mapping[tuple[str, int], list[Answer]]) -> dict[str, Any]:
    own, bare = answers[name, size], answers["bare", size]
    return {
        "pipelines": size,
        "contestant": name,
        "imports": median(own, "imports"),
        **{part: median(own, part) for part in PARTS},
        "load": median(own, "load"),
        "±%": spread(own, "load"),
        "ratio": median(own, "load") / median(bare, "load"),
        "ratio with imports": median(own, "whole") / median(bare, "whole"),
    }


def _sized(size: int, name: str, answers: Mapping[tuple[str, int], list[Answer]]) -> dict[str, Any]:
    own, bare = answers[name, size], answers["bare", size]
    row: dict[str, Any] = {"pipelines": size, "contestant": name}
    for column in ("peak MB", "snapshot MB", "job snapshot MB"):
        row[column] = median(own, column)
        row[f"{column.removesuffix(' MB')} ratio"] = median(own, column) / median(bare, column)
    return {**row, "job snapshot s": median(own, "job snapshot s")}


def _ticked(size: int, name: str, answers: Mapping[tuple[str, int], list[Answer]]) -> dict[str, Any]:
    own, bare = answers[name, size], answers["bare", size]
    return {
        "pipelines": size,
        "contestant": name,
        "first tick ms": median(own, "first tick ms"),
        "tick ms": median(own, "tick ms"),
        "±%": spread(own, "tick ms"),
        "ratio": median(own, "tick ms") / median(bare, "tick ms"),
        "tick CPU ms": median(own, "tick CPU ms"),
        "CPU ratio": median(own, "tick CPU ms") / median(bare, "tick CPU ms"),
        "ticks measured": own[0]["ticks"],
        "all due s (scaled)": median(own, "tick ms") * size / 1000,
    }


def _watched(size: int, own: Sequence[Answer]) -> dict[str, Any]:
    columns = ("first synchronise s", "later synchronise s", "sensor tick s")
    return {"pipelines": size, **{column: median(own, column) for column in columns}, "verdicts": own[0]["verdicts"]}


if __name__ == "__main__":
    sys.exit(main())
