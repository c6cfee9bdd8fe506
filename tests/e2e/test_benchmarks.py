"""Every benchmark runs, in small, and writes figures."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.paths import ROOT

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


def numbers(value: Any) -> list[float]:
    """Every number in a JSON document."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_runs_in_small_and_writes_its_figures(script, tmp_path):
    figures = tmp_path / "figures.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "OBSERVE_"))}
    done = subprocess.run(
        [sys.executable, script, "--quick", "--json", figures],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    machine = found.pop("machine")
    assert machine["cpus"] == os.cpu_count()
    assert len(numbers(found)) >= 3
    assert done.stdout.strip()
