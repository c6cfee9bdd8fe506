"""Every way to get one key of the contract example wrong ends in a clear error, and only those do."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from observe_dagster.config import SourceText, load_documents, load_project
from observe_dagster.errors import SpecError

CONTRACT = Path(__file__).with_name("contract.yaml")
ENVIRONMENT = {"OPS_PASSWORD": "hunter2-Secret", "LAKE_PATH": "/data/lake.duckdb"}
EXAMPLE = yaml.safe_load(CONTRACT.read_text())

REMOVABLE = {
    "connections.state",
    "connections.config.port",
    "data_models.state",
    "data_models.type",
    "pipeline_types.mute_freshness_check",
    "pipelines.pipeline_type_name",
    "pipelines.destination.write_mode",
    "pipelines.destination.soft_delete_field",
    "pipelines.destination.schema_change",
    "pipelines.state",
    "pipelines.environment",
    "pipelines.sync_mode.from",
    "pipelines.sync_mode.lag",
    "pipelines.schedule.delay",
    "pipelines.anomaly_detection_rules",
    "pipelines.anomaly_detection_rules.method",
    "pipelines.anomaly_detection_rules.z_threshold",
    "pipelines.anomaly_detection_rules.lookback_days",
    "pipelines.anomaly_detection_rules.minimum_executions",
    "pipelines.anomaly_detection_rules.active",
    "pipelines.monitors",
    "pipelines.owners",
    "pipelines.group",
    "connections.config.password",  # PostgreSQL may trust, or read ~/.pgpass
    "pipelines",
}
"""The keys with a default that nothing else in the example needs."""

NULLABLE = {
    "connections.config.password",
    "pipelines.pipeline_type_name",
    "pipelines.destination.soft_delete_field",
    "pipelines.sync_mode.from",
    "pipelines.sync_mode.lag",
    "pipelines.group",
}
FREE_TEXT = {
    "connections.name",
    "connections.config.host",
    "connections.config.database",
    "connections.config.user",
    "connections.config.path",
    "data_models.name",
    "pipelines.name",
    "pipelines.destination.schema",
    "pipelines.destination.table",
    "pipelines.anomaly_detection_rules.metric_field",
    "pipelines.owners",
}
"""Where any text will do."""


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def spoken(path: tuple) -> str:
    return ".".join(str(step) for step in path[1:] if isinstance(step, str)) if len(path) > 1 else path[0]


def at(document: Any, path: tuple) -> Any:
    for step in path:
        document = document[step]
    return document


def changed(path: tuple, change) -> str:
    return changed_in(path, change, EXAMPLE)


def changed_in(path: tuple, change, example: Any) -> str:
    document = copy.deepcopy(example)
    change(at(document, path[:-1]), path[-1])
    return yaml.safe_dump(document, sort_keys=False)


def put(value: Any):
    def change(parent, key):
        parent[key] = value

    return change


def rename(new: str):
    def change(parent, key):
        parent[new] = parent.pop(key)

    return change


@dataclass(frozen=True)
class Valid:
    """Where something may be removed or null, or be any text, without making the file wrong."""

    removable: set[str]
    nullable: set[str]
    free_text: set[str]
    numbers_as_text: set[str]


def mutations(example: Any, valid: Valid) -> Iterator[tuple[str, str, bool]]:
    """A name, a text and whether it is still valid."""

    def changed(path: tuple, change) -> str:
        return changed_in(path, change, example)

    for path in places(example):
        name, where, value = ".".join(map(str, path)), spoken(path), at(example, path)
        if isinstance(path[-1], str):
            yield f"remove {name}", changed(path, lambda parent, key: parent.pop(key)), where in valid.removable
            yield f"rename {name}", changed(path, rename(f"{path[-1]}_x")), False
            yield f"cut {name}", changed(path, rename(path[-1][:-1])), False
        yield f"null {name}", changed(path, put(None)), where in valid.nullable
        if isinstance(value, dict | list):
            yield f"text for {name}", changed(path, put("text")), False
            yield f"number for {name}", changed(path, put(5)), False
            yield (
                f"other collection for {name}",
                changed(path, put(["x"] if isinstance(value, dict) else {"x": 1})),
                False,
            )
        else:
            yield f"list for {name}", changed(path, put([value])), False
            yield f"mapping for {name}", changed(path, put({"x": value})), False
        if isinstance(value, str):
            yield f"misspelt {name}", changed(path, put(f"{value}?")), where in valid.free_text
            yield f"number for {name}", changed(path, put(12)), where in valid.numbers_as_text
        if isinstance(value, bool | int | float):
            yield f"text for {name}", changed(path, put("several")), False
            yield f"negative {name}", changed(path, put(-3)), False


MUTATIONS = list(mutations(EXAMPLE, Valid(REMOVABLE, NULLABLE, FREE_TEXT, {"connections.config.port"})))
WRONG = [(name, text) for name, text, valid in MUTATIONS if not valid]
RIGHT = [(name, text) for name, text, valid in MUTATIONS if valid]


def load(text: str):
    return load_documents([SourceText(file="defs.yaml", text=text, folder=CONTRACT.parent)], environment=ENVIRONMENT)


def test_there_are_more_than_three_hundred_wrong_files():
    assert len(WRONG) > 300
    assert len({text for _, text in WRONG}) > 300


@pytest.mark.parametrize(("name", "text"), WRONG, ids=[name for name, _ in WRONG])
def test_a_wrong_file_is_refused_with_its_place(name, text):
    with pytest.raises(SpecError) as caught:
        load(text)

    assert all(problem.file == "defs.yaml" and problem.line and problem.column for problem in caught.value.problems)
    assert ENVIRONMENT["OPS_PASSWORD"] not in str(caught.value)


@pytest.mark.parametrize(("name", "text"), RIGHT, ids=[name for name, _ in RIGHT])
def test_a_change_that_means_something_is_accepted(name, text):
    assert load(text).connections


def problems_of(call) -> tuple:
    try:
        call()
    except SpecError as error:
        return error.problems
    return ()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="{}[]:-,&*!|>'\"#%@ \n\tab01~?", max_size=60))
def test_any_text_loads_or_is_refused(text):
    assert all(problem.file == "defs.yaml" for problem in problems_of(lambda: load(text)))


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "name", "config", "type", "sync_mode", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from([path for path in places(EXAMPLE) if len(path) > 1]),
)
def test_any_value_in_any_place_loads_or_is_refused(value, path):
    assert all(problem.line for problem in problems_of(lambda: load(changed(path, put(value)))))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_load_or_are_refused(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)

    assert all(p.file == str(file) for p in problems_of(lambda: load_project(file, environment={})))
