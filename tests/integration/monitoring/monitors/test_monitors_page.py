"""Every example of the page on monitors loads and runs as it is, on PostgreSQL and on DuckDB."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from observe_dagster.config import SourceText, load_documents
from observe_dagster.monitoring.monitors.history import MonitorHistory
from observe_dagster.monitoring.monitors.run import run_monitor
from observe_dagster.records import Status
from tests.integration.monitoring.monitors.conftest import NOW
from tests.paths import REFERENCE

PAGE = (REFERENCE / "monitors.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
EXPECTED = {
    "flights-rows": Status.ERROR,  # the copy is made by the pipeline's first sync
    "flights-fresh": Status.PASS,
    "flights-keys": Status.ERROR,
    "rows": Status.LEARNING,
    "prices": Status.LEARNING,
    "newest": Status.PASS,
    "revenue": Status.PASS,
    "columns": Status.LEARNING,
    "no-carrier": Status.PASS,
    "carriers": Status.PASS,
    "known-carriers": Status.FAIL,
    "speeds": Status.PASS,
    "late-or-early": Status.PASS,
    "cheap": Status.FAIL,
    "replica": Status.PASS,
}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_page_runs(number, engine, postgres_database, duckdb_file):
    postgres = {"service_provider": "postgres", "config": {"url": "{{ env.URL }}"}}
    lake = {"service_provider": "duckdb", "config": {"path": str(duckdb_file)}}
    here, there = (postgres, lake) if engine == "postgres" else (lake, postgres)
    connections = [
        {"id": "warehouse", "name": "Warehouse", "datafold_id": 736, **here},
        {"id": "replica", "name": "Replica", **there},
    ]
    ours = yaml.safe_dump({"type": "observe_dagster.WarehouseSync", "attributes": {"connections": connections}})
    sources = [
        SourceText(file=f"{n}.yaml", text=text, folder=Path()) for n, text in enumerate((ours, EXAMPLES[number]))
    ]

    project = load_documents(sources, environment={"URL": postgres_database})

    history = MonitorHistory(last_load=NOW - timedelta(hours=1))
    outcomes = {each.slug: run_monitor(project, each, now=NOW, history=history) for each in project.monitors}
    said = {slug: outcome.reason for slug, outcome in outcomes.items()}
    assert outcomes
    assert {slug: outcome.status for slug, outcome in outcomes.items()} == {slug: EXPECTED[slug] for slug in said}, said


def test_every_expectation_is_of_an_example():
    slugs = set(re.findall(r"^ +([\w-]+):\n +type: (?:metric|schema|test|diff)$", "\n".join(EXAMPLES), re.MULTILINE))

    assert slugs == set(EXPECTED)
