"""The Component in a `dg` project: the same YAML, checked and listed by `dg`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from observe_dagster import WarehouseSync
from observe_dagster.config import Project, project_from_attributes
from observe_dagster.errors import SpecError
from observe_dagster.orchestration.projects import merge

DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
PYPROJECT = """
[project]
name = "shop"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop"
"""
DOCUMENT = """type: observe_dagster.WarehouseSync
attributes:
  connections:
    - id: ops
      name: Operations
      service_provider: Postgres
      config: {host: db.example, port: "{{ env.OPS_PORT or '5432' }}", database: ops, user: observe}
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: lake.duckdb}}
  data_models:
    - {id: NAME, name: Rows, config: {sql_file: NAME.sql}}
  pipelines:
    - id: NAME
      name: All of it
      connection_id: ops
      data_model_id: NAME
      destination: {connection_id: lake, schema: analytics, table: NAME, primary_key: [id]}
      sync_mode: {type: full}
      schedule: {type: on-demand}
"""


def make_project(root: Path, *names: str) -> Path:
    """A project of the layout that `create-dagster project` makes, with a document of ours for each name."""
    package = root / "src" / "shop"
    for name in names:
        folder = package / "defs" / name
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(DOCUMENT.replace("NAME", name))
        (folder / f"{name}.sql").write_text(f"SELECT id, total FROM {name}")
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    (root / "pyproject.toml").write_text(PYPROJECT)
    return root


def dg(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `dg` in a project."""
    path = os.pathsep.join(filter(None, [str(project / "src"), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [str(Path(sys.executable).with_name("dg")), *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "DG_CLI_CONFIG": str(project / "dg.toml")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_dg_accepts_and_lists_what_is_declared(tmp_path):
    project = make_project(tmp_path, "orders", "customers")

    checked = dg(project, "check", "defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All component YAML validated successfully." in checked.stdout

    listed = dg(project, "list", "defs", "--json")
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)
    assert {asset["asset_key"] for asset in found["assets"]} == {
        "lake/analytics/customers",
        "lake/analytics/orders",
        "ops/public/customers",
        "ops/public/orders",
    }
    assert {job["name"] for job in found["jobs"]} == {
        "prune_ledger",
        "warehouse_sync_customers",
        "warehouse_sync_orders",
    }


def test_dg_names_the_line_and_the_key_of_a_mistake(tmp_path):
    project = make_project(tmp_path, "orders")
    file = project / "src" / "shop" / "defs" / "orders" / "defs.yaml"
    wrong = file.read_text().replace("{type: full}", "{type: full, iterator_fields: id}").replace("analytics", "[a]")
    file.write_text(wrong)

    checked = dg(project, "check", "yaml")

    assert checked.returncode == 1
    place = "defs.yaml:{} - observe_dagster.WarehouseSync attributes.pipelines.0.{} "
    assert place.format(16, "destination.schema") in checked.stdout
    assert place.format(17, "sync_mode.iterator_fields") in checked.stdout


def test_attributes_that_are_wrong_raise_the_loader_s_problems():
    with pytest.raises(SpecError, match=r"pipelines\.0\.id"):
        WarehouseSync.from_attributes_dict(attributes={"pipelines": [{"name": "No id"}]})


def connections(path: str) -> Project:
    """A project with one connection."""
    lake = {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": path}}
    return project_from_attributes({"connections": [lake]}, source="x.yaml", base_dir=Path(), environment={})


def test_documents_may_declare_the_same_connection_twice():
    assert len(merge({"a": connections("one.db"), "b": connections("one.db")}).connections) == 1


def test_documents_may_not_give_one_id_to_two_connections():
    with pytest.raises(SpecError, match="connection 'lake' is declared in a with other content"):
        merge({"a": connections("one.db"), "b": connections("two.db")})
