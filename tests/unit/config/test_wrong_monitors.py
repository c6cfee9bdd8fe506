"""Every way to get one key of a monitor wrong ends in a clear error, and only those do."""

from pathlib import Path

import pytest
import yaml

from observe_dagster.config import SourceText, load_documents
from observe_dagster.errors import SpecError
from tests.unit.config.test_wrong_files import Valid, mutations

EXAMPLE = yaml.safe_load(Path(__file__).with_name("monitors.yaml").read_text())
COMMON = ("name", "description", "enabled", "tags", "owner", "id", "notifications", "severity")
VALID = Valid(
    removable={
        *(f"rows.{key}" for key in COMMON),
        *EXAMPLE["monitors"],
        "monitors",
        "rows.schedule.interval.utc_at",
        "rows.schedule.interval.type",
        "rows.metric.filter",
        "rows.alert",
        "rows.alert.min",
        "rows.alert.max",
        "price.schedule.interval.type",
        "price.alert",
        "price.alert.increase",
        "price.alert.decrease",
        "revenue.schedule.type",
        "revenue.metric.alert_on_missing_data",
        "revenue.alert",
        "columns.schedule.interval.hour",
        "carriers.test.variables.accepted_values.quote",
        "template.test.variables.limit.quote",
    },
    nullable={
        *(f"rows.{key}" for key in ("name", "description", "owner", "id")),
        "rows.schedule.interval.utc_at",
        "rows.metric.filter",
        "rows.alert",
        "rows.alert.min",
        "rows.alert.max",
        "price.alert",
        "price.alert.increase",
        "price.alert.decrease",
        "revenue.schedule.type",
        "revenue.alert",
        "columns.schedule.interval.hour",
    },
    free_text={
        "rows.name",
        "rows.description",
        "rows.tags",
        "rows.owner",
        "rows.metric.table",
        "price.metric.table",
        "price.metric.column",
        "columns.table",
        *(f"{slug}.test.tables.{key}" for slug in ("unique", "carriers", "template") for key in ("path", "columns")),
        "carriers.test.variables.accepted_values.value",
    },
    numbers_as_text={"carriers.test.variables.accepted_values.value"},
)


SLUGS = {f"monitors.{slug}" for slug in EXAMPLE["monitors"]}
ANY_VALUE = ("test.variables.accepted_values.value", "test.variables.limit.value")


def tells(name: str) -> bool:
    """Whether a change is one of a monitor's keys, and of one that is not free to hold or be called anything."""
    change, _, place = name.rpartition(" ")
    named = place in SLUGS and change in ("rename", "cut")
    free = place.endswith(ANY_VALUE) and change in ("text for", "number for", "list for", "negative")
    return place.startswith("monitors.") and not named and not free and name != "negative monitors.rows.alert.min"


ALL = [(name, text, valid) for name, text, valid in mutations(EXAMPLE, VALID) if tells(name)]


def load(text: str):
    document = yaml.safe_load(text)
    own = {"type": "observe_dagster.WarehouseSync", "attributes": {"connections": EXAMPLE["connections"]}}
    monitors = {"monitors": document["monitors"]}
    sources = [SourceText(file="ours.yaml", text=yaml.safe_dump(own), folder=Path())]
    sources.append(SourceText(file="datafold.yaml", text=yaml.safe_dump(monitors, sort_keys=False), folder=Path()))
    return load_documents(sources, environment={})


def refused(text: str) -> tuple:
    try:
        load(text)
    except SpecError as error:
        return error.problems
    return ()


def test_the_example_is_accepted_as_it_is():
    assert {declared.slug for declared in load(yaml.safe_dump(EXAMPLE)).monitors} == set(EXAMPLE["monitors"])


WRONG = [(name, text) for name, text, valid in ALL if not valid]
RIGHT = [(name, text) for name, text, valid in ALL if valid]


def test_there_are_more_than_four_hundred_wrong_files():
    assert len({text for _, text in WRONG}) > 400


@pytest.mark.parametrize(("name", "text"), WRONG, ids=[name for name, _ in WRONG])
def test_a_wrong_monitor_is_refused_with_its_place(name, text):
    problems = refused(text)

    assert problems
    assert all(problem.file == "datafold.yaml" and problem.line and problem.column for problem in problems)
    assert all(problem.path.startswith("monitors") for problem in problems)


@pytest.mark.parametrize(("name", "text"), RIGHT, ids=[name for name, _ in RIGHT])
def test_a_change_that_means_something_is_accepted(name, text):
    assert refused(text) == ()
