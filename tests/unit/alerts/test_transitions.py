"""What opens, repeats and resolves an alert."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from observe_dagster.alerts import Event, HealthEvent, Transition, due_reminders, transitions
from observe_dagster.ledger import Alert
from observe_dagster.records import Status

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def verdict(status: str, minute: int = 0, **facts: Any) -> HealthEvent:
    severity = "warn" if status == "warn" else "error"
    known = {"subject": "orders", "check": "freshness", "kind": "freshness", "severity": severity, **facts}
    return HealthEvent(status=Status(status), at=NOON + timedelta(minutes=minute), **known)


def told(changes: list[Transition]) -> list[str]:
    return [change.event.value for change in changes if change.event is not None]


def after(changes: list[Transition]) -> list[Alert]:
    return list({change.alert.key: change.alert for change in changes}.values())


def test_failures_in_a_row_are_one_alert():
    changes = transitions([], [verdict("fail"), verdict("fail", 1), verdict("error", 2), verdict("pass", 3)])

    assert told(changes) == ["opened", "resolved"]
    assert [change.new for change in changes] == [True, False, False, False]
    assert changes[-1].alert.resolved_at == NOON + timedelta(minutes=3)


def test_a_pass_without_an_alert_changes_nothing():
    assert transitions([], [verdict("pass"), verdict("learning"), verdict("skipped")]) == []


def test_a_warning_that_becomes_an_error_is_told_once():
    said = [verdict("warn"), verdict("fail", 1), verdict("warn", 2), verdict("fail", 3)]

    assert told(transitions([], said)) == ["opened", "worse"]


def test_an_alert_after_a_recovery_is_a_new_one():
    changes = transitions([], [verdict("fail"), verdict("pass", 1), verdict("fail", 2)])

    assert told(changes) == ["opened", "resolved", "opened"]


def test_verdicts_are_followed_in_the_order_of_their_times():
    assert told(transitions([], [verdict("pass", 1), verdict("fail")])) == ["opened", "resolved"]


def test_checks_of_one_subject_have_alerts_of_their_own():
    changes = transitions([], [verdict("fail"), verdict("fail", check="timeliness"), verdict("pass", 1)])

    assert [alert.status for alert in after(changes)] == ["resolved", "open"]


def test_each_failed_run_is_told_and_the_same_run_is_not():
    run = {"check": "run", "kind": "run", "notify_each": True}
    said = [verdict("fail", 0, run_id="a", **run), verdict("fail", 0, run_id="a", **run)]

    assert told(transitions([], [*said, verdict("fail", 1, run_id="b", **run)])) == ["opened", "again"]


@given(st.lists(st.sampled_from(list(Status)), max_size=12), st.integers(0, 12))
def test_hearing_anything_again_changes_nothing(statuses: list[Status], cut: int):
    heard = [verdict(status.value, minute) for minute, status in enumerate(statuses)]
    first = transitions([], heard)
    known = after(first)

    assert transitions(known, heard[:cut]) == []
    assert transitions(known, heard) == []


@given(st.lists(st.sampled_from(list(Status)), max_size=12), st.integers(0, 12))
def test_it_does_not_matter_how_verdicts_are_cut_into_ticks(statuses: list[Status], cut: int):
    heard = [verdict(status.value, minute) for minute, status in enumerate(statuses)]
    first = transitions([], heard[:cut])

    assert first + transitions(after(first), heard[cut:]) == transitions([], heard)


@given(st.lists(st.sampled_from(list(Status)), max_size=12))
def test_openings_and_recoveries_alternate(statuses: list[Status]):
    heard = [verdict(status.value, minute) for minute, status in enumerate(statuses)]
    turns = [event for event in told(transitions([], heard)) if event in ("opened", "resolved")]

    assert turns == [("opened", "resolved")[number % 2] for number in range(len(turns))]


def _sent(alert: Alert, **changes: Any) -> Alert:
    return replace(alert, last_sent_at=NOON, **changes)


def test_what_is_still_wrong_is_repeated_when_it_is_time():
    (alert,) = after(transitions([], [verdict("fail")]))

    assert due_reminders([_sent(alert)], now=NOON + DAY - timedelta(seconds=1), repeat_every=DAY) == []
    (change,) = due_reminders([_sent(alert)], now=NOON + DAY, repeat_every=DAY)
    assert change.event is Event.REMINDER


def test_what_is_over_skipped_forgotten_or_a_run_is_not_repeated():
    (over,) = after(transitions([], [verdict("fail"), verdict("pass", 1)]))
    (skipped,) = after(transitions([], [verdict("fail"), verdict("skipped", 1)]))
    (run,) = after(transitions([], [verdict("fail", kind="run", check="run", notify_each=True)]))
    (old,) = after(transitions([], [verdict("fail")]))

    assert due_reminders([_sent(over), _sent(skipped), _sent(run)], now=NOON + 2 * DAY, repeat_every=DAY) == []
    assert due_reminders([_sent(old)], now=NOON + 31 * DAY, repeat_every=DAY) == []
