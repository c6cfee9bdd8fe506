"""A Watcher server: pipelines, executions, watermarks, addresses and lineage told to it through the outbox."""

from observe_dagster.publish.watcher.intake import PUBLISHER, take_in
from observe_dagster.publish.watcher.sender import SYSTEM, Access, Watcher, open_client

__all__ = ["PUBLISHER", "SYSTEM", "Access", "Watcher", "open_client", "take_in"]
