"""A Watcher server: pipelines, rules, executions, watermarks and lineage told to it through the outbox."""

from observe_dagster.integrations.watcher.enqueue import EXECUTION, PUBLISHER, enqueue
from observe_dagster.integrations.watcher.sender import SYSTEM, Watcher, WatcherSettings, open_client

__all__ = ["EXECUTION", "PUBLISHER", "SYSTEM", "Watcher", "WatcherSettings", "enqueue", "open_client"]
