"""Datascale's ingestion of SQL. Its webhooks are left out: their format is not published."""

from observe_dagster.publish.datascale.intake import take_in
from observe_dagster.publish.datascale.opening import open_client, open_vendor
from observe_dagster.publish.datascale.scripts import pipeline_scripts, table_script
from observe_dagster.publish.datascale.sender import LIMIT, PUBLISHER, SYSTEM, WINDOW, Datascale, Slots

__all__ = [
    "LIMIT",
    "PUBLISHER",
    "SYSTEM",
    "WINDOW",
    "Datascale",
    "Slots",
    "open_client",
    "open_vendor",
    "pipeline_scripts",
    "table_script",
    "take_in",
]
