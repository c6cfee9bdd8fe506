"""Monte Carlo's push ingestion: table metadata, table lineage, column lineage, query logs."""

from observe_dagster.integrations.monte_carlo.enqueue import METADATA_EVERY, enqueue, refresh_column_lineage
from observe_dagster.integrations.monte_carlo.payloads import WireFormat
from observe_dagster.integrations.monte_carlo.resources import LOG_TYPES, Resource, Resources, log_type_of, resources_of
from observe_dagster.integrations.monte_carlo.sender import PUBLISHER, SYSTEM, MonteCarlo
from observe_dagster.integrations.monte_carlo.settings import declared_resources, open_client, open_vendor

__all__ = [
    "LOG_TYPES",
    "METADATA_EVERY",
    "PUBLISHER",
    "SYSTEM",
    "MonteCarlo",
    "Resource",
    "Resources",
    "WireFormat",
    "declared_resources",
    "enqueue",
    "log_type_of",
    "open_client",
    "open_vendor",
    "refresh_column_lineage",
    "resources_of",
]
