"""How alerts read, and who gets them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from inline_snapshot import snapshot

from observe_dagster.alerts import HealthEvent, Transition, compose, due_reminders, transitions
from observe_dagster.alerts.message import span
from observe_dagster.alerts.routing import channels_for, notified_channels
from observe_dagster.config.models.alerts import Alerting, MessageTemplate
from observe_dagster.records import Status

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
UI = "https://dagster.example"


def failing(subject: str = "lake/analytics/flights", check: str = "freshness", **facts: Any) -> HealthEvent:
    known: dict[str, Any] = {
        "kind": check,
        "asset": tuple(subject.split("/")),
        "reason": "Last loaded 26 hours ago; 24 hours are allowed.",
        "owners": ("team:data",),
        "page": f"/assets/{subject}?view=checks&checkDetail={check}",
    }
    return HealthEvent(subject=subject, check=check, status=Status.FAIL, at=NOON, **{**known, **facts})


def opened(*verdicts: HealthEvent) -> list[Transition]:
    return transitions([], verdicts)


def resolved(verdict: HealthEvent, *, reason: str = "") -> Transition:
    over = replace(verdict, status=Status.PASS, at=verdict.at + timedelta(hours=3, minutes=5), reason=reason)
    return transitions([], [verdict, over])[1]


def test_an_alert_names_the_asset_the_numbers_the_owner_and_where_to_look():
    message = compose(opened(failing(value=93_600, upper=86_400, run_id="8f14")), MessageTemplate(), base_url=UI)

    assert message.title == snapshot("lake/analytics/flights: freshness fails")
    assert message.text == snapshot("""\
lake/analytics/flights: freshness fails
Last loaded 26 hours ago; 24 hours are allowed.
1 d 2 h, expected at most 1 d · team:data · since 2024-03-01 12:00 UTC
Run: https://dagster.example/runs/8f14
Check: https://dagster.example/assets/lake/analytics/flights?view=checks&checkDetail=freshness\
""")
    assert message.markdown == snapshot("""\
**lake/analytics/flights: freshness fails**  \n\
Last loaded 26 hours ago; 24 hours are allowed.  \n\
1 d 2 h, expected at most 1 d · team:data · since 2024-03-01 12:00 UTC  \n\
[Run](https://dagster.example/runs/8f14) · [Check](https://dagster.example/assets/lake/analytics/flights?view=checks&checkDetail=freshness)\
""")
    assert message.level == "error"


def test_a_message_says_what_is_wrong_first_and_what_is_over_last():
    late = replace(failing(check="timeliness", severity="warn", reason="It ran for 3 hours."), status=Status.WARN)
    changes = [
        resolved(failing("lake/analytics/planes"), reason="Loaded 2 minutes ago."),
        *opened(late),
        *opened(failing(check="anomaly_total_rows", kind="anomaly", value=12, lower=900, upper=1100.5)),
        *due_reminders(
            [opened(failing("ops/x"))[0].alert], now=NOON + timedelta(days=1), repeat_every=timedelta(days=1)
        ),
    ]
    message = compose(changes, MessageTemplate(), base_url=None)

    assert message.title == snapshot("2 new, 1 ongoing, 1 resolved alerts")
    assert message.text == snapshot("""\
lake/analytics/flights: anomaly_total_rows fails
Last loaded 26 hours ago; 24 hours are allowed.
12, expected 900 to 1,100.5 · team:data · since 2024-03-01 12:00 UTC

lake/analytics/flights: timeliness warns
It ran for 3 hours.
team:data · since 2024-03-01 12:00 UTC

ops/x: freshness still fails
Last loaded 26 hours ago; 24 hours are allowed.
team:data · since 2024-03-01 12:00 UTC

lake/analytics/planes: freshness recovered after 3 h 5 min
Loaded 2 minutes ago.
team:data · since 2024-03-01 12:00 UTC\
""")


def test_a_run_that_failed_with_several_assets_is_one_entry():
    run = {"check": "run", "kind": "run", "run_id": "8f14", "notify_each": True, "reason": "ValueError: gone"}
    message = compose(opened(*(failing(f"a/{number}", **run) for number in range(7))), MessageTemplate(), base_url=UI)

    assert message.text == snapshot("""\
a/0, a/1, a/2, a/3, a/4 and 2 more: run failed
ValueError: gone
team:data · since 2024-03-01 12:00 UTC
Run: https://dagster.example/runs/8f14\
""")


def test_a_message_names_so_many_alerts_and_counts_the_rest():
    message = compose(opened(*(failing(f"a/{number}") for number in range(40))), MessageTemplate(), base_url=None)

    assert message.title == "40 new alerts"
    assert message.text.endswith("… and 15 more; `observe alerts list` has them all.")


def test_a_template_of_ones_own_leaves_out_lines_that_say_nothing():
    template = MessageTemplate(
        title="[$opened new] $summary", alert="$asset/$check\nGroup: $group\nOwner: $owners, $$5"
    )
    message = compose(opened(failing()), template, base_url=None)

    assert message.title == snapshot("[1 new] lake/analytics/flights: freshness fails")
    assert message.text == snapshot("""\
lake/analytics/flights/freshness
Owner: team:data, $5\
""")


def test_text_that_looks_like_markdown_is_shown_as_it_is():
    message = compose(opened(failing("a/my_table", reason="<b> *12* rows")), MessageTemplate(), base_url=None)

    assert message.markdown.splitlines()[:2] == snapshot(
        ["**a/my\\_table: freshness fails**  ", "\\<b\\> \\*12\\* rows  "]
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (3_600, "1 h"), (90_061, "1 d 1 h"), (-5, "0 s")]
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: int, said: str):
    assert span(timedelta(seconds=seconds)) == said


def alerting(*routes: dict[str, Any], **more: Any) -> Alerting:
    channels = [{"id": name, "url": f"json://host/{name}"} for name in ("a", "b", "c")]
    return Alerting.model_validate({"channels": channels, "routes": routes, **more})


@pytest.mark.parametrize(
    ("conditions", "meets"),
    [
        ({}, True),
        ({"owner": "team:data"}, True),
        ({"owner": ["team:x", "team:data"]}, True),
        ({"owner": "team:x"}, False),
        ({"severity": "error", "kind": ["freshness", "diff"]}, True),
        ({"severity": "warn"}, False),
        ({"kind": "diff"}, False),
        ({"tags": {"tier": "gold"}}, True),
        ({"tags": {"tier": "gold", "area": "x"}}, False),
        ({"group": "flights"}, True),
        ({"group": "other"}, False),
        ({"asset": "lake/analytics/*"}, True),
        ({"asset": ["x", "*/flights"]}, True),
        ({"asset": "lake"}, False),
        ({"owner": "team:data", "group": "other"}, False),
    ],
)
def test_a_route_matches_when_every_condition_is_met(conditions: dict[str, Any], meets: bool):
    (change,) = opened(failing(tags={"tier": "gold"}, group="flights"))

    assert channels_for(change.alert, alerting({**conditions, "channels": "a"}, default="b")) == (
        ("a",) if meets else ("b",)
    )


def test_the_first_route_that_matches_decides_and_may_mute():
    (change,) = opened(failing())
    muted = alerting({"asset": "lake/*", "channels": []}, {"channels": "a"})

    assert channels_for(change.alert, muted) == ()


def test_without_a_default_every_channel_is_told():
    (change,) = opened(failing())

    assert channels_for(change.alert, alerting()) == ("a", "b", "c")


def test_what_becomes_of_an_alert_is_told_to_those_who_know_of_it():
    (change,) = opened(failing())
    known = replace(change.alert, details={**change.alert.details, "channels": ["c", "gone"]})

    assert notified_channels(known, alerting()) == ("c",)
