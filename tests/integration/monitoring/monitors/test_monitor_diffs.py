"""A diff monitor compares what is in two places, and an unreachable warehouse is a verdict."""

from pathlib import Path

from observe_dagster.config import project_from_attributes
from observe_dagster.monitoring.monitors.run import run_monitor
from observe_dagster.records import Status
from tests.integration.monitoring.monitors.conftest import NOW


def side(connection: str, **more) -> dict:
    return {"connection_id": connection, "table": "analytics.flights", **more}


def test_equal_tables_in_two_engines_have_no_difference(judge):
    config = {"primary_key": ["speed"], "dataset_a": side("here"), "dataset_b": side("there")}

    outcome = judge(type="diff", datadiff={"diff_type": "inmem", **config})

    assert outcome.status is Status.PASS, outcome.reason


def test_a_row_that_differs_is_counted_and_shown(judge):
    config = {"primary_key": ["speed"], "dataset_a": side("here"), "dataset_b": side("there", filter="id <> 3")}

    outcome = judge(type="diff", datadiff=config)
    allowed = judge(type="diff", datadiff=config, alert={"different_rows_count": 1})

    assert (outcome.status, allowed.status) == (Status.FAIL, Status.PASS)
    assert outcome.value == 1
    (row,) = outcome.evidence["sample"]
    assert row["difference"] == "only_in_a"


def test_an_unreachable_warehouse_is_an_error_without_its_password():
    project = project_from_attributes(
        {
            "connections": [
                {
                    "id": "ops",
                    "name": "Operations",
                    "service_provider": "postgres",
                    "config": {"url": "{{ env.URL }}"},
                }
            ],
            "monitors": {
                "rows": {
                    "type": "metric",
                    "connection_id": "ops",
                    "schedule": {"type": "none"},
                    "metric": {"type": "table", "table": "a", "metric": "row_count"},
                }
            },
        },
        source="defs.yaml",
        base_dir=Path(),
        environment={"URL": "postgresql://observe:hunter2-Secret@127.0.0.1:1/ops"},
    )

    outcome = run_monitor(project, project.monitor("rows"), now=NOW)

    assert outcome.status is Status.ERROR
    assert "Connection 'ops': cannot connect" in outcome.reason
    assert "hunter2" not in repr(outcome)
