"""Monte Carlo's gateway as the tests know it, in a process of its own, and the settings that lead to it."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.support.child import ROOT
from observe_dagster.integrations.monte_carlo.settings import MonteCarloSettings
from tests.fakes.monte_carlo import KEY


def monte_carlo_settings(url: str) -> MonteCarloSettings:
    """The settings of a key that the gateway knows, with a resource for tables of no connection."""
    return MonteCarloSettings(
        key_id=KEY["x-mcd-id"], token=KEY["x-mcd-token"], url=url, resource_uuid="uuid-1", resource_type="snowflake"
    )


@contextmanager
def receiver() -> Generator[str]:
    """Start a gateway, which judges every request, and give its URL."""
    command = [sys.executable, "-m", "tests.fakes.monte_carlo", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()
