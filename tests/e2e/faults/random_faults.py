"""What the soak breaks: each fault runs the pipeline once while something goes wrong at a moment that dice choose."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from observe_dagster.errors import ObserveError
from observe_dagster.records import SyncResult
from tests.e2e.faults.disks import leave_room
from tests.e2e.faults.faulty import RECORDED, FaultyShop, url_of
from tests.e2e.faults.holding import LEDGER, TARGET, hold_file
from tests.e2e.faults.proxy import Proxy
from tests.e2e.faults.servers import MortalServer
from tests.e2e.killed import PROCESSES, Death, run_and_die

MOST_BYTES = 500_000
MOST_STEPS = 45
LONGEST_SECONDS = 1.5

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
FAULTS: list[Fault] = [
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
