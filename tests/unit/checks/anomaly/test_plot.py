"""The picture of an anomaly: small, safe, readable on white and on black."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from observe_dagster.checks.anomaly import Measured, judge, picture_markdown, svg
from observe_dagster.checks.anomaly import plot as picture
from tests.unit.checks.anomaly.histories import HOUR, NOW, history, noisy, rule

PAGES = ("#ffffff", "#121317")


def drawn(value, runs, **said) -> str:
    declared, observed = rule(**said), Measured(at=NOW, value=value, history=runs)
    return svg(declared, observed, judge(declared, observed))


def texts(picture_: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(picture_).iter() if element.tag.endswith("text")]


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("color", [picture.TEXT, picture.LINE, picture.BAND, *picture.COLORS.values()])
def test_every_colour_stands_out_from_a_light_and_a_dark_page(color, page):
    dark, light = sorted((luminance(color), luminance(page)))
    assert (light + 0.05) / (dark + 0.05) > 3.4


def test_it_says_what_was_judged_and_what_was_expected_with_dates_and_numbers():
    said = texts(drawn(0, history(noisy(30))))
    assert said[0] == "total_rows of flights"
    assert re.fullmatch(r"fail: 0, expected [\d,.]+ \([\d,.]+ to [\d,]+\) · all hours and days", said[-1])
    assert {"0", "1k", "6 Apr", "6 May"} <= set(said)


@pytest.mark.parametrize(("value", "mark"), [(1000.0, "<circle cx"), (0.0, "l8 8-8 8-8-8z")])
def test_a_failed_run_is_marked_by_shape_and_not_only_by_colour(value, mark):
    assert mark in drawn(value, history(noisy(30))).split("stroke-linejoin")[1]


def test_a_learning_rule_has_no_band_and_a_run_without_a_value_no_mark():
    learning = drawn(1000, history(noisy(3)))
    assert "<rect" not in learning
    assert texts(learning)[-1] == "learning: 1,000 · all hours and days"
    assert texts(drawn(None, history(noisy(30))))[-1] == "skipped"


@pytest.mark.parametrize("runs", [history([]), history([5.0]), history([0.0] * 20), history([1e300] * 20)])
def test_it_can_be_drawn_however_little_or_much_there_is(runs):
    assert "nan" not in drawn(1, runs)


def test_a_year_of_hours_is_thinned_out_and_keeps_its_extremes():
    values = noisy(24 * 365)
    values[5000] = 0.0
    found = drawn(
        1000, history(values, step=HOUR, flagged=[index % 3 == 0 for index in range(24 * 365)]), lookback_days=365
    )
    assert len(found) < 8 * 1024
    lowest = max(int(y) for y in re.findall(r"[ML]\d+ (\d+)", found.split('fill="none"')[0].rsplit("<path", 1)[1]))
    assert lowest == max(int(y) for y in re.findall(r'd="M64 (\d+)H700"', found))


def test_names_cannot_break_the_picture_or_the_markdown():
    declared = rule(metric_field="a]<b>&\"'(x)\n`")
    observed = Measured(at=NOW, value=1.0, history=history(noisy(30)))
    outcome = judge(declared, observed)
    ET.fromstring(svg(declared, observed, outcome))
    markdown = picture_markdown(declared, observed, outcome)
    assert "\n" not in markdown
    found = re.fullmatch(r"!\[(?:[^\]\\]|\\.)*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found is not None
    assert base64.b64decode(found[1]).decode() == svg(declared, observed, outcome)
