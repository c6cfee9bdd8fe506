"""The long form runs, in small."""

import subprocess
import sys

import pytest

from tests.paths import ROOT


@pytest.mark.timeout(300)
def test_the_soak_makes_a_fault_and_tells_of_it() -> None:
    command = [sys.executable, "-m", "tests.e2e.faults.soak", "--minutes", "0.01", "--seed", "7"]
    done = subprocess.run(
        [*command, "--only", "network_reset"], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Seed 7, 0.01 minutes.")
    assert "network reset" in done.stdout
    assert ", 0 violations." in done.stdout
