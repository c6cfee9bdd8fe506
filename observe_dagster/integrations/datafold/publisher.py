"""Datafold's CI as a publisher: triggers of runs, and uploads of the tables that a branch built."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from observe_dagster.errors import PublishError
from observe_dagster.integrations.datafold.ci import PUBLISHER, TRIGGER, UPLOAD
from observe_dagster.integrations.datafold.client import SYSTEM, Datafold
from observe_dagster.integrations.datafold.requests import ChangedTable, PullRequest
from observe_dagster.integrations.datafold.settings import DatafoldSettings
from observe_dagster.integrations.publisher import ItemSender, Publisher, PublisherContext
from observe_dagster.ledger import Publication

_MOST = 10


@dataclass(frozen=True, slots=True)
class DatafoldPublisher(Publisher):
    """Sends what `enqueue_upload` enqueued."""

    settings: DatafoldSettings

    @contextmanager
    def sender(self, context: PublisherContext) -> Generator[ItemSender]:
        """Open Datafold with the key."""
        with Datafold(self.settings, folder=context.dry_run) as client:

            def post(item: Publication, seconds: float) -> Mapping[str, Any]:
                del seconds
                return _trigger(client, item.record) if item.kind == TRIGGER else _upload(client, item.record)

            yield ItemSender(publisher=PUBLISHER, kinds=(TRIGGER, UPLOAD), post=post, most=_MOST)


def _trigger(client: Datafold, record: Mapping[str, Any]) -> Mapping[str, Any]:
    return client.trigger_ci(record["config"], PullRequest(**record["pull_request"]))


def _upload(client: Datafold, record: Mapping[str, Any]) -> Mapping[str, Any]:
    tables = [ChangedTable(**table) for table in record["tables"]]
    answer = client.upload_changes(record["config"], record["pr_num"], tables)
    if answer.get("ci_run_id") is None and answer.get("run_id") is None:
        raise PublishError(SYSTEM, f"has no run that waits for pull request {record['pr_num']} yet.")
    return answer


def publisher(environment: Mapping[str, str]) -> DatafoldPublisher:
    """The publisher of the environment's key; raises SettingsError."""
    settings = DatafoldSettings.from_environment(environment)
    assert settings is not None
    return DatafoldPublisher(settings)
