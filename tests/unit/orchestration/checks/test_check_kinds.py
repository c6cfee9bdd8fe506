"""The tables of check kinds name the same kinds."""

from typing import get_args

from observe_dagster.config.models.check_kinds import CHECK_KINDS, CheckKind, check_kind
from observe_dagster.config.models.monitors import Monitor
from observe_dagster.monitoring.monitors.kinds import RUNNERS
from observe_dagster.orchestration.checks.kinds import PIPELINE_CHECK_KINDS


def test_every_kind_is_that_of_a_pipeline_s_check_or_of_a_monitor():
    types = {get_args(monitor.model_fields["type"].annotation)[0] for monitor in get_args(get_args(Monitor)[0])}

    assert RUNNERS.keys() == types
    assert {each.kind for each in PIPELINE_CHECK_KINDS} | types == CHECK_KINDS.keys()


def test_a_check_of_another_make_is_of_a_kind_without_properties():
    assert check_kind("datafold") == CheckKind(name="check")
