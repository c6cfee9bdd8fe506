"""How many runs the ledger takes per second: whole cycles of many processes on one PostgreSQL server.

A cycle is what a run writes: read the pipeline's watermark, start an execution from it to the next one, and end it well
with its counts, which moves the watermark by compare-and-set. With `lock` the cycle also takes the pipeline's advisory
lock, on a connection of its own, as every sync does. Each process works on pipelines of its own, and every fourth cycle
on one that all share; without the lock several then run at once, and only the first to end may move the watermark. In
the end the ledger must say exactly that. Watcher's documentation aims at 3.3 cycles per second. The server keeps its
defaults, fsync among them. Exits 1 when the ledger is wrong.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from benchmarks.support.child import peak_mb
from benchmarks.support.report import parser, show, write
from benchmarks.support.rounds import CHILD, Answer, answer, in_turn, median, spread, start
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.records import Counts, RunType

WATCHER_AIMS_AT = 3.3
WAYS = ("record", "record and lock")
_OWN, _SHARED, _EVERY = 10, 3, 4
_COUNTS = Counts(
    total_rows=1000, inserts=600, updates=300, unchanged=100, soft_deletes=0, rejected=0, bytes=90_000, table_rows=9_000
)
_PIPELINES = """
    INSERT INTO observe.pipeline (pipeline_id, name, managed, state, config, content_hash, created_at)
    SELECT name, name, false, 'active', '{}', '', now() FROM unnest(%s::text[]) AS name
"""
_WRONG = {
    "executions that did not end well": """
        SELECT count(*) FROM observe.pipeline_execution WHERE status <> 'success' OR end_date IS NULL""",
    "watermarks that are not where the last move went": """
        SELECT count(*) FROM observe.pipeline p
        WHERE p.watermark::bigint <> (SELECT max(reached_watermark::bigint) FROM observe.pipeline_execution e
                                      WHERE e.pipeline_pk = p.id)""",
    "steps that nobody made": """
        SELECT count(*) FROM observe.pipeline p, generate_series(1, p.watermark::bigint) AS step
        WHERE NOT EXISTS (SELECT 1 FROM observe.pipeline_execution e WHERE e.pipeline_pk = p.id
                          AND e.reached_watermark = step::text
                          AND coalesce(e.watermark, '0') = (step - 1)::text)""",
    "pipelines that are said to run": "SELECT count(*) FROM observe.pipeline WHERE status = 'running'",
}
_TWICE = """
    SELECT count(*) - count(DISTINCT (p.id, e.reached_watermark))
    FROM observe.pipeline_execution e JOIN observe.pipeline p ON p.id = e.pipeline_pk
    WHERE (p.pipeline_id LIKE 'shared%%') = %s
"""


def main() -> int:
    """Measure, check the ledger, print."""
    options = parser(__doc__, "ledger")
    options.add_argument("--processes", nargs="+", type=int, default=[1, 8, 32])
    options.add_argument("--seconds", type=float, default=5.0, help="how long each measurement lasts")
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="two processes, one second")
    chosen = options.parse_args()
    if chosen.quick:
        chosen.processes, chosen.seconds, chosen.repeat = [2], 1.0, 1
    with tempfile.TemporaryDirectory(prefix="observe-ledger-") as folder:
        server = start_embedded(Path(folder))
        try:
            contestants = {
                (way, count): partial(_measure, server, way, count, chosen.seconds)
                for way in WAYS
                for count in chosen.processes
            }
            answers = in_turn(contestants, chosen.repeat)
        finally:
            stop_embedded(Path(folder))
    rows = [_row(way, count, found) for (way, count), found in answers.items()]
    show("Starts and ends on record", rows)
    wrong = {name: sum(each["wrong"][name] for found in answers.values() for each in found) for name in _names()}
    write(chosen.json, seconds=chosen.seconds, repeat=chosen.repeat, measured=rows, wrong=wrong)
    told = [f"{name}: {count}" for name, count in wrong.items() if count]
    print("; ".join(told) or "The ledger is right: every cycle is on record once, every watermark moved step by step.")
    return 1 if told else 0


def _names() -> list[str]:
    return [*_WRONG, "steps made twice although nobody could", "cycles that are not on record"]


def _row(way: str, count: int, found: Sequence[Answer]) -> dict[str, Any]:
    rate = median(found, "cycles_per_second")
    return {
        "cycle": way,
        "processes": count,
        "cycles/s": rate,
        "±%": spread(found, "cycles_per_second"),
        "beside Watcher's 3.3": round(rate / WATCHER_AIMS_AT),
        "p50 ms": median(found, "p50_ms"),
        "p99 ms": median(found, "p99_ms"),
        "peak MB each": median(found, "peak_mb"),
        "overtaken": sum(each["overtaken"] for each in found),
    }


def _measure(server: str, way: str, count: int, seconds: float) -> Answer:
    """Let so many processes work at once on a new ledger."""
    name = f"ledger_{count}_{time.monotonic_ns()}"
    url = create_database(server, name)
    migrate(url)
    own = [[f"own-{number}-{place}" for place in range(_OWN)] for number in range(count)]
    shared = [f"shared-{place}" for place in range(_SHARED)]
    with psycopg.connect(url, autocommit=True) as driver:
        driver.execute(_PIPELINES, ([*shared, *(each for some in own for each in some)],))
    told = [
        {"url": url, "number": n, "own": own[n], "shared": shared, "seconds": seconds, "way": way} for n in range(count)
    ]
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(start("ledger", each)) for each in told]
        _let_go(workers)
        answers = [answer(worker) for worker in workers]
    figures = _figures(answers)
    cycles = count + sum(each["cycles"] for each in answers)
    figures["wrong"], figures["overtaken"] = _wrong(url, way, cycles)
    with psycopg.connect(server, autocommit=True) as driver:
        driver.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    return figures


def _let_go(workers: Sequence["subprocess.Popen[str]"]) -> None:
    """Let all begin at once: wait until each is ready before the first is told to go."""
    for worker in workers:
        if worker.stdout is None or worker.stdout.readline() != "ready\n":
            raise RuntimeError("a worker could not start")
    for worker in workers:
        if worker.stdin is not None:
            worker.stdin.write("go\n")
            worker.stdin.flush()


def _figures(answers: Sequence[Answer]) -> Answer:
    milliseconds = sorted(value for each in answers for value in each["milliseconds"])
    return {
        "cycles_per_second": sum(each["cycles"] / each["seconds"] for each in answers),
        "p50_ms": milliseconds[len(milliseconds) // 2],
        "p99_ms": milliseconds[len(milliseconds) * 99 // 100],
        "peak_mb": max(each["peak_mb"] for each in answers),
    }


def _wrong(url: str, way: str, cycles: int) -> tuple[Mapping[str, int], int]:
    """What must be zero, and how many runs found their watermark moved by another run of a shared pipeline."""
    with psycopg.connect(url) as driver:
        found = {name: _one(driver, query) for name, query in _WRONG.items()}
        on_record = _one(driver, "SELECT count(*) FROM observe.pipeline_execution")
        own, shared = _one(driver, _TWICE, (False,)), _one(driver, _TWICE, (True,))
    locked = way != "record"
    return dict(zip(_names(), (*found.values(), own + shared * locked, abs(on_record - cycles)), strict=True)), shared


def _one(driver: "psycopg.Connection[Any]", query: str, parameters: tuple[Any, ...] | None = None) -> int:
    row = driver.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return int(row[0])


def child(told: dict[str, Any]) -> None:
    """Be one process: cycle after cycle until the time is over."""
    milliseconds: list[float] = []
    cycle = _cycle if told["way"] == "record" else _locked_cycle
    with Ledger.open(told["url"]) as ledger:
        cycle(ledger, told["own"][0], f"{told['number']}/first")  # connects, and makes the statements
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.monotonic()
        for number, slug in enumerate(_turns(told)):
            if time.monotonic() - began > told["seconds"]:
                break
            started = time.perf_counter()
            if cycle(ledger, slug, f"{told['number']}/{number}"):
                milliseconds.append((time.perf_counter() - started) * 1000)
        seconds = time.monotonic() - began
    figures = {"cycles": len(milliseconds), "seconds": seconds, "milliseconds": milliseconds}
    print(json.dumps({**figures, "peak_mb": peak_mb()}))


def _turns(told: Mapping[str, Any]) -> Iterator[str]:
    own, shared, number = told["own"], told["shared"], 0
    while True:
        number += 1
        yield shared[number // _EVERY % len(shared)] if number % _EVERY == 0 else own[number % len(own)]


def _locked_cycle(ledger: Ledger, slug: str, key: str) -> bool:
    """One run, or none where another run of the pipeline goes on, as in production."""
    with ledger.executions.lock(slug) as lock:
        return bool(lock) and _cycle(ledger, slug, key)


def _cycle(ledger: Ledger, slug: str, key: str) -> bool:
    """One run from start to end."""
    found, began = ledger.declared.pipeline(slug), datetime.now(UTC)
    following = str(int(found.watermark or 0) + 1)
    ledger.executions.start(
        pipeline_id=slug,
        execution_key=key,
        run_type=RunType.SCHEDULED,
        logical_date=began,
        range_start=found.watermark,
        range_end=following,
        watermark=found.watermark,
        next_watermark=following,
        started_at=began,
        moves_watermark=True,
    )
    ended = datetime.now(UTC) + timedelta(microseconds=1)
    ledger.executions.succeed(key, ended_at=ended, counts=_COUNTS, watermark=following, clear_fault=True)
    return True


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        child(json.loads(sys.argv[2]))
    else:
        sys.exit(main())
