"""What the fixtures of the command line and of syncs give, for lineage."""

from tests.integration.cli.conftest import workspace
from tests.integration.sync.conftest import make_engine, make_world, settings

__all__ = ["make_engine", "make_world", "settings", "workspace"]
