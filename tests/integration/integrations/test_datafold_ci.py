"""A branch deployment tells Datafold's CI which tables it built, against a server that follows its document."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from inline_snapshot import snapshot

from observe_dagster.config import project_from_attributes
from observe_dagster.errors import SettingsError
from observe_dagster.integrations.datafold.ci import Branch, branch_of, changed_table
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.datafold_ci import datafold_ci_sensor
from observe_dagster.settings import Settings
from tests.fakes.datafold import FakeDatafold

ORDERS = dg.AssetKey(["wh", "analytics", "orders"])
CLIENTS = dg.AssetKey(["wh", "analytics", "clients"])
ELSEWHERE = dg.AssetKey(["lake", "analytics", "orders"])
CI = {
    "DATAFOLD_CI_CONFIG_ID": "4",
    "DATAFOLD_CI_PROD_TABLE": "PROD.{schema}.{table}",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "12",
}
TRIGGERED = {
    "DATAFOLD_CI_BASE_BRANCH": "main",
    "DATAFOLD_CI_BASE_SHA": "aaa",
    "DAGSTER_CLOUD_GIT_BRANCH": "faster",
    "DAGSTER_CLOUD_GIT_SHA": "bbb",
}


def _pipeline(name: str, connection: str, **destination: object) -> dict[str, object]:
    return {
        "id": f"{connection}-{name}",
        "name": name,
        "connection_id": "ops",
        "data_model_id": "rows",
        "destination": {"connection_id": connection, "schema": "analytics", "table": name, **destination},
        "sync_mode": {"type": "full"},
        "schedule": {"type": "on_demand"},
    }


ATTRIBUTES = {
    "connections": [
        {"id": "ops", "name": "Ops", "service_provider": "postgres", "config": {"url": "postgresql://u@h/shop"}},
        {
            "id": "wh",
            "name": "Warehouse of the branch",
            "service_provider": "postgres",
            "datafold_id": 7,
            "config": {"url": "postgresql://u@h/PR_12"},
        },
        {"id": "lake", "name": "Lake", "service_provider": "duckdb", "config": {"path": "lake.duckdb"}},
    ],
    "data_models": [{"id": "rows", "name": "Rows", "config": {"sql_query": "SELECT id, at FROM public.rows"}}],
    "pipelines": [
        _pipeline("orders", "wh", primary_key=["id"], write_mode="mirror"),
        {
            **_pipeline("clients", "wh", write_mode="replace"),
            "pipeline_metadata": {"datafold_prod_table": "CRM.public.clients"},
        },
        _pipeline("orders", "lake", write_mode="replace"),
    ],
}


class Deployment:
    """A branch deployment: an instance of its own, the sensor, and Datafold."""

    def __init__(self, api: FakeDatafold, ledger_url: str, folder: Path) -> None:
        self.api, self.folder = api, folder
        project = project_from_attributes(ATTRIBUTES, source="b.yaml", base_dir=folder, environment={})
        self.observe = ObserveResource(project, Settings(home=folder, defs=folder, database_url=ledger_url))
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def built(self, *keys: dg.AssetKey) -> None:
        for key in keys:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))

    def tick(self, **options: object) -> str:
        resources = {"observe": self.observe}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            sensor = datafold_ci_sensor(**options)
            assert sensor is not None
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        assert data.skip_message is not None
        return data.skip_message

    def later(self) -> None:
        """Do not wait for the next attempt."""
        self.observe.ledger.outbox.make_due("datafold", now=self.observe.clock())


@pytest.fixture
def deployment(ledger_url, tmp_path, monkeypatch) -> Iterator[Deployment]:
    with FakeDatafold() as api:
        for name in (*TRIGGERED, "DATAFOLD_CI_PR_NUMBER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {**api.environment, **CI}.items():
            monkeypatch.setenv(name, value)
        made = Deployment(api, ledger_url, tmp_path)
        yield made
        made.observe.close()
        made.instance.dispose()


def quietly(deployment: Deployment) -> str:
    """A tick that does not wait for the syncs to end."""
    return deployment.tick(quiet=timedelta())


def test_the_tables_that_were_built_are_uploaded_beside_productions(deployment):
    deployment.built(ORDERS, CLIENTS, ELSEWHERE, dg.AssetKey("stranger"))

    assert quietly(deployment) == "Pull request 12 built 2 tables: 1 enqueued, 1 sent (1 ci upload), 0 pending."
    assert deployment.api.sent("POST") == ["/api/v1/ci/4/12"]
    assert deployment.api.bodies == snapshot(
        [
            [
                {"prod": "CRM.public.clients", "pr": "PR_12.analytics.clients"},
                {
                    "prod": "PROD.analytics.orders",
                    "pr": "PR_12.analytics.orders",
                    "pk": ["id"],
                    "exclude_columns": ["_observe_deleted_at"],
                },
            ]
        ]
    )


def test_nothing_is_uploaded_twice_and_a_new_build_uploads_all_again(deployment):
    deployment.built(ORDERS)
    quietly(deployment)
    again = quietly(deployment)
    deployment.built(CLIENTS)
    quietly(deployment)

    assert again == "Pull request 12 built 1 table: 0 enqueued, 0 sent, 0 pending."
    assert [len(body) for body in deployment.api.bodies] == [1, 2]


def test_it_waits_until_nothing_was_synced_for_a_minute(deployment):
    deployment.built(ORDERS)

    assert deployment.tick() == (
        "Pull request 12 built 1 table: 0 enqueued, 0 sent, 0 pending. Waits until nothing was synced for a minute."
    )
    assert deployment.api.requests == []


def test_a_run_is_triggered_once_for_a_commit_and_before_the_upload(deployment, monkeypatch):
    for name, value in TRIGGERED.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        deployment.built(ORDERS)
        quietly(deployment)

    assert deployment.api.sent("POST") == ["/api/v1/ci/4/trigger", "/api/v1/ci/4/12", "/api/v1/ci/4/12"]
    assert deployment.api.bodies[0] == {
        "base_branch": "main",
        "base_sha": "aaa",
        "pr_branch": "faster",
        "pr_number": 12,
        "pr_sha": "bbb",
    }


def test_an_upload_is_tried_again_until_a_run_waits_for_it(deployment):
    deployment.api.waiting = False
    deployment.built(ORDERS)
    first = quietly(deployment)
    deployment.api.waiting, deployment.api.failures = True, ["reset"]
    deployment.later()
    second = quietly(deployment)
    deployment.later()

    assert "Datafold has no run that waits for pull request 12 yet." in first
    assert "1 pending" in first
    assert "1 pending" in second
    assert "1 sent (1 ci upload), 0 pending" in quietly(deployment)


def test_a_deployment_of_another_pull_request_begins_anew(deployment, monkeypatch):
    deployment.built(ORDERS)
    quietly(deployment)
    monkeypatch.setenv("DATAFOLD_CI_PR_NUMBER", "13")

    assert quietly(deployment) == "Pull request 13 built 0 tables: 0 enqueued, 0 sent, 0 pending."
    deployment.built(CLIENTS)
    quietly(deployment)
    assert deployment.api.sent("POST")[-1] == "/api/v1/ci/4/13"
    assert len(deployment.api.bodies[-1]) == 1


def test_a_dry_run_writes_the_request(deployment, tmp_path):
    deployment.observe.settings = dataclasses.replace(deployment.observe.settings, publish_dry_run=tmp_path / "out")
    deployment.built(ORDERS)
    quietly(deployment)

    (written,) = (tmp_path / "out" / "datafold").iterdir()
    assert "PROD.analytics.orders" in written.read_text()
    assert deployment.api.key not in written.read_text()
    assert deployment.api.requests == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "DAGSTER_CLOUD_PULL_REQUEST_ID",
            "this deployment is of no pull request (DAGSTER_CLOUD_PULL_REQUEST_ID, DATAFOLD_CI_PR_NUMBER).",
        ),
        (
            "DATAFOLD_CI_PROD_TABLE",
            "DATAFOLD_CI_PROD_TABLE is not set; say where production's tables are, such as PROD.{schema}.{table}.",
        ),
    ],
)
def test_what_is_missing_is_said_and_nothing_else_happens(deployment, monkeypatch, name, said):
    monkeypatch.delenv(name)

    assert deployment.tick() == f"Datafold's CI is off: {said}"
    assert deployment.api.requests == []


@pytest.mark.parametrize("name", ["DATAFOLD_API_KEY", "DATAFOLD_CI_CONFIG_ID"])
def test_without_a_key_or_a_configuration_there_is_no_sensor(deployment, monkeypatch, name):
    monkeypatch.delenv(name)

    assert datafold_ci_sensor() is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"DATAFOLD_CI_CONFIG_ID": "four"}, "DATAFOLD_CI_CONFIG_ID must be a number, not 'four'."),
        ({"DAGSTER_CLOUD_PULL_REQUEST_ID": "#12"}, "DAGSTER_CLOUD_PULL_REQUEST_ID must be a number, not '#12'."),
        ({"DATAFOLD_CI_BASE_SHA": "aaa"}, "set DATAFOLD_CI_BASE_BRANCH, DATAFOLD_CI_PR_BRANCH, DATAFOLD_CI_PR_SHA"),
        *(
            ({"DATAFOLD_CI_PROD_TABLE": pattern}, "DATAFOLD_CI_PROD_TABLE must be a path such as PROD.{schema}.{table}")
            for pattern in ("PROD.orders", "{", "{}.{table}", "{table.__class__}", "{other}.{table}", "{table!r}")
        ),
    ],
)
def test_what_cannot_be_used_is_named(wrong, said):
    with pytest.raises(SettingsError) as raised:
        branch_of({**CI, **wrong})

    assert said in str(raised.value)


def test_parts_of_a_path_are_quoted_where_they_have_to_be():
    branch = Branch(config=1, pr_num=1, prod_table="PROD.{schema}.{table}")

    changed = changed_table(branch, ("db", "my.schema", "visits"))

    assert (changed.prod, changed.pr) == ('PROD."my.schema".visits', 'db."my.schema".visits')
