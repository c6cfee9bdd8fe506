"""Breaks whatever a sync needs, at random moments, again and again, and counts what is wrong afterwards.

    python -m tests.e2e.faults.soak --minutes 10 --seed 7

After each fault a normal run must succeed, and then: no row lost or written twice, the watermark where the destination
is, each run on record as what the destination shows, and no password told. Prints each fault with its count; exits 1
on any violation. A seed repeats the choices; moments within a run depend on the machine as well. `--only` makes
but some of the faults.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import stamina.instrumentation
from rich.console import Console
from rich.table import Table

from observe_dagster.errors import ObserveError
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.records import SyncResult
from tests.e2e.faults.deployment import Deployment, deployment, kill_and_mend
from tests.e2e.faults.disks import NotAllowedError, database_on, small_disk
from tests.e2e.faults.faulty import faulty_shop
from tests.e2e.faults.random_faults import FAULTS, Arena, Ended, Fault, clock_off
from tests.e2e.faults.servers import MortalServer, mortal_server

ROUNDS_PER_SHOP = 6
SECONDS_BETWEEN_DEPLOYMENTS = 150
CAUSES = ("Connection '", "The ledger database", "Pipeline p ", "The connection to the ledger was lost")
WAYS = [("postgres", "append"), ("postgres", "upsert"), ("duckdb", "append"), ("duckdb", "upsert")]

ALL = {fault.__name__: fault for fault in FAULTS}
DEPLOYMENT = "processes_killed"
"""Kills daemons and code servers; it takes a minute, so it is made now and then."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What happened, by fault."""

    fates: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter[str]))
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list[str]))

    def count(self, fault: str, ended: Ended, wrong: list[str]) -> None:
        """Note how a run ended under a fault, and what was wrong after the next."""
        fate = ended if isinstance(ended, str) else "succeeded" if isinstance(ended, SyncResult) else "failed"
        self.fates[fault][fate] += 1
        self.wrong[fault] += wrong
        for each in wrong:
            print(f"VIOLATION after {fault}: {each}", flush=True)

    def show(self, title: str) -> None:
        """Print it as a table."""
        table = Table("fault", "times", "how the runs ended", "violations", title=title, title_justify="left")
        for fault, fates in sorted(self.fates.items()):
            told = ", ".join(f"{count} {fate}" for fate, count in fates.most_common())
            table.add_row(fault.replace("_", " "), str(fates.total()), told, str(len(self.wrong[fault])))
        Console(width=110).print(table)


def main() -> int:
    """Break, mend, compare, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options.add_argument("--only", nargs="+", choices=[*ALL, DEPLOYMENT], default=[*ALL, DEPLOYMENT], metavar="FAULT")
    chosen = options.parse_args()
    faults = [ALL[name] for name in chosen.only if name in ALL]
    stamina.instrumentation.set_on_retry_hooks(())
    print(f"Seed {chosen.seed}, {chosen.minutes:g} minutes.", flush=True)
    dice, tally = random.Random(chosen.seed), Tally()
    with ExitStack() as opened:
        servers = {name: opened.enter_context(mortal_server()) for name in ("source", "target", "ledger")}
        migrate(servers["ledger"].database("template"))
        until = time.monotonic() + 60 * chosen.minutes
        next_deployment = time.monotonic()
        while time.monotonic() < until:
            with tempfile.TemporaryDirectory(prefix="observe-soak-") as folder:
                if DEPLOYMENT in chosen.only and (time.monotonic() >= next_deployment or not faults):
                    _deployed_round(Path(folder), servers, dice, tally)
                    next_deployment = time.monotonic() + SECONDS_BETWEEN_DEPLOYMENTS
                else:
                    _shop_rounds(Path(folder), servers, dice, tally, faults, until=until)
    tally.show(f"Broken for {chosen.minutes:g} minutes (seed {chosen.seed})")
    violations = sum(map(len, tally.wrong.values()))
    print(f"{sum(fates.total() for fates in tally.fates.values())} faults, {violations} violations.")
    return 1 if violations else 0


def _shop_rounds(
    folder: Path,
    servers: dict[str, MortalServer],
    dice: random.Random,
    tally: Tally,
    faults: Sequence[Fault],
    *,
    until: float,
) -> None:
    """Break one shop some times."""
    with _arena(folder, servers, dice) as arena:
        for number in range(ROUNDS_PER_SHOP):
            if number and time.monotonic() > until:
                break
            fault = dice.choice(faults)
            arena.shop.sell(dice.randint(10, 8000))
            ended = fault(arena)
            try:
                wrong = arena.shop.settle()
            except ObserveError as error:
                wrong = [f"the normal run after it: {error}"]
            if isinstance(ended, ObserveError) and not str(ended).startswith(CAUSES):
                wrong.append(f"the message does not tell the cause: {ended}")
            tally.count(fault.__name__, ended, wrong)
            if wrong or fault is clock_off:
                break


def _deployed_round(folder: Path, servers: dict[str, MortalServer], dice: random.Random, tally: Tally) -> None:
    killed = dice.choice([("first",), ("code",), ("first", "second"), ("first", "second", "code")])
    with ExitStack() as opened:
        ledger = opened.enter_context(_ledger(servers))
        shop, store = (opened.enter_context(_database(servers[name])) for name in ("source", "target"))
        deployed: Deployment = opened.enter_context(deployment(folder, shop=shop, store=store, ledger=ledger))
        try:
            wrong = kill_and_mend(deployed, ledger, killed)
        except TimeoutError as error:
            wrong = [str(error)]
    names = {"first": "a daemon", "second": "the other daemon", "code": "the code server"}
    tally.count("killed_" + "_and_".join(names[each] for each in killed), "mended", wrong)


@contextmanager
def _arena(folder: Path, servers: dict[str, MortalServer], dice: random.Random) -> Generator[Arena]:
    target, write_mode = dice.choice(WAYS)
    with ExitStack() as opened:
        ledger = opened.enter_context(_ledger(servers))
        source = opened.enter_context(_database(servers["source"]))
        try:
            disk = opened.enter_context(small_disk(folder / "disk"))
        except NotAllowedError:
            disk = None
        if target == "duckdb":
            place = str((disk or folder) / "lake.duckdb")
        elif disk is not None:
            place = opened.enter_context(database_on(disk, servers["target"].url))
        else:
            place = opened.enter_context(_database(servers["target"]))
        shop = opened.enter_context(
            faulty_shop(target, write_mode, source=source, place=place, folder=folder, ledger=ledger)
        )
        used = servers if target == "postgres" else {name: servers[name] for name in ("source", "ledger")}
        yield Arena(shop=shop, servers=used, disk=disk, dice=dice)


_numbers = iter(range(1_000_000))


@contextmanager
def _database(server: MortalServer, template: str | None = None) -> Generator[str]:
    name = f"soak_{next(_numbers)}"
    yield server.database(name, template=template)
    server.drop(name)


@contextmanager
def _ledger(servers: dict[str, MortalServer]) -> Generator[Ledger]:
    with _database(servers["ledger"], template="template") as url, Ledger.open(url) as ledger:
        yield ledger


if __name__ == "__main__":
    sys.exit(main())
