"""What a pipeline looks like as an asset: words, metadata, tags, owners."""

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.config import DataModel, parse_duration
from observe_dagster.orchestration.translator.descriptions import (
    describe_duration,
    describe_pipeline,
    describe_schedule,
)
from observe_dagster.orchestration.translator.keys import destination_key
from observe_dagster.orchestration.translator.specs import (
    TableKeys,
    destination_spec,
    source_specs,
    upstream_of,
    upstream_of_all,
    without_circles,
)
from observe_dagster.records import TableName
from tests.unit.orchestration.chain_project import ATTRIBUTES, declare, pipeline


def test_a_description_says_what_is_read_how_it_is_written_when_and_the_sql(project):
    pipeline = project.pipeline("orders")

    assert describe_pipeline(pipeline, project.data_model("orders")) == snapshot("""\
**Orders**

Reads from `ops` the rows whose `updated_at` moved on and upserts them by `id` into `lake`, table `analytics.orders`.

Runs every hour, 15 minutes after the interval has closed, from 2024-03-01T00:00:00Z.

Data model `orders`:

```sql
SELECT id, total, updated_at FROM sales.orders
```\
""")


def test_a_paused_incremental_pipeline_is_put_in_words(project):
    pipeline = project.pipeline("customers")

    _, moving, when, *_ = describe_pipeline(pipeline, project.data_model("customers")).split("\n\n")

    assert moving.startswith("Reads from `ops` the rows whose `updated_at` moved on and upserts them by `id`")
    assert when.endswith("from 2024-03-01T00:00:00Z. The pipeline is paused: nothing starts it.")


def test_a_mirror_on_demand_is_put_in_words(project):
    pipeline = project.pipeline("daily-report")

    _, moving, when, *_ = describe_pipeline(pipeline, project.data_model("report")).split("\n\n")

    assert moving.startswith("Reads all rows from `lake` and mirrors them by `id` in `ops`, table `reports.daily`;")
    assert when == "Runs on demand."


def test_sql_with_fences_stays_inside_its_own():
    sql = "SELECT '```' AS fence"
    model = DataModel.model_validate({"id": "m", "name": "M", "config": {"sql_query": sql}})
    pipeline = declare(ATTRIBUTES).pipeline("orders")

    assert describe_pipeline(pipeline, model).endswith(f"````sql\n{sql}\n````")


@pytest.mark.parametrize(
    ("duration", "said"),
    [("1m", "1 minute"), ("90m", "90 minutes"), ("2h", "2 hours"), ("1w", "7 days"), ("5s", "5 seconds")],
)
def test_durations_are_said_in_the_unit_that_fits(duration, said):
    assert describe_duration(parse_duration(duration)) == said


def test_a_partitioned_schedule_says_so(project):
    schedule = project.pipeline("orders").schedule.model_copy(update={"partitioned": True})

    assert describe_schedule(project.pipeline("orders").model_copy(update={"schedule": schedule})).endswith(
        "Each interval is a partition."
    )


def test_the_metadata_of_a_destination_says_where_it_is_and_holds_no_password(project):
    spec = destination_spec(project.pipeline("orders"), project, deps=[])

    assert {key: value for key, value in spec.metadata.items() if isinstance(value, str)} == snapshot(
        {
            "dagster/table_name": "analytics.orders",
            "dagster/uri": "duckdb:///data/lake.duckdb/analytics/orders",
            "observe/pipeline": "orders",
            "observe/data_model": "orders",
            "observe/write_mode": "upsert",
            "observe/sync_mode": "incremental",
            "observe/environment": "production",
            "observe/primary_key": "id",
        }
    )
    assert "open-sesame" not in repr(spec)


def test_owners_and_tags_are_those_that_were_declared(project):
    spec = destination_spec(project.pipeline("orders"), project, deps=[])

    assert list(spec.owners) == ["team:sales", "ann@example.com"]
    assert spec.tags["tier"] == "gold"


def test_code_references_point_to_the_line_of_the_pipeline(tmp_path):
    from observe_dagster.config import load_project

    file = tmp_path / "lake.yaml"
    file.write_text(
        """type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: lake, name: Lake, service_provider: duckdb, config: {path: lake.db}}
  data_models:
    - {id: m, name: M, config: {sql_query: SELECT 1 AS id}}
  pipelines:
    - id: ones
      name: Ones
      connection_id: lake
      data_model_id: m
      destination: {connection_id: lake, schema: a, table: b, primary_key: [id]}
      sync_mode: {type: full}
      schedule: {type: on_demand}
"""
    )
    project = load_project(tmp_path, environment={})

    spec = destination_spec(project.pipeline("ones"), project, deps=[])

    (reference,) = spec.metadata["dagster/code_references"].code_references
    assert (reference.file_path, reference.line_number) == (str(file), 8)


def test_source_tables_are_external_assets_unless_a_pipeline_writes_them(project):
    specs = source_specs(project, TableKeys(project))

    assert [spec.key.to_user_string() for spec in specs] == ["ops/sales/orders", "ops/public/customers"]


def test_one_table_has_one_key_however_duckdb_s_sql_spells_it(project):
    keys, lake = TableKeys(project), project.connection("lake")

    assert keys.key(lake, TableName(schema="ANALYTICS", table="Orders")) == dg.AssetKey(["lake", "analytics", "orders"])


_GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefxy"), unique=True, max_size=5))


@given(_GRAPHS)
def test_without_circles_every_walk_upstream_ends(edges):
    declared = {dg.AssetKey(key): [dg.AssetKey(dep) for dep in deps if dep != key] for key, deps in edges.items()}

    kept = without_circles(declared)

    assert set(kept) == set(declared)
    assert all(set(kept[key]) <= set(declared[key]) for key in declared)
    reached = set(declared)
    for _ in declared:
        reached = {dep for key in reached for dep in kept.get(key, ())}
    assert not reached & set(declared)


@given(_GRAPHS)
def test_a_graph_without_circles_keeps_every_edge(edges):
    downwards = {
        dg.AssetKey(key): [dg.AssetKey(dep) for dep in deps if dep > key] for key, deps in sorted(edges.items())
    }

    assert without_circles(downwards) == downwards


@given(
    st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcdxy"), unique=True, max_size=4), min_size=1)
)
def test_one_pipeline_depends_on_what_it_does_among_all(edges):
    models = [
        {"id": name, "name": name, "config": {"sql_query": _select(set(reads) - {name})}}
        for name, reads in edges.items()
    ]
    lake = {"connection_id": "lake", "schema": "analytics", "primary_key": ["id"]}
    pipelines = [
        pipeline(name, name, source="lake", sync_mode={"type": "full"}, destination={**lake, "table": name})
        for name in edges
    ]
    project = declare({**ATTRIBUTES, "data_models": models, "pipelines": pipelines})
    keys = TableKeys(project)

    found = {destination_key(each): upstream_of(each, project, keys) for each in project.pipelines}

    assert found == upstream_of_all(project, keys)


def _select(tables):
    return " UNION ALL ".join(f"SELECT id FROM analytics.{table}" for table in sorted(tables)) or "SELECT 1 AS id"
