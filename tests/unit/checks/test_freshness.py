"""Freshness: what counts as a load, the exact boundary, who is skipped, and the sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from observe_dagster.checks import Status, Threshold
from observe_dagster.checks.dateparts import add
from observe_dagster.checks.freshness import Freshness, Loads, judge

NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))
ALLOWED = st.tuples(st.integers(1, 400), st.sampled_from(["minute", "hour", "day", "week", "month", "year"]))
TICK = timedelta(microseconds=1)


def declare(number=2, datepart="hour", *, muted_by=None, **said):
    allowance = Threshold(number=number, datepart=datepart, level="pipeline", muted_by=muted_by)
    return Freshness(name="flights", allowance=allowance, **said)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@given(INSTANTS, ALLOWED)
def test_exactly_as_old_as_allowed_passes_and_a_microsecond_more_fails(last, allowed):
    loads, due = Loads(created_at=LONG_AGO, last_insert=last), add(last, *allowed)
    assert judge(declare(*allowed), loads, now=due).status is Status.PASS
    if due < datetime.max.replace(tzinfo=UTC):
        assert judge(declare(*allowed), loads, now=due + TICK).status is Status.FAIL


@given(INSTANTS, ALLOWED, INSTANTS, INSTANTS)
def test_what_is_late_stays_late_until_it_is_loaded(last, allowed, one, other):
    earlier, later = sorted((one, other))
    loads = Loads(created_at=LONG_AGO, last_update=last)
    if judge(declare(*allowed), loads, now=earlier).status is Status.FAIL:
        assert judge(declare(*allowed), loads, now=later).status is Status.FAIL
        reloaded = Loads(created_at=LONG_AGO, last_update=last, last_insert=later)
        assert judge(declare(*allowed), reloaded, now=later).status is Status.PASS


@given(st.lists(st.none() | INSTANTS, min_size=4, max_size=4), ALLOWED, INSTANTS)
def test_the_newest_of_all_loads_counts(times, allowed, now):
    names = ("last_insert", "last_update", "last_soft_delete", "last_load")
    loads = Loads(created_at=LONG_AGO, **dict(zip(names, times, strict=True)))
    newest = max((at for at in times if at is not None), default=LONG_AGO)
    same = Loads(created_at=LONG_AGO, last_insert=newest)
    assert judge(declare(*allowed), loads, now=now).status is judge(declare(*allowed), same, now=now).status


@pytest.mark.parametrize("kind", ["last_insert", "last_update", "last_soft_delete", "last_load"])
def test_each_kind_of_load_alone_keeps_a_table_fresh(kind):
    loads = Loads(created_at=LONG_AGO, **{kind: hours_ago(1)})
    assert judge(declare(), loads, now=NOW).status is Status.PASS


def test_a_table_that_was_never_loaded_counts_from_its_creation():
    assert judge(declare(), Loads(created_at=hours_ago(1)), now=NOW).status is Status.PASS
    assert judge(declare(), Loads(created_at=hours_ago(3)), now=NOW).status is Status.FAIL


def test_a_declared_column_counts_instead_of_the_loads():
    loads = Loads(created_at=LONG_AGO, last_insert=hours_ago(0.1), column_max=hours_ago(5))
    found = judge(declare(column="updated_at"), loads, now=NOW)
    assert found.status is Status.FAIL
    assert found.reason == snapshot(
        "The newest updated_at of flights lies 5 hours ago, at 2024-05-06 07:00:00 UTC; 2 hours are allowed, "
        "so it is late since 2024-05-06 09:00:00 UTC."
    )


def test_a_column_far_in_the_future_is_warned_of():
    declared = declare(column="updated_at")
    near = Loads(created_at=LONG_AGO, column_max=NOW + timedelta(hours=2))
    far = Loads(created_at=LONG_AGO, column_max=NOW + timedelta(hours=2) + TICK)
    assert judge(declared, near, now=NOW).status is Status.PASS
    assert judge(declared, far, now=NOW).status is Status.WARN


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (declare(active=False), "flights is inactive, so its freshness is not judged."),
        (declare(paused=True), "flights is paused, so its freshness is not judged."),
        (declare(muted_by="pipeline"), "The freshness check of flights is muted by its pipeline."),
        (declare(muted_by="pipeline type"), "The freshness check of flights is muted by its pipeline type."),
        (Freshness(name="flights", allowance=Threshold()), "No freshness is declared for flights."),
    ],
)
def test_what_is_not_judged_says_why(declared, reason):
    found = judge(declared, Loads(created_at=LONG_AGO), now=NOW)
    assert (found.status, found.reason, found.judged) == (Status.SKIPPED, reason, False)


@pytest.mark.parametrize(
    ("loads", "reason"),
    [
        (
            Loads(created_at=LONG_AGO, last_insert=hours_ago(30), last_update=hours_ago(1.5)),
            snapshot(
                "flights was last loaded 1 hour 30 minutes ago, by the update at 2024-05-06 10:30:00 UTC; "
                "2 hours are allowed, so it is fresh until 2024-05-06 12:30:00 UTC."
            ),
        ),
        (
            Loads(created_at=LONG_AGO, last_load=hours_ago(26)),
            snapshot(
                "flights was last loaded 1 day 2 hours ago, by the load at 2024-05-05 10:00:00 UTC; "
                "2 hours are allowed, so it is late since 2024-05-05 12:00:00 UTC."
            ),
        ),
        (
            Loads(created_at=hours_ago(3)),
            snapshot(
                "flights has never been loaded and was created 3 hours ago, at 2024-05-06 09:00:00 UTC; "
                "2 hours are allowed, so it is late since 2024-05-06 11:00:00 UTC."
            ),
        ),
    ],
)
def test_one_sentence_says_how_old_how_old_is_allowed_and_since_when(loads, reason):
    assert judge(declare(), loads, now=NOW).reason == reason


def test_the_evidence_can_be_stored():
    found = judge(declare(1, "day"), Loads(created_at=LONG_AGO, last_insert=hours_ago(3)), now=NOW)
    assert (found.value, found.upper) == (3 * 3600, 86_400)
    assert found.evidence == snapshot(
        {
            "last_dml": "insert",
            "last_dml_timestamp": "2024-05-06T09:00:00+00:00",
            "due_at": "2024-05-07T09:00:00+00:00",
            "evaluation_timestamp": "2024-05-06T12:00:00+00:00",
            "freshness_number": 1,
            "freshness_datepart": "day",
            "used_child_config": True,
        }
    )
