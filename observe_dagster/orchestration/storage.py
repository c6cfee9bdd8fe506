"""Where `dagster.yaml` files written for version 0.1 look for the storage."""

from observe_dagster.orchestration.instance.storage import PostgresFromEnvironment

__all__ = ["PostgresFromEnvironment"]
