"""A project as Dagster definitions: what the UI lists, without any database."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.config import Project
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.settings import Settings


@pytest.fixture
def definitions(project: Project, tmp_path: Path) -> dg.Definitions:
    """The definitions of the project, with a ledger that is not there."""
    settings = Settings(home=tmp_path, defs=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    return build_definitions(project, settings=settings)


def graph(definitions: dg.Definitions) -> dict[str, Any]:
    """Each asset with what it is made from and how it is shown."""
    return {
        spec.key.to_user_string(): {
            "from": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name,
            "kinds": sorted(spec.kinds),
        }
        for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key.path)
    }


def test_the_asset_graph_joins_chains_of_pipelines(definitions):
    assert graph(definitions) == snapshot(
        {
            "lake/analytics/customers": {
                "from": ["ops/public/customers"],
                "group": "crm",
                "kinds": ["duckdb", "postgres"],
            },
            "lake/analytics/orders": {
                "from": ["ops/sales/orders"],
                "group": "analytics",
                "kinds": ["duckdb", "postgres"],
            },
            "ops/public/customers": {"from": [], "group": "ops", "kinds": ["postgres"]},
            "ops/reports/daily": {
                "from": ["lake/analytics/customers", "lake/analytics/orders"],
                "group": "reports",
                "kinds": ["duckdb", "postgres"],
            },
            "ops/sales/orders": {"from": [], "group": "ops", "kinds": ["postgres"]},
        }
    )


def test_definitions_are_loadable(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_one_job_and_one_schedule_for_each_interval_pipeline(definitions):
    repository = definitions.get_repository_def()

    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {"sync", "prune_ledger"}
    assert {
        schedule.name: (schedule.cron_schedule, schedule.default_status.value) for schedule in repository.schedule_defs
    } == snapshot(
        {
            "customers_schedule": ("15 * * * *", "STOPPED"),
            "orders_schedule": ("15 * * * *", "RUNNING"),
            "prune_ledger_weekly": ("0 3 * * 0", "RUNNING"),
        }
    )


def test_every_asset_schedule_and_sensor_describes_itself(definitions):
    repository = definitions.get_repository_def()
    described = [*definitions.resolve_all_asset_specs(), *repository.schedule_defs, *repository.sensor_defs]

    assert len(described) > 8
    assert all(each.description for each in described)


def test_only_writers_and_readers_of_a_duckdb_file_take_turns(project, definitions):
    repository = definitions.get_repository_def()
    pools = {key.path[-1]: asset.op.pool for key, asset in repository.assets_defs_by_key.items() if asset.is_executable}

    assert pools == {"orders": "lake", "customers": "lake", "daily": "lake"}


def test_an_empty_project_is_an_empty_code_location(tmp_path):
    definitions = build_definitions(Project(), settings=Settings(home=tmp_path, defs=tmp_path))

    dg.Definitions.validate_loadable(definitions)
    assert definitions.get_repository_def().schedule_defs == []


def test_two_builds_with_scopes_live_in_one_code_location(project, tmp_path):
    settings = Settings(home=tmp_path, defs=tmp_path)
    report, rest = project.pipelines[2], project.pipelines[:2]
    parts = {
        "crm": Project(connections=project.connections, data_models=project.data_models, pipelines=rest),
        "reports": Project(connections=project.connections, data_models=project.data_models, pipelines=(report,)),
    }
    one = build_definitions(parts["crm"], settings=settings, scope="crm")
    resource: Any = (one.resources or {})["observe"]

    both = dg.Definitions.merge(one, build_definitions(parts["reports"], observe=resource, scope="reports"))

    names = {job.name for job in both.get_repository_def().get_all_jobs()}
    assert {"warehouse_sync_crm", "warehouse_sync_reports"} <= names
    asset_graph = both.resolve_asset_graph()
    assert asset_graph.get(dg.AssetKey(["ops", "reports", "daily"])).parent_keys == {
        dg.AssetKey(["lake", "analytics", "orders"]),
        dg.AssetKey(["lake", "analytics", "customers"]),
    }


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("observe_dagster", "dagster"), ("observe_dagster.orchestration.instance.storage", "observe_dagster.ledger")],
)
def test_importing_is_light(module, unwanted):
    code = f"import sys, {module}; sys.exit({unwanted!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
