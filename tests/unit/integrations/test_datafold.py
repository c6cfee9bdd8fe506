"""Datafold's client, lineage, monitors and verdicts, against a server that follows its documents."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from click.testing import CliRunner
from inline_snapshot import snapshot
from pydantic import ValidationError

from observe_dagster.cli import main
from observe_dagster.config import project_from_attributes
from observe_dagster.errors import PublishError, RefusedCredentialsError
from observe_dagster.integrations.datafold.client import Datafold
from observe_dagster.integrations.datafold.lineage import quoted_path, walk
from observe_dagster.integrations.datafold.monitors import NotAtDatafoldError, monitor_body
from observe_dagster.integrations.datafold.polling import await_data_source_test, run_data_diff, run_monitor
from observe_dagster.integrations.datafold.requests import ChangedTable, DataDiff, PullRequest
from observe_dagster.integrations.datafold.results import Phase, diff_outcome, monitor_outcome, phase
from observe_dagster.integrations.datafold.settings import DatafoldSettings
from observe_dagster.orchestration.checks.datafold.resource import DatafoldResource, run_at_datafold
from observe_dagster.records import Status
from tests.fakes.datafold import FakeDatafold

DIFF = DataDiff(
    data_source1_id=1, data_source2_id=2, table1=("a", "orders"), table2=("b", "orders"), pk_columns=("id",)
)


@pytest.fixture
def api():
    with FakeDatafold() as running:
        yield running


@pytest.fixture
def there(api):
    client = Datafold(DatafoldSettings.from_environment(api.environment))
    yield client
    client.close()


@pytest.fixture
def project(tmp_path):
    attributes = {
        "connections": [
            {
                "id": "snow",
                "name": "Snow",
                "datafold_id": 7,
                "service_provider": "databricks",
                "config": {"provider": "org", "schema": "analytics"},
            },
        ],
        "monitors": {
            "rows": {
                "type": "metric",
                "engine": "datafold",
                "id": 501,
                "connection_id": "snow",
                "metric": {"type": "table", "table": "analytics.orders", "metric": "total"},
                "alert": {"type": "automatic", "sensitivity": 60},
                "schedule": {"interval": {"every": "day", "utc_at": "08:30"}},
                "tags": ["gold"],
            },
            "lowest": {
                "type": "metric",
                "engine": "datafold",
                "connection_id": "7",
                "name": "Lowest price",
                "owner": "ann@example.com",
                "metric": {"type": "column", "table": "analytics.orders", "column": "price", "metric": "min"},
                "alert": {"type": "absolute", "min": 0},
                "schedule": {"type": "none"},
            },
            "columns": {
                "type": "schema",
                "engine": "datafold",
                "connection_id": "snow",
                "table": "analytics.orders",
                "schedule": {"type": "none"},
            },
            "no-orphans": {
                "type": "test",
                "engine": "datafold",
                "connection_id": "snow",
                "query": "SELECT id FROM analytics.orders WHERE customer IS NULL",
                "schedule": {"type": "none"},
            },
            "quartile": {
                "type": "metric",
                "engine": "datafold",
                "connection_id": "snow",
                "metric": {"type": "column", "table": "analytics.orders", "column": "price", "metric": "qmin"},
                "schedule": {"type": "none"},
            },
            "equal": {
                "type": "diff",
                "engine": "datafold",
                "datadiff": {
                    "diff_type": "inmem",
                    "primary_key": ["id"],
                    "dataset_a": {"connection_id": "snow", "table": "analytics.orders"},
                    "dataset_b": {"connection_id": "snow", "query": "SELECT * FROM analytics.orders_new"},
                },
                "alert": {"different_rows_count": 5},
                "schedule": {"type": "none"},
            },
        },
    }
    return project_from_attributes(attributes, source="df.yaml", base_dir=tmp_path, environment={})


class Waits:
    """Remembers the waits instead of waiting."""

    def __init__(self):
        self.all = []

    def __call__(self, seconds):
        self.all.append(seconds)


# The verbs


def test_answers_are_read_with_fields_that_nobody_knows_yet(there):
    assert there.data_sources()[0]["a_new_field"] == {"of": "later"}
    assert there.data_source(7)["id"] == 7
    assert there.data_source_summary(7) == {"id": 7, "type": "snowflake", "name": "Snow"}
    assert there.data_source_types()[0]["type"] == "pg"
    assert there.query(7, "SELECT 1 AS n")["rows"] == [{"n": 1}, {"n": None}]
    assert there.data_diffs()["results"][0]["result"] == "identical"
    assert there.data_diff_summary(1)["feedback"] == "Equal."
    assert there.bi_integrations()[0]["type"] == "tableau"
    assert there.bi_integration(2)["id"] == 2
    assert there.sync_bi_integration(2)["id"] == 2
    assert there.spend()["enforced"] is True
    assert there.audit_logs(start_date=datetime(2024, 3, 1, tzinfo=UTC))[0]["event_uuid"] == "u"
    assert there.ci_runs(4, pr_num="12")[0]["pr_num"] == "12"
    assert there.monitor_runs(501)["runs"][0]["state"] == "ok"


def test_what_is_not_asked_for_is_not_sent(there, api):
    there.monitors()
    there.ci_runs(4)

    assert api.queries == [{"page": "1", "page_size": "20"}, {"limit": "100", "offset": "0"}]


def test_an_answer_that_is_no_json_is_not_taken_for_an_empty_one(there, api):
    api.failures = ["garbage"] * 3

    with pytest.raises(PublishError, match="not JSON; is DATAFOLD_HOST right"):
        there.data_sources()


def test_a_branch_is_told_as_the_document_has_it(there, api):
    there.trigger_ci(4, PullRequest(base_branch="main", base_sha="a1", pr_branch="fix", pr_number=12, pr_sha="b2"))
    there.upload_changes(4, 12, [ChangedTable(prod="db.s.t", pr="db.pr_12.t", pk=("id",))])

    assert api.bodies == [
        {"base_branch": "main", "base_sha": "a1", "pr_branch": "fix", "pr_number": 12, "pr_sha": "b2"},
        [{"prod": "db.s.t", "pr": "db.pr_12.t", "pk": ["id"]}],
    ]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            lambda: DataDiff(data_source1_id=1, data_source2_id=2, table1=("t",), pk_columns=("id",)),
            "table2 and query2",
        ),
        (lambda: DataDiff(data_source1_id=1, data_source2_id=2, table1=("t",), table2=("u",)), "pk_columns"),
        (lambda: DataDiff(data_source1_id="1", data_source2_id=2, table1=("t",), table2=("u",)), "data_source1_id"),
        (lambda: PullRequest(base_branch="m", base_sha="a", pr_branch="b", pr_number="x", pr_sha="c"), "pr_number"),
        (lambda: ChangedTable(prod="a", pr="b", primary_key=["id"]), "primary_key"),
    ],
)
def test_a_request_with_a_mistake_is_not_made(made, said):
    with pytest.raises(ValidationError, match=said):
        made()


def test_the_key_is_in_no_repr_and_no_error(api):
    access = DatafoldSettings(api_key="df-wrong-key-31", host=api.url)
    there = Datafold(access)

    with pytest.raises(RefusedCredentialsError) as raised:
        there.monitors()
    assert "df-wrong-key-31" not in repr((access, there, str(raised.value), raised.value.body))


def test_reading_is_tried_again_and_starting_is_not(there, api):
    there.create_monitor("schema", {"name": "s", "connection_id": 7, "schedule": {"type": "none"}})
    api.failures = [503, None, 503]

    assert there.data_sources()[0]["id"] == 7
    with pytest.raises(PublishError, match="503"):
        there.run_monitor(501)
    assert api.runs == {}


# Lineage


def test_lineage_is_walked_one_step_at_a_time_and_cycles_end(there, api):
    api.edges = [("d.s.a", "d.s.b"), ("d.s.a", "d.s.c"), ("d.s.b", "d.s.d"), ("d.s.c", "d.s.d"), ("d.s.d", "d.s.a")]

    found = walk(there, 7, "tables", "d.s.a", "downstreams")

    assert [(node.path, node.depth) for node in found.nodes] == [("d.s.b", 1), ("d.s.c", 1), ("d.s.d", 2)]
    assert set(found.edges) == set(api.edges)
    assert {query["max_depth"] for query in api.queries} == {"1"}
    assert len(api.requests) == 4


def test_a_path_is_one_segment_of_the_url_whatever_it_holds(there, api):
    start = 'db.my_schema."www.mysite.com/visits %41"'
    api.edges = [("db/raw/weird.name", start)]

    found = walk(there, 7, "tables", start, "upstreams", max_depth=1)

    assert [node.path for node in found.nodes] == ['db.raw."weird.name"']
    assert api.requests == [
        (
            "GET",
            "/api/v1/explore/db/7/tables/db.my_schema.%22www.mysite.com%2Fvisits%20%2541%22/upstreams",
        )
    ]


def test_columns_lead_to_columns_and_tables(there, api):
    api.edges = [("d.s.t.c", "n@d/s/u"), ("d.s.t.c", "d/s/v")]

    found = walk(there, 7, "columns", "d.s.t.c", "downstreams", max_depth=1)

    assert [(node.kind, node.path) for node in found.nodes] == [("columns", "d.s.u.n"), ("tables", "d.s.v")]


@pytest.mark.parametrize("depth", [0, 100])
def test_a_depth_that_the_document_does_not_know_is_refused(there, depth):
    with pytest.raises(ValueError, match="1 to 99"):
        walk(there, 7, "tables", "t", "upstreams", max_depth=depth)


def test_quotes_in_names_are_doubled():
    assert quoted_path(["db", 'my"schema', "a.b", "Plain name"]) == 'db."my""schema"."a.b".Plain name'


# Monitors


def test_every_kind_of_monitor_is_created_from_its_declaration(there, api, project):
    for slug in ("rows", "lowest", "columns", "no-orphans", "equal"):
        declared = project.monitor(slug)
        there.create_monitor(declared.monitor.type, monitor_body(declared, project))

    assert api.bodies == snapshot(
        [
            {
                "name": "rows",
                "enabled": True,
                "tags": ["gold"],
                "schedule": {"type": "none"},
                "connection_id": 7,
                "metric": {"type": "table", "table": "analytics.orders", "metric": "row_count"},
                "alert": {"type": "automatic", "sensitivity": 60},
            },
            {
                "name": "Lowest price",
                "enabled": True,
                "tags": [],
                "owner": "ann@example.com",
                "schedule": {"type": "none"},
                "connection_id": 7,
                "metric": {"type": "column", "table": "analytics.orders", "column": "price", "metric": "minimum"},
                "alert": {"type": "absolute", "min": 0.0},
            },
            {
                "name": "columns",
                "enabled": True,
                "tags": [],
                "schedule": {"type": "none"},
                "connection_id": 7,
                "table": "analytics.orders",
            },
            {
                "name": "no-orphans",
                "enabled": True,
                "tags": [],
                "schedule": {"type": "none"},
                "connection_id": 7,
                "query": "SELECT id FROM analytics.orders WHERE customer IS NULL",
            },
            {
                "name": "equal",
                "enabled": True,
                "tags": [],
                "schedule": {"type": "none"},
                "datadiff": {
                    "diff_type": "inmem",
                    "primary_key": ["id"],
                    "dataset_a": {"connection_id": 7, "table": "analytics.orders"},
                    "dataset_b": {"connection_id": 7, "query": "SELECT * FROM analytics.orders_new"},
                },
                "alert": {"different_rows_count": 5},
            },
        ]
    )


def test_a_metric_that_the_api_cannot_create_is_named(project):
    with pytest.raises(NotAtDatafoldError, match="does not create the column metric qmin; it knows average"):
        monitor_body(project.monitor("quartile"), project)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["queued", "checking", "ok"], Status.PASS),
        (["created", "alert"], Status.FAIL),
        (["error"], Status.ERROR),
        (["learning"], Status.LEARNING),
        (["skipped"], Status.SKIPPED),
        (["queued", "cancelled"], Status.ERROR),
        (["pending", "running", "success"], Status.PASS),
        (["processing", "failed"], Status.ERROR),
        (["a-state-of-later", "ok"], Status.PASS),
    ],
)
def test_a_monitor_is_run_to_its_verdict(there, api, states, status):
    there.create_monitor("schema", {"name": "s", "connection_id": 7, "schedule": {"type": "none"}})
    api.run_states, waits = states, Waits()

    outcome = run_monitor(there, "rows", 501, wait=waits)

    assert outcome.status is status
    assert len(waits.all) == len(states) - 1


def test_a_verdict_says_what_datafold_says(there):
    run = {"state": "error", "monitor_id": 5, "run_id": 6, "error": "No such table.", "diff_id": None, "warnings": []}

    outcome = monitor_outcome("rows", run)

    assert outcome.reason == "Monitor rows could not be judged at Datafold: No such table."
    assert outcome.evidence == {"state": "error", "monitor_id": 5, "run_id": 6}


def test_a_look_that_fails_is_made_again(there, api):
    there.create_monitor("schema", {"name": "s", "connection_id": 7, "schedule": {"type": "none"}})
    api.failures = [None, "reset", 502, "garbage"]

    assert run_monitor(there, "rows", 501, wait=Waits()).status is Status.PASS


def test_a_run_without_an_end_is_not_waited_for_for_ever(there, api):
    there.create_monitor("schema", {"name": "s", "connection_id": 7, "schedule": {"type": "none"}})
    api.run_states = ["checking"]

    outcome = run_monitor(there, "rows", 501, wait=Waits(), limit=timedelta(0))

    assert (outcome.status, outcome.reason) == (
        Status.ERROR,
        "Run 9001 of monitor rows has no verdict at Datafold after 0 minutes.",
    )


# Data diffs


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Phase.DONE) for status in ("done", "success", "SUCCESS")),
        *((status, Phase.FAILED) for status in ("failed", "cancelled")),
        *((status, Phase.STUCK) for status in ("needs_confirmation", "needs_authentication")),
        *((status, Phase.OPEN) for status in ("waiting", "queued", "processing", "running", "pending", None, "new")),
    ],
)
def test_both_vocabularies_of_states_are_read(status, expected):
    assert phase(status) is expected


def test_a_data_diff_is_followed_to_its_verdict(there, api):
    api.results = {
        "status": "done",
        "pks": {"exclusives": [1, 2]},
        "values": {"rows_with_differences": 3},
        "schema": {"columns_mismatched": [0, 1], "column_type_mismatches": 0},
    }
    waits = Waits()

    number, outcome = run_data_diff(there, DIFF, wait=waits)

    assert (number, outcome.status, outcome.value, waits.all) == (88, Status.FAIL, 6.0, [1.0, 2.0])
    assert outcome.reason == (
        "The datasets differ at Datafold: 1 rows only in a, 2 rows only in b, 3 rows with differences, "
        "1 columns that differ in the schema."
    )
    assert api.bodies[0]["table1"] == ["a", "orders"]
    assert "filter1" not in api.bodies[0]


def test_a_data_diff_that_waits_for_somebody_says_so(there, api):
    api.diff_states = ["needs_authentication"]

    assert run_data_diff(there, DIFF, wait=Waits())[1].reason == (
        "Data diff 88 waits at Datafold for somebody: needs_authentication."
    )


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ({"status": "running"}, None),
        ({"status": "pending"}, None),
        ({"status": "success", "pks": None, "values": None}, Status.PASS),
        ({"status": "failed", "error": {"error_type": "x", "error_value": "No such table"}}, Status.ERROR),
    ],
)
def test_summary_results_are_read_in_all_their_forms(results, status):
    outcome = diff_outcome(results)

    assert (outcome.status if outcome else None) is status


def test_a_data_source_is_tested_to_the_end(there):
    waits = Waits()

    assert await_data_source_test(there, 7, wait=waits)["status"] == "done"
    assert len(waits.all) == 2


# In Dagster


def test_a_monitor_that_runs_there_comes_back_as_a_verdict(there, api, project, monkeypatch):
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    declared = project.monitor("rows")
    there.create_monitor("metric", monitor_body(declared, project))
    api.run_states = ["alert"]

    outcome = run_at_datafold(declared)

    assert (outcome.status, outcome.reason) == (Status.FAIL, "Monitor rows alerts at Datafold.")


def test_what_hinders_a_monitor_there_is_an_error_with_the_way_out(api, project, monkeypatch):
    monkeypatch.delenv("DATAFOLD_API_KEY", raising=False)
    without_key = run_at_datafold(project.monitor("rows"))
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    without_id, unknown = run_at_datafold(project.monitor("lowest")), run_at_datafold(project.monitor("rows"))

    assert [each.status for each in (without_key, without_id, unknown)] == [Status.ERROR] * 3
    assert "DATAFOLD_API_KEY is not set" in without_key.reason
    assert "`observe datafold monitors create lowest`" in without_id.reason
    assert "Monitor not found" in unknown.reason


def test_the_resource_judges_in_checks_of_ones_own(api):
    @dg.asset
    def orders() -> None: ...

    @dg.asset_check(asset=orders)
    def orders_equal(datafold: DatafoldResource) -> dg.AssetCheckResult:
        return datafold.diff_as_check(DIFF)

    api.diff_states = ["done"]
    resource = DatafoldResource(api_key=api.key, host=api.url)
    result = dg.materialize([orders, orders_equal], resources={"datafold": resource})

    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "The datasets are equal at Datafold.")
    assert check.metadata["diff_id"].value == 88
    assert api.key not in repr(resource)


# On the command line


def test_the_read_verbs_answer_on_the_command_line(api, monkeypatch):
    for name, value in api.environment.items():
        monkeypatch.setenv(name, value)
    api.edges = [("d.s.a", "d.s.b")]

    def answer(*arguments):
        result = CliRunner().invoke(main, ["datafold", *arguments, "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    assert answer("data-sources")[0]["id"] == 7
    assert answer("query", "7", "SELECT 1 AS n")["rows"][0] == {"n": 1}
    assert answer("monitors", "list") == []
    assert answer("diffs", "1")["results"]["status"] == "success"
    assert answer("explore", "downstream", "7", "d.s.a") == {
        "nodes": [{"depth": 1, "kind": "table", "path": "d.s.b"}],
        "edges": [{"from": "d.s.a", "to": "d.s.b"}],
    }
    assert answer("spend")["daily_cap_usd"] == "1.50"
    assert answer("bi", "2")["name"] == "Dashboards"
    assert "Snow" in CliRunner().invoke(main, ["datafold", "data-sources"]).stdout


def test_the_command_line_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("DATAFOLD_API_KEY", raising=False)

    result = CliRunner().invoke(main, ["datafold", "spend"])

    assert (result.exit_code, result.stderr.strip()) == (1, "Error: Set DATAFOLD_API_KEY to ask Datafold.")
