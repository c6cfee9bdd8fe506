"""The ledger's tables, in the schema `observe`, with the field names of the Watcher document, and their migrations.

Ids and counts are BIGINT, times are timestamptz.
"""

from observe_dagster.ledger.schema import alerts, checks, declared, executions, lineage, outbox
from observe_dagster.ledger.schema.columns import SCHEMA, metadata

__all__ = ["SCHEMA", "alerts", "checks", "declared", "executions", "lineage", "metadata", "outbox"]
