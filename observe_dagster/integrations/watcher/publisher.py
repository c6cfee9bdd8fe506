"""Watcher as a publisher: the project, watched assets and the ledger's executions; it follows no materializations."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.publisher import AssetPath, ItemSender, Publisher, PublisherContext
from observe_dagster.integrations.watcher.enqueue import KINDS, PUBLISHER, enqueue
from observe_dagster.integrations.watcher.sender import SYSTEM, Watcher
from observe_dagster.integrations.watcher.settings import WatcherSettings
from observe_dagster.ledger import Ledger, PipelineRow, asset_key_of

_DRY_RUN = {"id": 0, "active": True, "load_lineage": True}


@dataclass(frozen=True, slots=True)
class WatcherPublisher(Publisher):
    """A server by its settings."""

    settings: WatcherSettings

    def enqueue_state(self, context: PublisherContext) -> int:
        """Enqueue what changed in declarations, and new starts and ends of executions."""
        watched = _watched(context.ledger)
        return enqueue(context.ledger, context.project, watched=watched, now=context.clock())

    @contextmanager
    def sender(self, context: PublisherContext) -> Generator[ItemSender]:
        """Open the server."""
        transport = dry_run(context.dry_run, PUBLISHER, lambda _: (201, _DRY_RUN))
        authorization = self.settings.authorization
        headers = {} if authorization is None else {"Authorization": authorization}
        with Client(self.settings.url, headers, system=SYSTEM, transport=transport) as client:
            yield ItemSender(publisher=PUBLISHER, kinds=KINDS, post=Watcher(client, context.ledger).post)

    def receipt_assets(self, context: PublisherContext) -> Mapping[str, AssetPath]:
        """The asset of each pipeline and watched asset, by its id."""
        watched = {row.pipeline_id: asset_key_of(row.pipeline_id) for row in _watched(context.ledger)}
        return watched | {pipeline.id: pipeline.table_key for pipeline in context.project.pipelines}


def _watched(ledger: Ledger) -> list[PipelineRow]:
    return [row for row in ledger.declared.pipelines(watched=True) if not row.managed]


def publisher(environment: Mapping[str, str]) -> WatcherPublisher:
    """The publisher of the environment's server; raises SettingsError."""
    settings = WatcherSettings.from_environment(environment)
    assert settings is not None
    return WatcherPublisher(settings)
