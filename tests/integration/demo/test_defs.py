"""The YAML that the package ships."""

import dagster as dg
from inline_snapshot import snapshot

from observe_dagster.config import load_project
from observe_dagster.demo.databases import LAKE_VARIABLE, SOURCE_VARIABLE, WAREHOUSE_VARIABLE
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.settings import PACKAGE_DEFS, Settings


def test_the_shipped_files_load_without_any_variable_set():
    project = load_project(PACKAGE_DEFS, environment={})

    assert [connection.id for connection in project.connections] == ["nyc_source", "lake", "warehouse"]


def test_the_variables_say_where_the_rows_live():
    project = load_project(
        PACKAGE_DEFS,
        environment={
            SOURCE_VARIABLE: "postgresql://a/source",
            LAKE_VARIABLE: "/somewhere/lake.duckdb",
            WAREHOUSE_VARIABLE: "postgresql://a/warehouse",
        },
    )

    assert project.connection("nyc_source").config.url.get_secret_value() == "postgresql://a/source"
    assert project.connection("lake").config.path == "/somewhere/lake.duckdb"
    assert project.connection("warehouse").config.url.get_secret_value() == "postgresql://a/warehouse"


def test_the_asset_graph_of_the_example(tmp_path):
    settings = Settings.from_environment({"OBSERVE_HOME": str(tmp_path)})
    definitions = build_definitions(load_project(PACKAGE_DEFS, environment={}), settings=settings)
    graph = definitions.resolve_asset_graph()
    edges = {
        f"{key.to_user_string()} ({graph.get(key).group_name})": sorted(
            parent.to_user_string() for parent in graph.get(key).parent_keys
        )
        for key in sorted(graph.get_all_asset_keys(), key=dg.AssetKey.to_user_string)
        if graph.get(key).is_executable
    }

    assert edges == snapshot(
        {
            "lake/analytics/airports (reference)": ["nyc_source/public/airports"],
            "lake/analytics/flights (flights)": ["nyc_source/public/flights"],
            "lake/analytics/planes (reference)": ["nyc_source/public/planes"],
            "lake/analytics/weather (weather)": ["nyc_source/public/weather"],
            "lake/reports/carrier_delays (reports)": ["nyc_source/public/airlines", "nyc_source/public/flights"],
            "warehouse/analytics/airlines (reference)": ["nyc_source/public/airlines"],
            "warehouse/analytics/flights (flights)": ["nyc_source/public/flights"],
            "warehouse/reports/airport_traffic (reports)": ["lake/analytics/airports", "lake/analytics/flights"],
        }
    )
