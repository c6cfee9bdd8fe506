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
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import stamina.instrumentation
from rich.console import Console
from rich.table import Table

from observe_dagster.errors import ObserveError
from observe_dagster.ledger import Ledger, migrate
from observe_dagster.records import SyncResult
from tests.e2e.faults.deployment import Deployment, deployment, kill_and_mend
from tests.e2e.faults.disks import NotAllowedError, database_on, leave_room, small_disk
from tests.e2e.faults.faulty import RECORDED, FaultyShop, faulty_shop, url_of
from tests.e2e.faults.holding import LEDGER, TARGET, hold_file
from tests.e2e.faults.proxy import Proxy
from tests.e2e.faults.servers import MortalServer, mortal_server
from tests.e2e.killed import PROCESSES, Death, run_and_die

ROUNDS_PER_SHOP = 6
SECONDS_BETWEEN_DEPLOYMENTS = 150
MOST_BYTES = 500_000
MOST_STEPS = 45
LONGEST_SECONDS = 1.5
CAUSES = ("Connection '", "The ledger database", "Pipeline p ", "The connection to the ledger was lost")
WAYS = [("postgres", "append"), ("postgres", "upsert"), ("duckdb", "append"), ("duckdb", "upsert")]

Ended = SyncResult | ObserveError | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """A shop, the servers that its databases are on, the disk of its destination, and dice."""

    shop: FaultyShop
    servers: dict[str, MortalServer]
    disk: Path | None
    dice: random.Random

    def link(self) -> Proxy:
        """The way to one of the databases."""
        return self.shop.links[self.dice.choice(sorted(self.shop.links))]

    def at_random(self, act: Callable[[], None]) -> None:
        """Act at some moment of the next run: while rows are sent, or at either side of its commit."""
        links, moment = self.shop.links, self.dice.random()
        if moment > 0.7 and "target" in links:
            links["target"].when_asked(RECORDED, b"COMMIT", act=act)
        elif moment > 0.4 and "target" in links:
            links["target"].when_answered(RECORDED, b"COMMIT", act=act)
        else:
            links["source"].when_sent(self.dice.randrange(MOST_BYTES), act)

    def seconds(self) -> float:
        """A while."""
        return self.dice.uniform(0.05, LONGEST_SECONDS)


# The faults: each runs the pipeline once while something goes wrong


def network_reset(arena: Arena) -> Ended:
    """The connections to a database are reset."""
    arena.at_random(arena.link().cut)
    return arena.shop.run()


def network_truncated(arena: Arena) -> Ended:
    """The connections to a database end in the middle of what they say."""
    arena.at_random(arena.link().truncate)
    return arena.shop.run()


def network_refused(arena: Arena) -> Ended:
    """A database is out of reach from some moment on."""
    arena.at_random(arena.link().refuse)
    return arena.shop.run()


def network_slow(arena: Arena) -> Ended:
    """The network is slow and then holds everything back for a while."""
    link = arena.link()
    link.delay_seconds = 0.003
    healing = threading.Timer(arena.seconds(), link.heal)

    def stall() -> None:
        link.stall()
        healing.start()

    arena.at_random(stall)
    try:
        return arena.shop.run()
    finally:
        healing.cancel()


def server_restarted(arena: Arena) -> Ended:
    """A server crashes and comes back."""
    arena.at_random(arena.servers[arena.dice.choice(sorted(arena.servers))].restart)
    return arena.shop.run()


def sync_killed_at_a_step(arena: Arena) -> Ended:
    """The process is killed after some statement or transaction."""
    return "killed" if arena.shop.kill(Death(steps=arena.dice.randint(1, MOST_STEPS))) else "was faster"


def sync_killed_at_a_moment(arena: Arena) -> Ended:
    """The process is killed at any time."""
    setting = arena.shop.setting()
    process = PROCESSES.Process(target=run_and_die, args=(setting, Death()))
    process.start()
    time.sleep(arena.seconds())
    process.kill()
    process.join()
    arena.shop.killed.append(setting.execution_key)
    return "was faster" if process.exitcode == 0 else "killed"


def disk_full(arena: Arena) -> Ended:
    """The destination's disk has little room left."""
    if arena.disk is None:
        return "no disk to fill"
    leave_room(arena.disk, arena.dice.choice([0, 50, 200, 800]))
    try:
        return arena.shop.run()
    finally:
        leave_room(arena.disk, 50_000)


def clock_off(arena: Arena) -> Ended:
    """The clock is an hour ahead or behind, then right."""
    shop, off = arena.shop, timedelta(hours=arena.dice.choice([-1, 1]))
    shop.sell_now(5)
    ended = shop.run_at(datetime.now(UTC) + off)
    shop.sell_now(5)
    shop.run_at(datetime.now(UTC))
    return ended


def ledger_locked(arena: Arena) -> Ended:
    """Somebody locks the ledger for a while."""
    return _locked(arena, url_of(arena.shop.ledger), LEDGER)


def destination_locked(arena: Arena) -> Ended:
    """Somebody holds the destination's table, or its file, for a while."""
    if arena.shop.target == "postgres":
        return _locked(arena, arena.shop.place, TARGET)
    held, free = PROCESSES.Event(), PROCESSES.Event()
    holder = PROCESSES.Process(target=hold_file, args=(arena.shop.place, held, free))
    holder.start()
    held.wait(60)
    release = threading.Timer(arena.seconds(), free.set)
    release.start()
    try:
        return arena.shop.run()
    finally:
        release.join()
        holder.join()


def _locked(arena: Arena, url: str, statement: str) -> Ended:
    with psycopg.connect(url) as holder:
        release = threading.Timer(arena.seconds(), holder.rollback)

        def lock() -> None:
            holder.execute(statement.encode())
            release.start()

        arena.shop.links["source"].when_sent(arena.dice.randrange(MOST_BYTES // 4), lock)
        try:
            return arena.shop.run()
        finally:
            if release.is_alive():
                release.join()


Fault = Callable[[Arena], Ended]
_FAULTS: list[Fault] = [
    network_reset,
    network_truncated,
    network_refused,
    network_slow,
    server_restarted,
    sync_killed_at_a_step,
    sync_killed_at_a_moment,
    disk_full,
    clock_off,
    ledger_locked,
    destination_locked,
]
ALL = {fault.__name__: fault for fault in _FAULTS}
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
def _arena(folder: Path, servers: dict[str, MortalServer], dice: random.Random) -> Iterator[Arena]:
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
def _database(server: MortalServer, template: str | None = None) -> Iterator[str]:
    name = f"soak_{next(_numbers)}"
    yield server.database(name, template=template)
    server.drop(name)


@contextmanager
def _ledger(servers: dict[str, MortalServer]) -> Iterator[Ledger]:
    with _database(servers["ledger"], template="template") as url, Ledger.open(url) as ledger:
        yield ledger


if __name__ == "__main__":
    sys.exit(main())
