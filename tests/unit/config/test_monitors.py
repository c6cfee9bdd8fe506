"""Monitors are filled in from their pipeline, and what cannot be done is refused by name."""

# ruff: noqa: E501

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.config import Project, SourceText, content_hash, load_documents, masked
from observe_dagster.config.models.monitors import MonitorSchedule, table_parts, table_path
from observe_dagster.errors import NotFoundError, SpecError
from observe_dagster.orchestration.component.json_schema import attributes_schema

CONTRACT = Path(__file__).with_name("contract.yaml").read_text()
ENVIRONMENT = {"OPS_PASSWORD": "hunter2-Secret", "LAKE_PATH": "/data/lake.duckdb", "LEAST": "5", "WHERE": "price >"}
NEVER = {"schedule": {"type": "none"}}


def load(pipeline: dict | None = None, datafold: dict | None = None, **edits: str) -> Project:
    text = CONTRACT.replace("monitors: {}", f"monitors: {json.dumps(pipeline or {})}")
    sources = [SourceText(file="defs.yaml", text=text, folder=Path())]
    if datafold is not None:
        sources.append(SourceText(file="datafold.yaml", text=yaml.safe_dump({"monitors": datafold}), folder=Path()))
    return load_documents(sources, environment=ENVIRONMENT)


def told(*arguments: dict | None) -> str:
    return "\n".join(refused(*arguments))


def refused(*arguments: dict | None) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(*arguments)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def rows(**metric: Any) -> dict[str, Any]:
    return {"type": "metric", **NEVER, "metric": {"type": "table", "metric": "total", **metric}}


def test_a_monitor_in_a_pipeline_watches_what_the_pipeline_writes():
    project = load({"rows": rows(), "columns": {"type": "schema", **NEVER}})

    declared = project.monitor("rows")
    assert (declared.monitor.connection_id, declared.monitor.metric.table) == ("lake", "analytics.flights")
    assert (declared.pipeline_id, declared.writer_id) == ("flights-hourly", "flights-hourly")
    assert project.monitor("columns").table == ("lake", "analytics", "flights")
    assert project.origin("monitor", "rows").line == 28
    assert masked(project.pipelines[0])["monitors"]["rows"]["metric"]["table"] is None
    assert content_hash(project.pipelines[0]) != content_hash(load().pipelines[0])


def test_a_monitor_elsewhere_belongs_to_the_pipeline_that_writes_its_table():
    fresh = {**rows(metric="freshness", table="analytics.flights"), "connection_id": "lake", "after_sync": True}

    declared = load(None, {"fresh": fresh}).monitor("fresh")

    assert (declared.pipeline_id, declared.check_name) == ("flights-hourly", "fresh")


def test_templates_are_filled_in():
    project = load({"rows": {**rows(filter="price > {{ env.LEAST }}"), "name": "At least {{ env.LEAST }}"}})

    assert project.monitor("rows").monitor.metric.filter == "price > 5"


def test_a_monitor_that_is_not_there_is_not_found():
    with pytest.raises(NotFoundError, match=r"There is no monitor 'row'\. Did you mean 'rows'\?"):
        load({"rows": rows()}).monitor("row")


def test_a_slug_names_one_check_of_the_whole_project():
    assert told(
        {"rows": rows(), "a-b": rows(), "freshness": rows(), "anomaly_x": rows()},
        {"rows": {**rows(table="t"), "connection_id": "lake"}, "a_b": {**rows(table="t"), "connection_id": "lake"}},
    ) == snapshot("""\
monitors.a_b: 'a_b' and 'a-b' in defs.yaml:28 would both be a check named 'a_b'
monitors.rows: the monitor 'rows' is already declared in defs.yaml:28
pipelines.0.monitors.freshness: 'freshness' would be a check named 'freshness', as pipelines have their own
pipelines.0.monitors.anomaly_x: 'anomaly_x' would be a check named 'anomaly_x', as pipelines have their own\
""")


def test_what_a_monitor_refers_to_must_be_there():
    assert told(
        {"here": {**rows(), "connection_id": "ops"}},
        {
            "nowhere": {**rows(table="t"), "connection_id": "lakes"},
            "number": {**rows(table="t"), "connection_id": 12},
            "unsaid": rows(table="t"),
            "alone": {**rows(table="t"), "connection_id": "lake", "blocking": True},
            "old": {**rows(table="t", metric="freshness"), "connection_id": "lake"},
        },
    ) == snapshot("""\
monitors.alone.blocking: blocking needs a pipeline: no pipeline here writes what the monitor watches
monitors.nowhere.connection_id: there is no connection 'lakes' (did you mean 'lake'?)
monitors.number.connection_id: there is no connection '12'; give a connection the datafold_id; declared: lake, ops
monitors.old.metric.metric: freshness is known only of a table that a pipeline here writes; use a metric of type column, col_freshness_minutes, on a column that says when a row was written
monitors.unsaid.connection_id: is required where a monitor does not stand in a pipeline
pipelines.0.monitors.here.metric.table: is required where it is not the table that the monitor's pipeline writes\
""")


@pytest.mark.parametrize(
    "condition", ["a) OR (b", "a = 1; DROP TABLE t", "a = = b", "a = 1 GROUP BY a", "'open", "", "{{ env.WHERE }}"]
)
def test_a_filter_is_one_condition(condition):
    (problem,) = refused({"rows": rows(filter=condition)})

    assert problem.startswith("pipelines.0.monitors.rows.metric.filter: ")


@pytest.mark.parametrize("query", ["DELETE FROM t", "SELECT 1; SELECT 2", "SELECT * INTO x FROM t", "SELECT ? FROM t"])
def test_a_query_only_reads(query):
    (problem,) = refused({"late": {"type": "test", **NEVER, "query": query}})

    assert problem.startswith("pipelines.0.monitors.late.query: ")


def template(query: str | None, **test: Any) -> dict[str, Any]:
    said = {} if query is None else {"query": query}
    return {"type": "test", **NEVER, **said, "test": {"type": "custom_template", **test}}


@pytest.mark.parametrize(
    ("monitor", "said"),
    [
        (template(None), "a template that is kept at Datafold is not known here"),
        (template("SELECT {tabel}", tables=[{"columns": ["a"]}]), "{tabel} stands for nothing (did you mean 'table'?)"),
        (template("SELECT 1 AS a", tables=[{"columns": ["a"]}]), "{table} does not stand in the query"),
        (template("SELECT 1 AS a", variables={"x": {"value": 1}}), "the variable 'x' is given but {x} does not"),
        (template("SELECT 1 FROM {t}", variables={"t": {"value": "a; DROP TABLE b", "quote": False}}), "a second"),
    ],
)
def test_a_template_has_a_place_for_everything(monitor, said):
    (problem,) = refused({"late": monitor})

    assert said in problem


def test_diffs_name_their_connections_as_other_monitors_do():
    sides = {
        "dataset_a": {"connection_id": 7, "table": "t"},
        "dataset_b": {"connection_id": "lake", "query": "SELEC 1"},
    }
    diff = {"type": "diff", **NEVER, "datadiff": {"primary_key": ["id"], **sides}}

    assert told(None, {"same": diff}) == snapshot("""\
monitors.same.datadiff.dataset_a.connection_id: there is no connection '7'; give a connection the datafold_id; declared: lake, ops
monitors.same.datadiff.dataset_b.query: 'SELEC' is not a SELECT\
""")


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ({"interval": {"every": "hour"}}, "0 * * * *"),
        ({"interval": {"every": "day"}}, "0 0 * * *"),
        ({"interval": {"every": "day", "hour": 8}}, "0 8 * * *"),
        ({"interval": {"every": "day", "utc_at": "08:05:00Z"}}, "5 8 * * *"),
        ({"cron": "*/5  0-6,20 1 jan-mar MON"}, "*/5 0-6,20 1 jan-mar MON"),
        ({"cron": "@Daily"}, "@daily"),
        ({"type": "none"}, None),
    ],
)
def test_every_schedule_is_a_cron_expression(schedule, cron):
    assert MonitorSchedule.model_validate(schedule).cron_schedule == cron


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"cron": "* * * *"},
        {"cron": "60 * * * *"},
        {"cron": "* * * * 5-1"},
        {"cron": "*/0 * * * *"},
        {"cron": "@reboot"},
        {"cron": "0 0 * * *", "type": "none"},
        {"interval": {"every": "hour"}, "cron": "0 0 * * *"},
        {"interval": {"every": "day", "hour": 1, "utc_at": "01:00"}},
        {"interval": {"every": "day", "utc_at": "01:00:30"}},
    ],
)
def test_a_schedule_that_means_nothing_is_refused(schedule):
    assert refused({"rows": {**rows(), "schedule": schedule}})


@given(st.lists(st.text(min_size=1, max_size=8).filter(lambda part: "\x00" not in part), min_size=1, max_size=3))
def test_the_parts_of_a_table_survive_being_written(parts):
    assert table_parts(table_path(*parts)) == tuple(parts)


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a.b.c.d", 'a"b', '"a"b', '"open'])
def test_what_is_not_a_table_is_refused(path):
    with pytest.raises(ValueError, match="is not a table"):
        table_parts(path)


def test_the_schema_that_editors_use_accepts_monitors():
    document = yaml.safe_load(Path(__file__).with_name("monitors.yaml").read_text())

    jsonschema.validate(document, attributes_schema())
    sides = {side: {"connection_id": 736, "table": "t"} for side in ("dataset_a", "dataset_b")}
    document["monitors"]["same"] = {"type": "diff", **NEVER, "datadiff": {"primary_key": ["id"], **sides}}
    jsonschema.validate(document, attributes_schema())
    document["monitors"]["rows"]["metric"]["metrics"] = "total"
    with pytest.raises(jsonschema.ValidationError, match="metrics"):
        jsonschema.validate(document, attributes_schema())
