"""Datascale's ingestion of SQL. Its webhooks are left out: their format is not published."""

from observe_dagster.integrations.datascale.enqueue import enqueue
from observe_dagster.integrations.datascale.scripts import pipeline_scripts, table_script
from observe_dagster.integrations.datascale.sender import LIMIT, PUBLISHER, SYSTEM, WINDOW, Datascale, RateLimiter
from observe_dagster.integrations.datascale.settings import open_client, open_vendor

__all__ = [
    "LIMIT",
    "PUBLISHER",
    "SYSTEM",
    "WINDOW",
    "Datascale",
    "RateLimiter",
    "enqueue",
    "open_client",
    "open_vendor",
    "pipeline_scripts",
    "table_script",
]
