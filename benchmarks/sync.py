"""A table of 1 M rows × 10 columns moved from PostgreSQL to PostgreSQL and to DuckDB, beside what else would move it.

Each contestant loads the whole table into an empty destination (`full`), then the rows that have changed since
(`incremental`: nine of ten are updates, the rest are new). The destination then holds what the source holds, which is
checked each time by count and checksum after casting to the source's types; a contestant that gets it wrong is marked.

What is fair about it: one embedded PostgreSQL server with fsync on (256 MB of shared buffers, and room for WAL so that
no checkpoint falls into a measurement) is source, destination and ledger, on the same machine as the contestants; all
tables are logged; each load is a process of its own; the contestants take turns, in another order each time; seconds
go from connecting to the commit, without Python's imports. `observe, through Dagster` is the whole run of a job with
one step in one process, with its events in PostgreSQL. The floor is what the wire allows: a binary COPY pipe that
builds the primary key after it (incremental: into a temporary table and one upsert), and to DuckDB record batches that
are inserted as they come; it checks, counts and remembers nothing. pandas is slow and runs in the first round only.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.support.contest import FLOOR, NAMES, OURS, OURS_IN_DAGSTER, TOOLS, TYPES, Task, run
from benchmarks.support.report import parser, show, write
from benchmarks.support.stage import ENGINES, Server, add_orders, ask, server
from observe_dagster.demo.fingerprint import DuckDBEngine, Fingerprint, PostgresEngine

LOADS = ("full", "incremental")
ONCE = ("pandas",)
QUICK = (OURS, OURS_IN_DAGSTER, FLOOR)
BEFORE, SINCE = "2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00"
CHANGE = f"""
UPDATE orders SET quantity = quantity + 1, amount = amount + 1,
                  updated_at = timestamptz '{SINCE}' + id * interval '1 millisecond'
WHERE mod(id * 7919, {{rows}}) < {{updates}}
"""

Told = dict[str, Any]


def main() -> int:
    """Fill the source, let the contestants take turns, print; 1 if ours is wrong."""
    options = parser(__doc__, "sync")
    options.add_argument("--rows", type=int, default=1_000_000, help="rows of the table")
    options.add_argument("--changed", type=int, default=100_000, help="rows that change")
    options.add_argument("--repeat", type=int, default=3, help="rounds")
    options.add_argument("--targets", nargs="+", choices=ENGINES, default=list(ENGINES))
    options.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    options.add_argument("--quick", action="store_true", help="a small table and no rivals, to see that it works")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rows, chosen.changed, chosen.repeat = 20_000, 2_000, 1
        chosen.targets, chosen.tools = ["postgres"], list(QUICK)
    measured: list[Told] = []
    with server() as found:
        source = Source(found, rows=chosen.rows, changed=chosen.changed)
        for target in chosen.targets:
            told = _take_turns(source, target, chosen.tools, chosen.repeat)
            for load, size in (("full", chosen.rows), ("incremental", chosen.changed)):
                rows = _rows(target, load, size, {tool: [one[load] for one in told[tool]] for tool in chosen.tools})
                show(f"PostgreSQL to {target}, {load}: {size:,} rows", rows)
                measured += rows
    write(chosen.json, rows=chosen.rows, changed=chosen.changed, repeat=chosen.repeat, measured=measured)
    return 0 if all(row["right"] == "yes" for row in measured if row["tool"] in (OURS, OURS_IN_DAGSTER)) else 1


class Source:
    """The table as it is for each load; one of the two is called `orders`."""

    def __init__(self, found: Server, *, rows: int, changed: int) -> None:
        self.server, self.url, self._shown = found, found.source_url, "full"
        updates = changed * 9 // 10
        add_orders(self.url, 1, rows, since=BEFORE)
        ask(self.url, "CREATE INDEX orders_updated_at ON orders (updated_at)")
        ask(self.url, "CREATE TABLE orders_incremental (LIKE orders INCLUDING ALL)")
        ask(self.url, "INSERT INTO orders_incremental SELECT * FROM orders")
        self.fingerprints = {"full": self._fingerprint()}
        self.show("incremental")
        ask(self.url, CHANGE.format(rows=rows, updates=updates))
        add_orders(self.url, rows + 1, rows + changed - updates, since=SINCE)
        # Rewritten, so that both are as dense.
        ask(self.url, "VACUUM FULL ANALYZE orders")
        ask(self.url, "VACUUM ANALYZE orders")
        self.fingerprints["incremental"] = self._fingerprint()

    def show(self, load: str) -> None:
        """Give the table of a load the name `orders`, and let the server settle."""
        if load != self._shown:
            ask(self.url, f"ALTER TABLE orders RENAME TO orders_{self._shown}")
            ask(self.url, f"ALTER TABLE orders_{load} RENAME TO orders")
            self._shown = load
        ask(self.url, "CHECKPOINT")

    def _fingerprint(self) -> Fingerprint:
        return PostgresEngine(self.url).fingerprint(f"SELECT {', '.join(NAMES)} FROM orders", NAMES)


def _take_turns(source: Source, target: str, tools: Sequence[str], rounds: int) -> dict[str, list[Told]]:
    """Each contestant in each round, another one first each time; by contestant, what it told of each round."""
    told: dict[str, list[Told]] = {tool: [] for tool in tools}
    for number in range(rounds):
        first = number % len(tools)
        for tool in (*tools[first:], *tools[:first]):
            problems = any("problem" in one["full"] for one in told[tool])
            if not problems and (number == 0 or tool not in ONCE):
                told[tool].append(_turn(source, target, tool))
    return told


def _turn(source: Source, target: str, tool: str) -> Told:
    if tool not in (OURS, OURS_IN_DAGSTER):
        with source.server.place(target) as place:
            return _loads(source, target, tool, place, ledger_url="")
    with source.server.stage(target, "upsert") as stage:
        return _loads(source, target, tool, stage.target_place, ledger_url=stage.ledger_url)


def _loads(source: Source, target: str, tool: str, place: str, *, ledger_url: str) -> Told:
    told: Told = {}
    with tempfile.TemporaryDirectory(dir=source.server.folder) as folder:
        for load in LOADS:
            source.show(load)
            task = Task(
                tool=tool,
                load=load,
                target=target,
                source_url=source.url,
                place=place,
                ledger_url=ledger_url,
                folder=folder,
                since=SINCE,
            )
            told[load] = run(task)
            if "problem" not in told[load]:
                told[load]["right"] = _held(target, place) == source.fingerprints[load]
                print(f"{target}, {load}, {tool}: {told[load]['seconds']:.2f} s", file=sys.stderr, flush=True)
            elif load == "full":
                return {"full": told["full"], "incremental": told["full"]}
    return told


def _held(target: str, place: str) -> Fingerprint:
    """What the destination holds, as the source's types."""
    fields = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in zip(NAMES, TYPES[target], strict=True))
    engine = PostgresEngine(place) if target == "postgres" else DuckDBEngine(place)
    return engine.fingerprint(f"SELECT {fields} FROM analytics.orders", NAMES)


def _rows(target: str, load: str, size: int, runs: dict[str, list[Told]]) -> list[Told]:
    ours = _seconds(runs.get(OURS, []))
    return [_row(target, load, size, tool, told, ours) for tool, told in runs.items()]


def _seconds(told: list[Told]) -> list[float]:
    return [one["seconds"] for one in told if "seconds" in one]


def _row(target: str, load: str, size: int, tool: str, told: list[Told], ours: list[float]) -> Told:
    seconds = _seconds(told)
    if len(seconds) < len(told):
        right, seconds = next(one["problem"] for one in told if "problem" in one), []
    else:
        right = "yes" if all(one["right"] for one in told) else "NO"
    median = statistics.median(seconds) if seconds else None
    return {
        "destination": target,
        "load": load,
        "tool": tool,
        "median s": median,
        "least s": min(seconds, default=None),
        "most s": max(seconds, default=None),
        "rows/s": median and round(size / median),
        "peak MB": round(max(one["peak_mb"] for one in told)) if seconds else None,
        "times ours": round(median / statistics.median(ours), 2) if median and ours else None,
        "right": right,
    }


if __name__ == "__main__":
    sys.exit(main())
