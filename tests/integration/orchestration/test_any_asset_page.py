"""Every example of the page on any asset runs as it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from observe_dagster.orchestration.resource import ObserveResource
from tests.paths import REFERENCE

PAGE = (REFERENCE / "any-asset.md").read_text()
WHOLE, *EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def location(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the page's definitions.py defines, in an environment of its own."""
    monkeypatch.setenv("OBSERVE_DATABASE_URL", ledger_url)
    monkeypatch.setenv("OBSERVE_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DATA_TEAM_URL", "json://127.0.0.1:9/team")
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    names: dict[str, Any] = {"__name__": "definitions"}
    exec(compile(WHOLE, "definitions.py", "exec"), names)
    yield names
    assert isinstance(names["observe"], ObserveResource)
    names["observe"].close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[0][:40])
def test_an_example_of_the_page_runs(location, example):
    exec(compile(example, "example.py", "exec"), location)


def test_every_builder_has_an_example():
    builders = re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)

    assert len(builders) == 8
    assert {name for name in builders if not re.search(rf"\b{name}\(", "\n".join(EXAMPLES))} == set()


def test_the_code_location_of_the_page_watches_its_assets(location):
    defs = location["defs"]
    dg.Definitions.validate_loadable(defs)
    repository = defs.get_repository_def()
    with dg.DagsterInstance.get() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance)
        instance.report_runless_asset_event(dg.AssetMaterialization("invoices", metadata={"dagster/row_count": 1204}))
        with dg.build_sensor_context(
            instance=instance, repository_def=repository, resources={"observe": location["observe"]}
        ) as context:
            said = repository.get_sensor_def("watched_assets").evaluate_tick(context).skip_message

    judged = {f"{each.asset_key.to_user_string()}:{each.check_name}" for each in result.get_asset_check_evaluations()}
    assert len(judged) == 11
    assert said is not None
    standing = {
        f"{'/'.join(each.asset)}:{each.check_name}": each.status.value
        for each in location["observe"].ledger.verdicts.statuses()
    }
    assert standing == {
        "dbt/customers:anomaly_total_rows": "learning",
        "dbt/customers:freshness": "pass",
        "dbt/customers:timeliness": "pass",
        "dbt/orders:anomaly_total_rows": "learning",
        "dbt/orders:freshness": "pass",
        "dbt/orders:timeliness": "pass",
        "invoices:anomaly_total_rows": "learning",
        "invoices:freshness": "pass",
        "revenue:anomaly_total_eur": "learning",
        "revenue:freshness": "pass",
        "revenue:timeliness": "pass",
    }
