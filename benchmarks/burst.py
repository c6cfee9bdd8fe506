"""A burst of materializations while the receiver misbehaves: does every publication arrive, once and in order?

The receiver is down for three ticks, then slow, then it resets connections, takes requests whose answers are lost, and
answers garbage; a worker is killed in mid-delivery; and one item is poison. In the end all must have arrived but the
poison item, which must be a dead letter; the order per table must be kept; only what the receiver had taken without
its answer getting through may have arrived twice; and no tick may take longer than 40 s. Exits 1 on any violation.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import dagster as dg

from benchmarks.support.receiver import monte_carlo_settings
from benchmarks.support.report import parser, show, write
from observe_dagster.config.project import Project
from observe_dagster.embedded import create_database, start_embedded, stop_embedded
from observe_dagster.integrations.monte_carlo.publisher import MonteCarloPublisher
from observe_dagster.integrations.monte_carlo.sender import PUBLISHER
from observe_dagster.integrations.publisher import PublisherContext, dispatch
from observe_dagster.integrations.registry import PublisherEntry
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publisher_sensor
from observe_dagster.settings import Settings
from tests.fakes.monte_carlo import FakeMonteCarlo

BUDGET_SECONDS = 40.0
POISON = 1_000_003
_BETWEEN_TICKS = timedelta(minutes=16)


def main() -> int:
    """Burst, misbehave, deliver, compare, print."""
    options = parser(__doc__, "burst")
    options.add_argument("--materializations", type=int, default=5_000)
    options.add_argument("--tables", type=int, default=500)
    options.add_argument("--quick", action="store_true", help="a small burst, to see that it works")
    options.add_argument("--worker", nargs=3, metavar=("LEDGER", "URL", "OFFSET"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        return _work(*chosen.worker)
    if chosen.quick:
        chosen.materializations, chosen.tables = 100, 10
    with tempfile.TemporaryDirectory(prefix="observe-burst-") as folder:
        home = Path(folder)
        server = start_embedded(home / "server")
        try:
            figures = _burst(
                home, create_database(server, "burst"), chosen.materializations, chosen.tables, chosen.quick
            )
        finally:
            stop_embedded(home / "server")
    show(f"{chosen.materializations:,} materializations of {chosen.tables:,} tables", [figures])
    wrong = _violations(figures)
    write(chosen.json, figures=figures, violations=wrong)
    print("; ".join(wrong) or "Everything arrived, in order.")
    return 1 if wrong else 0


class Burst:
    """One sensor on a Dagster instance, with a clock that runs ahead."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, url: str, tables: int, poisoned: int) -> None:
        self.instance, self.settings, self.tables, self.poisoned = instance, settings, tables, poisoned
        self.offset, self.cursor, self.longest, self.ticks = timedelta(), None, 0.0, 0
        self.observe = ObserveResource(Project(), settings, clock=lambda: datetime.now(UTC) + self.offset)
        specs = [
            dg.AssetSpec(_name(number), metadata={"dagster/table_name": f"db.public.{_name(number)}"})
            for number in range(tables)
        ]
        publisher = MonteCarloPublisher(monte_carlo_settings(url), metadata_interval=timedelta())
        entry = PublisherEntry(name=PUBLISHER, open=lambda _: publisher, declared=lambda _: True)
        sensor = publisher_sensor(entry, settle_time=timedelta())
        self.repository = dg.Definitions(assets=specs, sensors=[sensor]).get_repository_def()
        self.sensor = self.repository.get_sensor_def(sensor.name)

    def materialize(self, number: int) -> None:
        """One materialization, whose row count is its number, but for the one that is poison."""
        place = number % self.tables
        metadata: dict[str, Any] = {"dagster/row_count": POISON if number == self.poisoned else number}
        if place:
            dep = dg.TableColumnDep(dg.AssetKey(_name(place - 1)), "id")
            metadata["dagster/column_lineage"] = dg.TableColumnLineage({"id": [dep]})
        self.instance.report_runless_asset_event(dg.AssetMaterialization(_name(place), metadata=metadata))

    def tick(self) -> str:
        """One tick, some time after the one before."""
        self.offset += _BETWEEN_TICKS
        started = time.monotonic()
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"observe": self.observe},
            repository_def=self.repository,
        ) as context:
            data = self.sensor.evaluate_tick(context)
        self.cursor, self.ticks = data.cursor, self.ticks + 1
        seconds = time.monotonic() - started
        self.longest = max(self.longest, seconds)
        print(f"tick {self.ticks}: {seconds:.1f} s: {data.skip_message}", flush=True)
        return data.skip_message or ""


def _burst(home: Path, ledger_url: str, materializations: int, tables: int, quick: bool) -> dict[str, Any]:  # noqa: FBT001
    migrate(ledger_url)
    port = _free_port()
    settings = Settings(
        home=home,
        defs=home,
        database_url=ledger_url,
        publish_assets="*",
    )
    with dg.DagsterInstance.ephemeral() as instance:
        url, poisoned = f"http://127.0.0.1:{port}", materializations - tables + 1
        burst = Burst(instance, settings, url, tables, poisoned)
        burst.tick()
        began = time.monotonic()
        for number in range(materializations):
            burst.materialize(number)
        reported = time.monotonic() - began
        for _ in range(3):
            burst.tick()
        with FakeMonteCarlo(port) as gateway:
            gateway.poison = f'"row_count":{POISON}'
            gateway.always = "reset"
            for treatment in ("garbage", (429, {"Retry-After": "5"}), "lost", *(() if quick else ("slow",))):
                gateway.plan = [None, treatment]
                burst.tick()
            _kill_a_worker(burst, gateway, ledger_url)
            gateway.always = None
            waiting = 1
            while waiting and burst.ticks < 200:
                burst.tick()
                waiting = burst.observe.ledger.outbox.counts(PUBLISHER).get("pending", 0)
            figures = _figures(burst, gateway, materializations)
        burst.observe.close()
    return {**figures, "reporting seconds": round(reported, 1)}


def _kill_a_worker(burst: Burst, gateway: FakeMonteCarlo, ledger_url: str) -> None:
    """Kill a process that waits for the answer to what the receiver has taken already."""
    burst.offset += _BETWEEN_TICKS
    asked, gateway.plan = len(gateway.asked), ["hang"]
    offset = str(burst.offset.total_seconds())
    command = [sys.executable, __file__, "--worker", ledger_url, gateway.url, offset]
    worker = subprocess.Popen(command)
    while len(gateway.asked) == asked and worker.poll() is None:
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    gateway.plan = []


def _work(ledger_url: str, url: str, offset: str) -> int:
    ahead = timedelta(seconds=float(offset))
    with Ledger.open(ledger_url) as ledger:
        context = PublisherContext(project=Project(), ledger=ledger, clock=lambda: datetime.now(UTC) + ahead)
        dispatch(MonteCarloPublisher(monte_carlo_settings(url)), context, seconds=20)
    return 0


def _figures(burst: Burst, gateway: FakeMonteCarlo, materializations: int) -> dict[str, Any]:
    counts = burst.observe.ledger.outbox.counts(PUBLISHER)
    told, first = [json.dumps(event, sort_keys=True) for _, event in gateway.taken], {}
    rows: dict[str, list[int]] = {}
    early = 0
    for place, (event_type, event) in enumerate(gateway.taken):
        again = told[place] in first
        first.setdefault(told[place], place)
        if event_type == "METADATA":
            asset = event["relational_asset"]
            if not again:
                rows.setdefault(asset["metadata"]["name"], []).append(asset["volume"]["row_count"])
        else:
            names = [event["destination"]["name"], *(source["name"] for source in event["sources"])]
            early += any(name not in rows for name in names)
    lost = {json.dumps(event, sort_keys=True) for event in gateway.unanswered}
    repeated = [text for place, text in enumerate(told) if first[text] != place]
    return {
        "publications": sum(counts.values()),
        "arrived": len(first),
        "missing": materializations - 1 - sum(len(found) for found in rows.values()),
        "dead": counts.get("dead", 0),
        "pending": counts.get("pending", 0),
        "out of order": sum(found != sorted(found) for found in rows.values()),
        "lineage too early": early,
        "twice": len(repeated),
        "twice without reason": sum(text not in lost for text in repeated),
        "requests": len(gateway.asked),
        "ticks": burst.ticks,
        "longest tick seconds": round(burst.longest, 1),
    }


def _violations(figures: dict[str, Any]) -> list[str]:
    expected = {"missing": 0, "dead": 1, "pending": 0, "out of order": 0, "lineage too early": 0}
    expected["twice without reason"] = 0
    wrong = [f"{name}: {figures[name]}, not {value}" for name, value in expected.items() if figures[name] != value]
    if figures["arrived"] != figures["publications"] - 1:
        wrong.append(f"{figures['publications'] - 1} publications, of which {figures['arrived']} arrived")
    if not figures["twice"]:
        wrong.append("no answer was lost, so the kill came too late")
    if figures["longest tick seconds"] > BUDGET_SECONDS:
        wrong.append(f"a tick took {figures['longest tick seconds']} s")
    return wrong


def _name(number: int) -> str:
    return f"table_{number:04}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
