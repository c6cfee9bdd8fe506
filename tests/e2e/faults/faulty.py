"""A shop whose runs reach every database through a proxy, and what must hold after whatever went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from observe_dagster.errors import AlreadyInProgressError, ObserveError
from observe_dagster.ledger import Ledger
from observe_dagster.records import SyncResult
from observe_dagster.sync import SyncRequest
from tests.e2e.faults.proxy import Proxy, proxies
from tests.e2e.killed import Setting, Shop

PASSWORD = "open-sesame/4711"
RECORDED = b'_observe_sync_run" (sequence'
"""Part of the statement that records a run beside its rows, right before they are committed."""
MANY = 8_000
"""Rows that take the source several messages to send."""
MIDDLE = 150_000
"""Bytes after which such a source is in the middle of its rows."""


class FaultyShop(Shop):
    """A shop with a proxy on each of its `links`: source, target (if it is a server) and ledger."""

    def __init__(self, *arguments: Any, links: dict[str, Proxy], **options: Any) -> None:
        self.links = links
        self.attempts, self.lock_wait_seconds = 3, 300.0
        self.ledger_options = ""
        self.errors: list[str] = []
        super().__init__(*arguments, **options)

    def setting(self) -> Setting:
        """The next run, an hour after the last one, by way of the proxies."""
        setting = super().setting()
        for connection in setting.attributes["connections"]:
            if connection["id"] in self.links:
                connection["config"] = {"url": f"{{{{ env.{connection['id']} }}}}"}
        return replace(
            setting,
            ledger_url=self.links["ledger"].url + self.ledger_options,
            attempts=self.attempts,
            lock_wait_seconds=self.lock_wait_seconds,
            environment={name: link.url for name, link in self.links.items()},
        )

    def run(self) -> SyncResult | ObserveError:
        """Run the pipeline once; return how it ended, and remember what was said."""
        setting = self.setting()
        try:
            with setting.runner() as runner:
                return runner.run("p", SyncRequest(), execution_key=setting.execution_key)
        except ObserveError as error:
            self.errors.append(str(error))
            return error

    def run_when_free(self) -> SyncResult | ObserveError:
        """Run the pipeline once no other run holds its lock, at the time it is now."""
        now = self.now
        while True:
            self.now = now
            ended = self.run()
            if not isinstance(ended, AlreadyInProgressError):
                return ended

    def sell_now(self, count: int) -> None:
        """Sell rows that the source's server stamps with its own time, which the sync believes to be the time too."""
        self.now = datetime.now(UTC)
        self.sell(count)
        newest = f"id > (SELECT max(id) - {count} FROM items)"
        self.source(f"UPDATE items SET updated_at = clock_timestamp() WHERE {newest}")

    def run_at(self, believed: datetime) -> SyncResult | ObserveError:
        """Run the pipeline once at a time that the machine believes it is."""
        self.now = believed - timedelta(hours=1)
        return self.run()

    def settle(self) -> list[str]:
        """Heal the network, run the pipeline as usual, and return what is wrong then."""
        for link in self.links.values():
            link.heal()
        self.sell(3)
        self.trigger()
        return self.violations()

    def violations(self) -> list[str]:
        """What is wrong with the rows and the ledger, and whether a secret was told."""
        told = "\n".join([*self.errors, *self._everything_in_the_ledger()])
        secret = [each for each in (PASSWORD, PASSWORD.partition("/")[0]) if each in told]
        return [*super().violations(), *(["the password was told"] if secret else [])]

    def _everything_in_the_ledger(self) -> Iterator[str]:
        with psycopg.connect(url_of(self.ledger)) as driver:
            names = driver.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'observe'").fetchall()
            for (name,) in names:
                for (row,) in driver.execute(f'SELECT r::text FROM observe."{name}" AS r'.encode()):
                    yield row


def url_of(ledger: Ledger) -> str:
    """The ledger's URL, straight."""
    return ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def faulty_shop(
    target: str, write_mode: str, *, source: str, place: str, folder: Path, ledger: Ledger
) -> Iterator[FaultyShop]:
    """Open a shop that has sold and synced some rows, and has many more to sync."""
    servers = {"source": source, "ledger": url_of(ledger)}
    if target == "postgres":
        servers["target"] = place
    with proxies(PASSWORD, **servers) as links:
        shop = FaultyShop(target, write_mode, source=source, place=place, folder=folder, ledger=ledger, links=links)
        shop.sell(20)
        shop.trigger()
        shop.sell(MANY)
        yield shop
