"""The command line's workspace, whose processes are looked at from outside."""

from tests.integration.cli.conftest import workspace

__all__ = ["workspace"]
