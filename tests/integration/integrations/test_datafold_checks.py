"""Monitors that run at Datafold, as checks of a Dagster run."""

import dagster as dg
import pytest

from observe_dagster.config import project_from_attributes
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import MONITORS_JOB
from observe_dagster.records import Status
from observe_dagster.settings import Settings
from tests.fakes.datafold import FakeDatafold

ATTRIBUTES = {
    "connections": [
        {
            "id": "lake",
            "name": "Lake",
            "datafold_id": 7,
            "service_provider": "databricks",
            "config": {"provider": "org", "schema": "analytics"},
        }
    ],
    "monitors": {
        "columns": {
            "type": "schema",
            "engine": "datafold",
            "id": 501,
            "connection_id": "lake",
            "table": "analytics.orders",
            "schedule": {"type": "none"},
        }
    },
}


@pytest.mark.parametrize(("state", "passed"), [("ok", True), ("alert", False)])
def test_the_verdict_comes_back_as_a_check_and_is_kept(ledger, ledger_url, tmp_path, monkeypatch, state, passed):
    project = project_from_attributes(ATTRIBUTES, source="m.yaml", base_dir=tmp_path, environment={})
    observe = ObserveResource(project, Settings(home=tmp_path, defs=tmp_path, database_url=ledger_url))
    with FakeDatafold() as api, dg.DagsterInstance.ephemeral() as instance:
        for name, value in api.environment.items():
            monkeypatch.setenv(name, value)
        api.monitors[501] = {"name": "columns"}
        api.run_states = [state]
        job = build_definitions(project, observe=observe).resolve_job_def(MONITORS_JOB)
        try:
            result = job.execute_in_process(instance=instance)
        finally:
            observe.close()

    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key.path, check.passed) == (["lake", "analytics", "orders"], passed)
    (standing,) = ledger.verdicts.statuses()
    assert standing.status is (Status.PASS if passed else Status.FAIL)
    assert api.sent("POST") == ["/api/v1/monitors/501/run"]
