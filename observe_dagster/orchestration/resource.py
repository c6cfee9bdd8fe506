"""What assets, schedules and sensors share in one process: the project, the ledger and the runner.

Nothing is opened before it is used, so that definitions load without any database.
"""

import threading
import weakref
from typing import TYPE_CHECKING

from observe_dagster.clock import Clock, utc_now
from observe_dagster.config.project import Project
from observe_dagster.settings import Settings

if TYPE_CHECKING:
    from observe_dagster.ledger import Ledger
    from observe_dagster.sync.runner import SyncRunner


class ObserveResource:
    """Opens the ledger on first use, brings it in step with what is declared, and closes it when it is not needed.

    That is at exit at the latest: a process that loads definitions again and again leaves no connections behind.

    Not a configurable resource on purpose: its settings hold a password, and the UI shows a resource's config.
    """

    def __init__(self, project: Project, settings: Settings, *, clock: Clock = utc_now, declares: bool = True) -> None:
        """Without `declares` the ledger is used as it is, and what others declare in it stays."""
        self.project, self.settings, self.clock = project, settings, clock
        self._declares = declares
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._end: weakref.finalize[[], ObserveResource] | None = None

    @property
    def ledger(self) -> "Ledger":
        """The ledger; raises LedgerError when it cannot be reached or is at another schema."""
        with self._lock:
            if self._ledger is None:
                self._ledger = self._open()
                self._end = weakref.finalize(self, self._ledger.close)
            return self._ledger

    @property
    def runner(self) -> "SyncRunner":
        """What runs a sync."""
        from observe_dagster.sync.runner import SyncRunner

        return SyncRunner(self.project, self.ledger, self.settings, clock=self.clock)

    def declare(self, project: Project) -> None:
        """Work from another project from now on; the ledger follows when it is used next."""
        self.close()
        self.project = project

    def close(self) -> None:
        """Close the ledger if it is open; it opens again when used."""
        with self._lock:
            end, self._ledger, self._end = self._end, None, None
        if end is not None:
            end()

    def _open(self) -> "Ledger":
        from observe_dagster.ledger import Ledger, migrate

        url = self.settings.database_url
        if url is None:
            from observe_dagster.embedded import start_embedded

            url = start_embedded(self.settings.home)
            migrate(url)
        ledger = Ledger.open(url)
        try:
            ledger.require_current()
            if self._declares:
                ledger.declared.synchronise(self.project, now=self.clock())
        except BaseException:
            ledger.close()
            raise
        return ledger
