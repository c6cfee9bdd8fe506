"""The embedded PostgreSQL for `observe dev`, the demo and the tests: a real server that lives in a folder."""

from observe_dagster.embedded.databases import create_database
from observe_dagster.embedded.server import DATABASE, start_embedded, stop_embedded

__all__ = ["DATABASE", "create_database", "start_embedded", "stop_embedded"]
