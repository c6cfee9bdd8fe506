"""What a pipeline inherits from its type."""

import pytest

from observe_dagster.checks import Threshold, freshness_allowance, timeliness_allowance
from observe_dagster.config.models.pipeline import Expectations

KINDS = {"freshness": freshness_allowance, "timeliness": timeliness_allowance}


def declared(kind, number=None, datepart=None, *, mute=False):
    said = {f"{kind}_number": number, f"{kind}_datepart": datepart, f"mute_{kind}_check": mute}
    return Expectations.model_validate(said)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pipelines_own_pair_comes_before_its_types(kind):
    found = KINDS[kind](declared(kind, 2, "hour"), declared(kind, 1, "day"))
    assert found == Threshold(number=2, datepart="hour", level="pipeline")


@pytest.mark.parametrize("kind", KINDS)
def test_a_pipeline_without_a_pair_has_its_types(kind):
    found = KINDS[kind](declared(kind), declared(kind, 1, "day"))
    assert found == Threshold(number=1, datepart="day", level="pipeline type")


@pytest.mark.parametrize("kind", KINDS)
def test_without_any_pair_nothing_is_allowed_or_forbidden(kind):
    assert KINDS[kind](declared(kind)) == Threshold()
    assert KINDS[kind](declared(kind), declared(kind)) == Threshold()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("own", "inherited", "by"),
    [(True, False, "pipeline"), (False, True, "pipeline type"), (True, True, "pipeline"), (False, False, None)],
)
def test_a_mute_on_either_level_is_a_mute(kind, own, inherited, by):
    found = KINDS[kind](declared(kind, 2, "hour", mute=own), declared(kind, 1, "day", mute=inherited))
    assert found.muted_by == by


@pytest.mark.parametrize(("kind", "other"), [("freshness", timeliness_allowance), ("timeliness", freshness_allowance)])
def test_freshness_and_timeliness_do_not_mix(kind, other):
    assert other(declared(kind, 2, "hour", mute=True)) == Threshold()
