# ruff: noqa: E501
"""What `alerts` may say, and that a channel's URL is shown nowhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from inline_snapshot import snapshot
from pydantic import ValidationError

from observe_dagster.config import project_from_attributes
from observe_dagster.config.models.alerts import (
    ALERT_FIELDS,
    KINDS,
    TITLE_FIELDS,
    Alerting,
    Channel,
    MessageTemplate,
    Route,
    secrets_of_channel,
)
from observe_dagster.errors import SpecError
from tests.paths import REFERENCE

URL = "slack://T0A1B2C3D/B0A1B2C3D/hunter2hunter2"
ENVIRONMENT = {"TEAM_URL": URL, "PAGER_URL": "pagerduty://key-key-key@integration"}


def declare(alerts: Any) -> Alerting:
    return project_from_attributes(
        {"alerts": alerts}, source="team.yaml", base_dir=Path(), environment=ENVIRONMENT
    ).alerting


def problems(alerts: Any) -> str:
    with pytest.raises(SpecError) as refused:
        declare(alerts)
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


CHANNELS = [
    {"id": "team", "name": "#data-alerts", "url": "{{ env.TEAM_URL }}"},
    {"id": "pager", "url": "{{ env.PAGER_URL }}"},
]


def test_everything_can_be_declared():
    alerting = declare(
        {
            "channels": CHANNELS,
            "routes": [
                {"severity": "error", "tags": {"tier": "gold"}, "channels": ["pager", "team"]},
                {"owner": "team:data", "kind": ["freshness", "run"], "asset": "lake/*", "channels": "team"},
            ],
            "default": "team",
            "repeat_every": "12h",
            "base_url": "https://dagster.example/",
            "template": {"title": "[data] $summary", "alert": "$headline"},
        }
    )

    assert alerting.base_url == "https://dagster.example"
    assert alerting.routes[1].kind == ("freshness", "run")
    channel = alerting.channel("team")
    assert channel is not None
    assert channel.url.get_secret_value() == URL


def test_nothing_declared_is_no_alerting():
    project = project_from_attributes({}, source="team.yaml", base_dir=Path(), environment={})

    assert project.alerting == Alerting()


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        (
            {"channels": [{"id": "team", "url": URL}]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.channels.0.url: a channel's URL is a secret: all of it must come from the environment; write "{{ env.NAME }}"\
"""),
        ),
        (
            {"channels": [{"id": "team", "url": "slack://{{ env.TEAM_URL }}"}]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.channels.0.url: a channel's URL is a secret: all of it must come from the environment; write "{{ env.NAME }}"\
"""),
        ),
        (
            {"channels": [{"id": "team", "url": "{{ env.TEAM_URL or 'json://localhost' }}"}]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.channels.0.url: a channel's URL is a secret: all of it must come from the environment; write "{{ env.NAME }}"\
"""),
        ),
        (
            {"channels": CHANNELS, "routes": [{"channels": ["tam"]}]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts: there is no channel 'tam' (did you mean 'team'?)\
"""),
        ),
        (
            {"channels": [CHANNELS[0], CHANNELS[0]]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts: two channels have the id 'team'\
"""),
        ),
        (
            {"channels": CHANNELS, "routes": [{"kind": "freshnes", "channels": ["team"]}]},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.routes.0.kind: 'freshnes' is not allowed (did you mean 'freshness'?); use one of freshness, timeliness, anomaly, metric, schema, test, diff, check, run, fault, automation\
"""),
        ),
        (
            {"channels": CHANNELS, "template": {"alert": "$headlin"}},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.template.alert: $headlin is not known (did you mean 'headline'?); known: asset, bounds, check, check_url, event, expected, facts, group, headline, kind, links, owners, pipeline, reason, run_url, severity, since, status, subject, value\
"""),
        ),
        (
            {"channels": CHANNELS, "template": {"title": "5 $"}},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.template.title: has a $ without a name after it; write $$ for a dollar sign\
"""),
        ),
        (
            {"channels": CHANNELS, "base_url": "dagster.example"},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts.base_url: must be the address of the Dagster UI, such as https://dagster.example\
"""),
        ),
        (
            {"channels": CHANNELS, "repeat_every": "1s"},
            snapshot("""\
1 problem in what is declared:
  team.yaml: alerts: repeat_every must be at least 1m\
"""),
        ),
    ],
    ids=["literal", "partly", "fallback", "channel", "twice", "kind", "field", "dollar", "base_url", "repeat"],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(alerts: Any, said: str):
    assert problems(alerts) == said


def test_the_log_of_the_machine_may_be_written_out():
    alerting = declare({"channels": [{"id": "team", "url": "{{ env.NOT_SET or 'syslog://local0' }}"}]})

    assert alerting.channels[0].url.get_secret_value() == "syslog://local0"
    assert "must come from the environment" in problems(
        {"channels": [{"id": "team", "url": "{{ env.NOT_SET or 'syslog://user:hunter2@host' }}"}]}
    )


def test_the_url_is_in_no_repr_dump_or_error():
    channel = Channel.model_validate({"id": "team", "url": URL})
    with pytest.raises(ValidationError) as refused:
        Channel.model_validate({"id": "team", "url": "hunter2-without-a-scheme"})

    shown = (repr(channel), str(channel.model_dump(mode="json")), channel.model_dump_json(), str(refused.value))
    assert [text for text in shown if "hunter2" in text or "T0A1B2C3D" in text] == []


def test_every_part_of_a_url_that_may_be_a_token_is_a_secret():
    named = Channel.model_validate({"id": "x", "url": "prowl://c0ffee00c0ffee00/deadbeef"})
    channel = Channel.model_validate(
        {"id": "x", "url": "mailto://ann:p%40s@mail.example/?to=team-at-home&key=12345678"}
    )

    assert secrets_of_channel(channel) == snapshot(
        (
            "mailto://ann:p%40s@mail.example/?to=team-at-home&key=12345678",
            "to=team-at-home&key=12345678",
            "team-at-home",
            "p%40s",
            "p@s",
        )
    )
    assert "c0ffee00c0ffee00" in secrets_of_channel(named)


def test_the_page_about_alerts_shows_what_can_be_used_and_names_every_field():
    page = (REFERENCE / "alerts.md").read_text()
    whole, template = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL))
    environment = {"TEAM_ALERTS_URL": URL, "PAGER_URL": URL}
    project = project_from_attributes(whole["attributes"], source="page", base_dir=Path(), environment=environment)

    assert [route.channels for route in project.alerting.routes] == [("pager", "team"), (), ("team",)]
    assert MessageTemplate.model_validate(template["template"]).alert == MessageTemplate().alert
    fields = {*TITLE_FIELDS, *ALERT_FIELDS, *Alerting.model_fields, *Route.model_fields, *KINDS}
    assert {name for name in fields if f"`{name}`" not in page} == set()
