"""Schemas are compared by the names, order and types of their columns."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.checks.schema import ObservedSchema, Schema, SchemaBaseline, difference, judge
from observe_dagster.records import Outcome, Status

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
BEFORE: Schema = (("id", "integer"), ("name", "text"), ("price", "integer"))
schemas = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["integer", "text"])).map(
    lambda columns: tuple(columns.items())
)


def after(seen: Schema | None, remembered: SchemaBaseline | None, now: datetime = NOW) -> Outcome:
    return judge(ObservedSchema(table="a.b", columns=seen), remembered, now=now)


def again(outcome: Outcome) -> SchemaBaseline | None:
    return SchemaBaseline.of(json.loads(json.dumps(dict(outcome.evidence))))


def test_every_kind_of_change_is_told():
    learned = again(after(BEFORE, None))

    outcome = after((("name", "text"), ("id", "bigint"), ("note", "text")), learned)

    assert outcome.status is Status.FAIL
    assert outcome.reason == (
        "The columns of a.b changed: note (text) was added; price (integer) was removed; "
        "id was integer and is bigint; name moved."
    )
    assert outcome.evidence["type_changed"] == [{"name": "id", "from": "integer", "to": "bigint"}]


def test_a_column_in_between_moves_no_other():
    assert difference(BEFORE, (BEFORE[0], ("note", "text"), *BEFORE[1:])).moved == ()


def test_a_change_that_goes_on_changing_is_not_accepted():
    remembered = again(after(BEFORE, None))
    for day in range(1, 30):
        seen = BEFORE[: 1 + day % 2]
        outcome = after(seen, remembered, NOW + timedelta(days=day))
        assert outcome.status is Status.FAIL
        remembered = again(outcome)


def test_a_table_that_is_gone_keeps_what_was_accepted():
    gone = after(None, again(after(BEFORE, None)))

    assert (gone.status, gone.reason) == (Status.FAIL, "The table a.b is gone.")
    assert after(BEFORE, again(gone)).status is Status.PASS
    assert after(None, again(gone), NOW + timedelta(days=30)).status is Status.FAIL


def test_evidence_of_something_else_is_no_memory():
    assert SchemaBaseline.of(None) is None
    assert SchemaBaseline.of({"transient": True}) is None


@given(schemas)
def test_a_schema_does_not_differ_from_itself(schema):
    assert not difference(schema, schema)


@given(schemas, schemas)
def test_what_is_added_one_way_is_removed_the_other(one, other):
    there, back = difference(one, other), difference(other, one)

    assert (set(there.added), set(there.removed)) == (set(back.removed), set(back.added))
    assert {(name, new, old) for name, old, new in there.retyped} == set(back.retyped)
    assert bool(there) == (one != other)
