"""Owners and tags are accepted here exactly when Dagster accepts them."""

import dagster as dg
import pytest
from pydantic import TypeAdapter, ValidationError

from observe_dagster.config.models.pipeline import Owner, TagKey, TagValue


def accepted(call) -> bool:
    try:
        call()
    except (ValidationError, dg.DagsterInvalidDefinitionError):
        return False
    return True


@pytest.mark.parametrize(
    "owner",
    [
        "team:data",
        "team:",
        "team",
        "me@example.org",
        "me@example",
        "a.b+c@x-y.co.uk",
        "@x.org",
        "team:a b",
        "",
        "x me@x.org",
    ],
)
def test_an_owner_is_what_dagster_takes_for_one(owner):
    ours = accepted(lambda: TypeAdapter(Owner).validate_python(owner))

    assert ours == accepted(lambda: dg.AssetSpec("a", owners=[owner]))


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "",
        "a/b",
        "a/b/c",
        "dagster/kind/sql",
        "a b",
        "x" * 63,
        "x" * 64,
        "x/" + "y" * 63,
        "/a",
        "a/",
        "ä",
        "dagster/x",
    ],
)
def test_a_tag_key_is_what_dagster_takes_for_one(key):
    ours = accepted(lambda: TypeAdapter(TagKey).validate_python(key))

    assert ours == accepted(lambda: dg.AssetSpec("a", tags={key: "v"}))


@pytest.mark.parametrize("value", ["", "v", "a b", "1.0-x_y", "x" * 63, "x" * 64, "a/b", "é"])
def test_a_tag_value_is_what_dagster_takes_for_one(value):
    ours = accepted(lambda: TypeAdapter(TagValue).validate_python(value))

    assert ours == accepted(lambda: dg.AssetSpec("a", tags={"k": value}))
