"""Declared files stay in their folder, and none is so large or so deep that it hurts to read it."""

import os
from pathlib import Path

import pytest

from observe_dagster.config import load_project
from observe_dagster.config.documents.files import MAX_BYTES
from observe_dagster.errors import SpecError

DOCUMENT = """\
type: observe_dagster.WarehouseSync
attributes:
  data_models:
    - {{id: m, name: M, config: {{sql_file: "{name}"}}}}
"""


def problems(folder: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_project(folder, environment={})
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["../outside.sql", "{outside}", "inner/../../outside.sql", "link.sql", "linked/outside.sql", "..\\\\x"]
)
def test_a_sql_file_may_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "defs"
    (folder / "inner").mkdir(parents=True)
    outside = tmp_path / "outside.sql"
    outside.write_text("SELECT 'sesame' AS word")
    (folder / "link.sql").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "defs.yaml").write_text(DOCUMENT.format(name=name.format(outside=outside)))
    found = problems(folder)
    assert "defs.yaml:4" in found
    assert "must lie in the folder of this YAML file" in found or "no such file" in found
    assert "sesame" not in found


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_a_sql_file_is_a_file(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (tmp_path / "m.sql").mkdir()
    elif kind == "fifo":
        os.mkfifo(tmp_path / "m.sql")
    else:
        (tmp_path / "m.sql").symlink_to("/dev/zero")
    (tmp_path / "defs.yaml").write_text(DOCUMENT.format(name="m.sql"))
    assert "defs.yaml:4" in problems(tmp_path)


def test_a_sql_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text("SELECT 1 AS n -- " + "x" * MAX_BYTES)
    (tmp_path / "defs.yaml").write_text(DOCUMENT.format(name="m.sql"))
    assert "larger than 5 MB" in problems(tmp_path)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 20_000 + "1" + ")" * 20_000 + " AS n",
        "SELECT " + "NOT " * 20_000 + "true AS n",
        "SELECT " + "CASE WHEN true THEN " * 5_000 + "1" + " END" * 5_000 + " AS n",
    ],
    ids=["brackets", "prefixes", "cases"],
)
def test_sql_that_is_nested_without_end_is_refused_with_its_place(tmp_path: Path, sql: str) -> None:
    (tmp_path / "m.sql").write_text(sql)
    (tmp_path / "defs.yaml").write_text(DOCUMENT.format(name="m.sql"))
    assert "m.sql:1" in problems(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_yaml_is_read_from_files_only(tmp_path: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(tmp_path / "defs.yaml")
    else:
        (tmp_path / "defs.yaml").symlink_to("/dev/zero")
    assert "defs.yaml" in problems(tmp_path)
