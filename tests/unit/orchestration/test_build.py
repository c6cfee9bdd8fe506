"""A project as Dagster definitions: what the UI lists, without any database."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.config import Project
from observe_dagster.orchestration.build import build_definitions, build_sync_job
from observe_dagster.orchestration.checks.monitors import check_keys_of_syncs
from observe_dagster.orchestration.translator.keys import SYNC_JOB, destination_key
from observe_dagster.orchestration.translator.specs import TableKeys
from observe_dagster.settings import Settings
from tests.unit.orchestration.chain_project import ATTRIBUTES, declare, pipeline


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


def _many(size: int, **monitors: dict[str, Any]) -> Project:
    """The chain of pipelines, and many more beside it."""
    others = [
        pipeline(f"orders-{number}", "orders", freshness_number=1, freshness_datepart="day") for number in range(size)
    ]
    return declare({**ATTRIBUTES, "pipelines": [*ATTRIBUTES["pipelines"], *others], "monitors": monitors})


def test_to_run_one_pipeline_of_many_only_its_own_asset_is_made(tmp_path):
    project, settings = _many(300), Settings(home=tmp_path, defs=tmp_path)

    definitions = build_sync_job(project, "orders-17", settings=settings)

    assert [type(asset) for asset in definitions.assets or ()] == [dg.AssetsDefinition]
    assert list(definitions.asset_checks or ()) == []
    assert not definitions.schedules
    assert not definitions.sensors
    assert {key.name for key in definitions.resolve_asset_graph().asset_check_keys} == {"freshness"}
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize("pipeline_id", ["orders", "orders-3", "daily-report"])
def test_the_job_of_one_pipeline_is_that_of_all_less_the_others(pipeline_id, tmp_path):
    rows = {"type": "metric", "connection_id": "lake", "metric": {"type": "table", "metric": "row_count"}}
    rows |= {"schedule": {"type": "none"}, "after_sync": True}
    project = _many(
        5,
        of_orders=rows | {"metric": {"type": "table", "table": "analytics.orders", "metric": "row_count"}},
        of_another=rows | {"metric": {"type": "table", "table": "analytics.orders_3", "metric": "row_count"}},
    )
    settings = Settings(home=tmp_path, defs=tmp_path)
    key = destination_key(project.pipeline(pipeline_id))
    checks = check_keys_of_syncs(project, TableKeys(project))[pipeline_id]
    everything = build_definitions(project, settings=settings)
    whole = everything.resolve_job_def(SYNC_JOB).get_subset(asset_selection={key}, asset_check_selection=set(checks))

    definitions = build_sync_job(project, pipeline_id, settings=settings)
    job = definitions.resolve_job_def(SYNC_JOB)

    (spec,) = (spec for spec in everything.resolve_all_asset_specs() if spec.key == key)
    assert [each for each in definitions.resolve_all_asset_specs() if each.key == key] == [spec]
    assert definitions.resolve_asset_graph().asset_check_keys == set(checks)
    assert (job.name, job.description, job.executor_def) == (whole.name, whole.description, whole.executor_def)
    assert {node.name for node in job.nodes} == {node.name for node in whole.nodes}
    assert {node.name: node.definition.pools for node in job.nodes} == {
        node.name: node.definition.pools for node in whole.nodes
    }
