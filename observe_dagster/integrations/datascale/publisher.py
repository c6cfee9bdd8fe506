"""Datascale as a publisher: the SQL of pipelines, and the DDL of tables when they are materialized."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from observe_dagster.integrations.datascale.enqueue import enqueue
from observe_dagster.integrations.datascale.scripts import pipeline_scripts, table_script
from observe_dagster.integrations.datascale.sender import LIMIT, PUBLISHER, SYSTEM, WINDOW, Datascale
from observe_dagster.integrations.datascale.settings import DatascaleSettings
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.facts import Fact, TableMetadata
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.publisher import AssetPath, Publisher, PublisherContext

_DRY_RUN = {"success": True, "message": "Successfully ingested 0 assets [0 added, 0 modified]"}


@dataclass(frozen=True, slots=True)
class DatascalePublisher(Publisher):
    """All processes with the token share its rate limit."""

    settings: DatascaleSettings

    def enqueue_facts(self, context: PublisherContext, facts: Sequence[tuple[str, Fact]]) -> int:
        """Enqueue the DDL of tables of declared connections."""
        tables = [fact for _, fact in facts if isinstance(fact, TableMetadata) and fact.fields]
        scripts = {
            fact.table.key: table_script(
                fact.table.key,
                context.project.connection(fact.table.connection_id).service_provider,
                fact.table.schema,
                fact.table.name,
                fact.fields,
            )
            for fact in tables
            if fact.table.connection_id is not None
        }
        return enqueue(context.ledger, scripts.values(), now=context.clock())

    def enqueue_state(self, context: PublisherContext) -> int:
        """Enqueue the SQL of pipelines."""
        return enqueue(context.ledger, pipeline_scripts(context.project), now=context.clock())

    @contextmanager
    def sender(self, context: PublisherContext) -> Generator[Datascale]:
        """Open Datascale with the token."""
        token = self.settings.token
        transport = dry_run(context.dry_run, PUBLISHER, lambda _: (200, _DRY_RUN))
        scope = f"datascale:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
        rate_limit = context.ledger.rate_limit(scope, limit=LIMIT, window=WINDOW)
        headers = {"Authorization": f"Bearer {token}"}
        with Client(self.settings.url, headers, system=SYSTEM, transport=transport) as client:
            yield Datascale(client, rate_limit, clock=context.clock)

    def receipt_assets(self, context: PublisherContext) -> Mapping[str, AssetPath]:
        """The asset of each table and pipeline, by the name of its script."""
        pipelines = {f"sql/pipeline/{pipeline.id}": pipeline.table_key for pipeline in context.project.pipelines}
        return {f"sql/table/{table.key}": asset for table, asset in context.tables.items()} | pipelines


def publisher(environment: Mapping[str, str]) -> DatascalePublisher:
    """The publisher of the environment's token; raises SettingsError."""
    settings = DatascaleSettings.from_environment(environment)
    assert settings is not None
    return DatascalePublisher(settings)
