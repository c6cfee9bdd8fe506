"""The YAML form that others write files against."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from observe_dagster.config import (
    ProjectDocument,
    SourceText,
    load_documents,
    load_project,
    masked,
    project_from_attributes,
)
from observe_dagster.config.yaml.nodes import plain, read_nodes
from observe_dagster.errors import SpecError

CONTRACT = Path(__file__).with_name("contract.yaml")
ENVIRONMENT = {"OPS_PASSWORD": "hunter2-Sécret", "LAKE_PATH": "/data/lake.duckdb"}


def load(text: str, environment=ENVIRONMENT, folder=CONTRACT.parent):
    return load_documents([SourceText(file="defs.yaml", text=text, folder=folder)], environment=environment)


def test_the_contract_example_loads_as_it_is_written():
    project = load_project(CONTRACT, environment=ENVIRONMENT)

    assert project.connection("ops").config.password.get_secret_value() == "hunter2-Sécret"
    assert project.connection("lake").config.path == "/data/lake.duckdb"
    pipeline = project.pipeline("flights-hourly")
    assert pipeline.sync_mode.from_ == datetime(2022, 7, 1, 16, tzinfo=UTC)
    assert (pipeline.sync_mode.lag, pipeline.schedule.delay) == (timedelta(minutes=10), timedelta(minutes=5))
    assert pipeline.table_key == ("lake", "analytics", "flights")
    assert project.data_model("flights").sql.startswith("SELECT flight_id")
    origin = project.origin("pipeline", "flights-hourly")
    assert (origin.file, origin.line) == (str(CONTRACT), 12)


def test_a_masked_pipeline_is_json_under_the_names_a_user_writes():
    pipeline = load_project(CONTRACT, environment=ENVIRONMENT).pipeline("flights-hourly")

    assert masked(pipeline)["destination"] == snapshot(
        {
            "connection_id": "lake",
            "schema": "analytics",
            "table": "flights",
            "primary_key": ["flight_id"],
            "write_mode": "upsert",
            "soft_delete_field": "is_deleted",
            "schema_change": "evolve",
            "max_delete_percent": 20.0,
        }
    )
    assert masked(pipeline)["sync_mode"] == snapshot(
        {
            "type": "incremental",
            "iterator_field": "updated_at",
            "iterator_data_type": "timestamp",
            "iterator_timezone": "UTC",
            "from": "2022-07-01T16:00:00Z",
            "until": None,
            "lag": "10m",
            "null_iterator": "reject",
            "max_rows_per_run": None,
            "max_catchup": None,
        }
    )


def test_attributes_that_a_program_already_has_load_to_the_same_project():
    (node,), _ = read_nodes(CONTRACT.read_text())
    from_text = load_project(CONTRACT, environment=ENVIRONMENT)

    from_attributes = project_from_attributes(
        plain(node)["attributes"], source="defs.yaml", base_dir=CONTRACT.parent, environment=ENVIRONMENT
    )

    assert from_attributes.pipelines == from_text.pipelines
    assert from_attributes.connections == from_text.connections
    assert from_attributes.data_models == from_text.data_models


def test_the_document_model_reads_the_example_before_its_templates_are_rendered():
    (node,), _ = read_nodes(CONTRACT.read_text())

    document = ProjectDocument.model_validate(plain(node)["attributes"])
    project = project_from_attributes(
        document.model_dump(by_alias=True, exclude_unset=True),
        source="defs.yaml",
        base_dir=CONTRACT.parent,
        environment=ENVIRONMENT,
    )

    assert project.connections == load_project(CONTRACT, environment=ENVIRONMENT).connections


def test_the_json_schema_tells_editors_both_spellings():
    schema = ProjectDocument.model_json_schema()

    assert schema["$defs"]["PostgresConnection"]["properties"]["service_provider"]["enum"] == ["postgres", "Postgres"]
    assert schema["$defs"]["OnDemandSchedule"]["properties"]["type"]["enum"] == ["on_demand", "on-demand"]
    assert schema["$defs"]["DestinationTable"]["properties"]["schema"]["type"] == "string"


@pytest.mark.parametrize("spelling", ["postgres", "Postgres", "POSTGRES"])
def test_a_provider_is_read_without_regard_to_case(spelling):
    project = load(CONTRACT.read_text().replace("service_provider: postgres", f"service_provider: {spelling}"))

    assert masked(project.connection("ops"))["service_provider"] == "Postgres"


@pytest.mark.parametrize("spelling", ["on-demand", "on_demand"])
def test_on_demand_is_read_in_both_spellings(spelling):
    text = CONTRACT.read_text().replace(
        'schedule: {type: interval, frequency: hourly, delay: 5m, start: "2022-07-01T16:00:00Z"}',
        f"schedule: {{type: {spelling}}}",
    )

    assert load(text).pipeline("flights-hourly").schedule.type == "on_demand"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2022-07-01T16:00:00Z", datetime(2022, 7, 1, 16, tzinfo=UTC)),
        ("2022-07-01 16:00:00+02:00", datetime(2022, 7, 1, 14, tzinfo=UTC)),
        ("2022-07-01T16:00:00.5-01:30", datetime(2022, 7, 1, 17, 30, 0, 500000, tzinfo=UTC)),
    ],
)
def test_an_unquoted_time_keeps_its_zone(written, meant):
    text = CONTRACT.read_text().replace('start: "2022-07-01T16:00:00Z"', f"start: {written}", 1)

    schedule = load(text.replace("{type: interval", "{\n        type: interval")).pipeline("flights-hourly").schedule

    assert schedule.start == meant


def test_a_sql_file_is_read_from_beside_the_yaml_file(tmp_path):
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "flights.sql").write_text(
        "-- every flight\nSELECT flight_id, updated_at, is_deleted\nFROM public.flights;  -- the end\n"
    )
    inline = 'sql_query: "SELECT flight_id, carrier, updated_at, is_deleted FROM public.flights"'
    text = CONTRACT.read_text().replace(inline, "sql_file: sql/flights.sql")
    (tmp_path / "defs.yaml").write_text(text)

    project = load_project(tmp_path, environment=ENVIRONMENT)

    assert project.data_model("flights").sql == (
        "-- every flight\nSELECT flight_id, updated_at, is_deleted\nFROM public.flights"
    )
    assert project.origin("sql_file", "flights").file == str(tmp_path / "sql" / "flights.sql")


@pytest.mark.parametrize("name", ["../flights.sql", "/etc/passwd", "sql/../../flights.sql", "link.sql", "gone.sql"])
def test_a_sql_file_elsewhere_is_refused(tmp_path, name):
    home = tmp_path / "defs"
    home.mkdir()
    (tmp_path / "flights.sql").write_text("SELECT 1 AS flight_id")
    (home / "link.sql").symlink_to(tmp_path / "flights.sql")
    inline = 'sql_query: "SELECT flight_id, carrier, updated_at, is_deleted FROM public.flights"'
    (home / "defs.yaml").write_text(CONTRACT.read_text().replace(inline, f"sql_file: {name}"))

    with pytest.raises(SpecError) as caught:
        load_project(home, environment=ENVIRONMENT)

    (problem,) = caught.value.problems
    assert problem.path == "data_models.0.config.sql_file"


def test_things_may_refer_to_each_other_across_files_and_documents(tmp_path):
    before, pipelines = CONTRACT.read_text().split("  pipelines:\n")
    head = "type: observe_dagster.WarehouseSync\nattributes:\n  pipelines:\n"
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "pipelines.yml").write_text(head + pipelines)
    (tmp_path / "a" / "b" / "rest.yaml").write_text(f"---\ntype: other.Component\nattributes: 5\n---\n{before}")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "broken.yaml").write_text("{")

    project = load_project(tmp_path, environment=ENVIRONMENT)

    assert [pipeline.id for pipeline in project.pipelines] == ["flights-hourly"]
    assert len(project.connections) == 2


def test_anchors_and_merge_keys_spare_repetition():
    text = CONTRACT.read_text().replace(
        "- {metric_field: total_rows, method: robust, lookback_days: 30, active: true}",
        "- &rule {metric_field: total_rows, method: zscore, lookback_days: 7}\n"
        "        - {<<: *rule, metric_field: inserts, lookback_days: 9}",
    )

    rules = load(text).pipeline("flights-hourly").anomaly_detection_rules

    assert [(rule.metric_field, rule.method, rule.lookback_days) for rule in rules[:2]] == [
        ("total_rows", "zscore", 7),
        ("inserts", "zscore", 9),
    ]


def test_a_folder_without_yaml_files_is_an_empty_project(tmp_path):
    assert load_project(tmp_path, environment={}).pipelines == ()
