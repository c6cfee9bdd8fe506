"""Definitions that are loaded again and again in one process leave no connections behind."""

import gc
from pathlib import Path

import psycopg
import pytest

from observe_dagster.config.project import Project
from observe_dagster.definitions import defs
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.settings import Settings

DOCUMENT = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: lake, name: "{{ env.LAKE_NAME }}", service_provider: duckdb, config: {path: lake.duckdb}}
"""


def sessions(url: str) -> int:
    with psycopg.connect(url, autocommit=True, application_name="counting") as driver:
        found = driver.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'observe'"
        ).fetchone()
    assert found is not None
    return found[0]


def test_a_resource_that_nobody_needs_any_more_closes_its_ledger(ledger_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url)
    resources = [ObserveResource(Project(), settings) for _ in range(3)]
    for resource in resources:
        assert resource.ledger.declared.pipelines() == []
    assert sessions(ledger_url) == 3
    resource = resources.pop()
    resources.clear()
    gc.collect()
    assert sessions(ledger_url) == 1
    resource.close()
    assert sessions(ledger_url) == 0
    assert resource.ledger.declared.pipelines() == []
    resource.close()


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "defs" / "lake.yaml"
    file.parent.mkdir()
    file.write_text(DOCUMENT)
    for name, value in {"OBSERVE_DEFS": str(file.parent), "OBSERVE_HOME": str(tmp_path), "LAKE_NAME": "Lake"}.items():
        monkeypatch.setenv(name, value)
    return file


def test_definitions_are_built_again_only_when_something_has_changed(
    declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = defs()
    assert defs() is first
    monkeypatch.setenv("LAKE_NAME", "Another lake")
    second = defs()
    assert second is not first
    declared.write_text(DOCUMENT + "    - {id: sea, name: Sea, service_provider: duckdb, config: {path: sea.duckdb}}\n")
    assert len(defs().resources["observe"].project.connections) == 2
    (declared.parent / "more.yaml").write_text(DOCUMENT.replace("lake", "pond"))
    assert len(defs().resources["observe"].project.connections) == 3
