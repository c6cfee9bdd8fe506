"""What the builders for any asset take, what they refuse when it is written, and what importing them costs."""

import subprocess
import sys
from collections.abc import Callable

import dagster as dg
import pytest

from observe_dagster import (
    build_alert_sensor,
    build_anomaly_checks,
    build_freshness_checks,
    build_timeliness_checks,
    build_watch_sensor,
    observe_resource,
)
from observe_dagster.errors import SpecError

ORDERS = dg.AssetKey(["dbt", "orders"])


def test_importing_the_builders_brings_neither_databases_nor_statistics():
    heavy = ["numpy", "pandas", "scipy", "duckdb", "psycopg", "apprise", "httpx", "sqlglot"]
    code = f"import sys, observe_dagster as o; o.build_watch_sensor; print([n for n in {heavy!r} if n in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_importing_the_package_does_not_bring_dagster():
    code = "import sys, observe_dagster; print('dagster' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


def test_a_definition_of_several_assets_stands_for_all_of_them_and_none_makes_no_checks():
    @dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec(["b", "c"])])
    def models(): ...

    (definition,) = build_freshness_checks([models, "a", dg.AssetSpec("d"), ["b", "c"]], number=1, datepart="day")
    assert {key.asset_key.to_user_string() for key in definition.check_keys} == {"a", "b/c", "d"}
    assert build_freshness_checks([], number=1, datepart="day") == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: build_freshness_checks([ORDERS], number=1, datepart="fortnight"),
            "build_freshness_checks: datepart: 'fortnight' is not allowed; use one of minute, hour, day, week, month",
        ),
        (lambda: build_freshness_checks([ORDERS], number=0, datepart="day"), "number: must be greater than or equal"),
        (lambda: build_freshness_checks([ORDERS], number=None, datepart="day"), "number: must be a whole number"),
        (lambda: build_timeliness_checks([ORDERS], number=1, datepart="hours"), "Did you mean|did you mean 'hour'"),
        (
            lambda: build_anomaly_checks([ORDERS], metric_field="total_rows", method="magic"),
            "build_anomaly_checks: method: 'magic' is not allowed; use one of robust, zscore",
        ),
        (
            lambda: build_anomaly_checks([ORDERS], metric_field="total_rows", minimum_executions=2),
            "minimum_executions: must be greater than or equal to 5, not 2",
        ),
        (lambda: build_anomaly_checks([ORDERS], metric_field=""), "metric_field: must have at least 1 character"),
        (
            lambda: build_freshness_checks(["dbt/orders"], number=1, datepart="day"),
            r"'dbt/orders' has a slash; .* AssetKey\(\['dbt', 'orders'\]\)",
        ),
        (lambda: build_freshness_checks("orders", number=1, datepart="day"), "must be a list, not 'orders' alone"),
        (lambda: observe_resource({"channels": [{"id": "team"}]}, environment={}), "observe_resource: alerts.channels"),
        (lambda: build_alert_sensor(observe_resource(environment={})), "build_alert_sensor: alerts.channels: there is"),
    ],
)
def test_a_wrong_argument_is_told_when_it_is_written(build: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_a_check_of_another_make_cannot_be_watched():
    @dg.asset_check(asset=ORDERS)
    def other() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    with pytest.raises(TypeError, match="the check other was not made by build_freshness_checks"):
        build_watch_sensor([other])
