"""What the documentation says must be true: links lead somewhere, and the YAML can be used."""

import re

import pytest
import yaml

from observe_dagster.config import load_project
from tests.paths import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.DOTALL | re.MULTILINE
_FENCED = re.compile(r"^```.*?^```", _BLOCK)
_YAML = re.compile(r"^```yaml\n(.*?)^```", _BLOCK)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    links = _LINK.findall(_FENCED.sub("", page.read_text()))
    broken = [
        link
        for link in links
        if "://" not in link and not link.startswith("#") and not (page.parent / link.split("#")[0]).exists()
    ]

    assert broken == []


def test_the_pipeline_in_the_readme_can_be_used_as_it_is(tmp_path):
    snippet, _ = _YAML.findall((ROOT / "README.md").read_text())
    (tmp_path / "orders.yaml").write_text(snippet)

    project = load_project(tmp_path, environment={"SHOP_URL": "postgresql://reader:secret@db.example/shop"})

    assert [pipeline.id for pipeline in project.pipelines] == ["orders-hourly"]
    assert project.connection("lake").config.path == "lake.duckdb"
    assert len(snippet.splitlines()) <= 25
    assert yaml.safe_load(snippet)["type"] == "observe_dagster.WarehouseSync"


def test_the_checks_in_the_readme_can_be_put_after_its_pipeline(tmp_path):
    pipeline, checks = _YAML.findall((ROOT / "README.md").read_text())
    (tmp_path / "orders.yaml").write_text(pipeline + checks)
    environment = {"SHOP_URL": "postgresql://reader:secret@db.example/shop", "TEAM_URL": "json://alerts.example"}

    project = load_project(tmp_path, environment=environment)

    (watched,) = project.pipelines
    assert (watched.freshness_number, watched.verify) == (2, "diff")
    assert [rule.metric_field for rule in watched.anomaly_detection_rules] == ["total_rows"]
    assert [declared.slug for declared in project.monitors] == ["orders-without-customer"]
    assert [channel.id for channel in project.alerting.channels] == ["team"]


def test_the_readme_names_every_variable_that_is_read():
    read = set(re.findall(r"\"(OBSERVE_[A-Z_]+)\"", (ROOT / "observe_dagster" / "settings.py").read_text()))

    assert read
    assert {name for name in read if f"`{name}`" not in (ROOT / "README.md").read_text()} == set()


def test_the_tree_of_the_architecture_page_names_every_folder_of_the_package():
    (tree,) = re.findall(r"^```\n(observe_dagster/\n.*?)^```", (ROOT / "docs" / "architecture.md").read_text(), _BLOCK)
    folders = {path.parent.name for path in (ROOT / "observe_dagster").rglob("*/__init__.py")} - {"observe_dagster"}

    assert folders
    assert {folder for folder in folders if not re.search(rf"\b{folder}/", tree)} == set()
