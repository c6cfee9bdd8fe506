"""A Watcher server: pipelines, rules, executions, watermarks and lineage told to it through the outbox."""

from observe_dagster.integrations.watcher.enqueue import EXECUTION, PUBLISHER, take_in
from observe_dagster.integrations.watcher.sender import SYSTEM, Access, Watcher, open_client

__all__ = ["EXECUTION", "PUBLISHER", "SYSTEM", "Access", "Watcher", "open_client", "take_in"]
