"""Monte Carlo's push ingestion: table metadata, table lineage, column lineage, query logs."""

from observe_dagster.publish.montecarlo.bodies import WireFormat
from observe_dagster.publish.montecarlo.intake import METADATA_EVERY, refresh_column_lineage, take_in
from observe_dagster.publish.montecarlo.opening import declared_resources, open_client, open_vendor
from observe_dagster.publish.montecarlo.resources import LOG_TYPES, Resource, Resources, log_type_of, resources_of
from observe_dagster.publish.montecarlo.sender import PUBLISHER, SYSTEM, MonteCarlo

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
    "log_type_of",
    "open_client",
    "open_vendor",
    "refresh_column_lineage",
    "resources_of",
    "take_in",
]
