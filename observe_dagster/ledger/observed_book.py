"""The ledger's front for assets that others make: what is expected of them, and what they did."""

from collections.abc import Sequence
from datetime import datetime

from observe_dagster.ledger.observed import (
    EndedExecution,
    ObservedAsset,
    expect_too,
    known_execution_keys,
    observe_assets,
    record_execution,
    stop_observing,
)
from observe_dagster.ledger.session import LedgerSession


class ObservedBook(LedgerSession):
    """The assets that others make; on the engine of its ledger, which closes it."""

    def observe(self, assets: Sequence[ObservedAsset], *, now: datetime) -> None:
        """Find or begin to observe assets, and expect of each exactly this; one query when nothing differs."""
        with self.transaction() as db:
            observe_assets(db, assets, now=now)

    def expect_too(self, asset: ObservedAsset, *, now: datetime) -> None:
        """Expect this of an asset beside what is expected of it already."""
        with self.transaction() as db:
            expect_too(db, asset, now=now)

    def stop(self, asset_keys: Sequence[str], *, now: datetime) -> None:
        """Observe the assets no longer; their checks say that they are skipped, and their runs stay."""
        with self.transaction() as db:
            stop_observing(db, asset_keys, now=now)

    def record(self, executions: Sequence[EndedExecution]) -> None:
        """Record whole runs, all or nothing; the same key is recorded once."""
        with self.transaction() as db:
            # In one order, so that nobody waits in a circle for two assets.
            for ended in sorted(executions, key=lambda ended: ended.asset_key):
                record_execution(db, ended)

    def known(self, execution_keys: Sequence[str]) -> set[str]:
        """Those of the keys whose executions are recorded."""
        with self.transaction() as db:
            return known_execution_keys(db, execution_keys)
