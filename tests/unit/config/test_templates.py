"""Templates stand for environment variables."""

import pytest

from observe_dagster.config.yaml.templates import literal_part, render

ENVIRONMENT = {"HOST": "db", "EMPTY": ""}


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("{{ env.HOST }}", "db"),
        ("{{env.HOST}}", "db"),
        ("a {{ env.HOST }} b {{ env.HOST }}", "a db b db"),
        ("{{ env.HOST or 'x' }}", "db"),
        ("{{ env.GONE or 'x y' }}", "x y"),
        ('{{ env.GONE or "x" }}', "x"),
        ("{{ env.GONE or '' }}", ""),
        ("{{ env.EMPTY or 'x' }}", "x"),
        ("{{ env.EMPTY }}", ""),
        ("no template", "no template"),
        ({"a": ["{{ env.HOST }}", 5, None]}, {"a": ["db", 5, None]}),
    ],
)
def test_a_template_is_replaced_wherever_it_stands(written, rendered):
    reported = []

    assert render(written, ENVIRONMENT, lambda path, message: reported.append((path, message))) == rendered
    assert reported == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{{ env.HOTS }}", "the environment variable HOTS is not set (did you mean 'HOST'?)"),
        ("{{ env.UNRELATED }}", "the environment variable UNRELATED is not set"),
        ("{{ HOST }}", "'{{ HOST }}' is not understood; write {{ env.NAME }} or {{ env.NAME or 'default' }}"),
    ],
)
def test_a_template_without_a_value_is_reported_with_its_place(written, message):
    reported = []
    render({"a": [written]}, ENVIRONMENT, lambda path, text: reported.append((path, text)))

    assert reported == [(("a", 0), message)]


def test_the_literal_part_holds_defaults_but_no_values():
    assert literal_part("{{ env.A }}") == ""
    assert literal_part("x{{ env.A or 'y' }}z") == "xyz"
