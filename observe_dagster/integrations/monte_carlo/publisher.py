"""Monte Carlo as a publisher: facts of materializations, statements of the query log, and column lineage once a day."""

import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from observe_dagster.config.project import Project
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.facts import Fact
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.monte_carlo.enqueue import (
    METADATA_INTERVAL,
    enqueue,
    enqueue_queries,
    refresh_column_lineage,
)
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources, log_type_of, resources_of
from observe_dagster.integrations.monte_carlo.sender import PUBLISHER, SYSTEM, MonteCarlo
from observe_dagster.integrations.monte_carlo.settings import MonteCarloSettings
from observe_dagster.integrations.publisher import Publisher, PublisherContext


@dataclass(frozen=True, slots=True)
class MonteCarloPublisher(Publisher):
    """Enqueues a table's metadata once in `metadata_interval`; with zero, that of every materialization."""

    settings: MonteCarloSettings
    metadata_interval: timedelta = METADATA_INTERVAL

    def missing_config(self, project: Project) -> str | None:
        """A resource that tables may belong to."""
        resources = self.resources(project)
        if resources.of_connections or resources.default is not None:
            return None
        return "Nothing to publish: no connection has a monte_carlo_resource_uuid, and MCD_RESOURCE_UUID is not set."

    def resources(self, project: Project) -> Resources:
        """The resources of a project's connections, and the default one of the environment."""
        default, settings = None, self.settings
        if settings.resource_uuid is not None and settings.resource_type is not None:
            default = Resource(uuid=settings.resource_uuid, resource_type=settings.resource_type)
        return resources_of(project.connections, default)

    def enqueue_facts(self, context: PublisherContext, facts: Sequence[tuple[str, Fact]]) -> int:
        """Enqueue those about tables that Monte Carlo knows."""
        resources, now = self.resources(context.project), context.clock()
        return enqueue(context.ledger, facts, resources, now=now, metadata_interval=self.metadata_interval)

    def enqueue_state(self, context: PublisherContext) -> int:
        """Enqueue statements that were not published yet, and column lineage that is a day old."""
        resources, now = self.resources(context.project), context.clock()
        queries = enqueue_queries(context.ledger, resources, now=now)
        return queries + refresh_column_lineage(context.ledger, [table.key for table in context.tables], now=now)

    @contextmanager
    def sender(self, context: PublisherContext) -> Generator[MonteCarlo]:
        """Open the gateway with the key."""
        with open_client(self.settings, folder=context.dry_run) as client:
            yield MonteCarlo(client, self.resources(context.project), wire_format=self.settings.wire_format)

    def notices(self, project: Project) -> Sequence[str]:
        """Whose statements Monte Carlo does not take."""
        connections = [
            connection
            for connection in project.connections
            if connection.monte_carlo_resource_uuid is not None and log_type_of(connection.service_provider) is None
        ]
        if not connections:
            return ()
        providers = " and ".join(sorted({connection.service_provider for connection in connections}))
        ids = ", ".join(connection.id for connection in connections)
        return (f"Monte Carlo takes no query logs of {providers}: those of {ids} are not sent.",)


def open_client(settings: MonteCarloSettings, *, folder: Path | None = None) -> Client:
    """A client with the key's headers; with `folder` it writes requests there instead of sending them."""
    transport = dry_run(folder, PUBLISHER, lambda _: (202, {"invocation_id": f"dry-run-{uuid.uuid4()}"}))
    headers = {"x-mcd-id": settings.key_id, "x-mcd-token": settings.token}
    return Client(settings.url, headers, system=SYSTEM, transport=transport)


def publisher(environment: Mapping[str, str]) -> MonteCarloPublisher:
    """The publisher of the environment's key; raises SettingsError."""
    settings = MonteCarloSettings.from_environment(environment)
    assert settings is not None
    return MonteCarloPublisher(settings)
