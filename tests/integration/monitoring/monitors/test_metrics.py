"""Every metric gives the same number on PostgreSQL and on DuckDB."""

from datetime import UTC, datetime, timedelta

import pytest
from inline_snapshot import snapshot

from observe_dagster.monitoring.monitors.history import MonitorHistory, measured_at
from observe_dagster.records import Status
from tests.integration.monitoring.monitors.conftest import NOW


def column(name: str, metric: str, **more) -> dict:
    return {"type": "column", "table": "analytics.flights", "column": name, "metric": metric, **more}


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [
        ("price", "total", 5),
        ("price", "nulls", 1),
        ("price", "fill_rate", 0.8),
        ("price", "sum", 125.75),
        ("price", "min", -5),
        ("price", "minimum", -5),
        ("price", "max", 100),
        ("price", "maximum", 100),
        ("price", "average", 31.4375),
        ("price", "median", 15.375),
        ("speed", "median", 4.0),
        ("speed", "stddev", 5.909737726836953),
        ("speed", "std_dev", 5.909737726836953),
        ("speed", "qmin", 1.7),
        ("speed", "qmax", 14.4),
        ("id", "sum", 14),
        ("id", "median", 3),
        ("id", "distinct", 4),
        ("carrier", "cardinality", 3),
        ("carrier", "uniqueness", 0.6),
        ("carrier", "fill_rate", 0.8),
        ('Odd "name', "max", 5),
        ("seen_at", "col_freshness_minutes", 60),
        ("zoned", "col_freshness_minutes", 90),
        ("day", "col_freshness_minutes", 36 * 60),
    ],
)
def test_a_metric_of_a_column(judge, name, metric, value):
    outcome = judge(type="metric", connection_id="here", metric=column(name, metric))

    assert (outcome.status, outcome.value) == (Status.PASS, pytest.approx(value)), outcome.reason


@pytest.mark.parametrize(("metric", "value"), [("total", 5), ("row_count", 5), ("distinct", 5), ("column_count", 8)])
def test_a_metric_of_a_table(judge, metric, value):
    outcome = judge(
        type="metric", connection_id="here", metric={"type": "table", "table": "analytics.flights", "metric": metric}
    )

    assert (outcome.status, outcome.value) == (Status.PASS, value), outcome.reason


@pytest.mark.parametrize("condition", ["carrier = 'AA'", "carrier = 'AA' -- only these", "price > 0 AND\nspeed < 3"])
def test_a_filter_chooses_the_rows(judge, condition):
    table = {"type": "table", "table": "analytics.flights", "metric": "row_count", "filter": condition}

    assert judge(type="metric", connection_id="here", metric=table).value == 2
    assert judge(type="metric", connection_id="here", metric=column("price", "sum", filter=condition)).value == 30.75


@pytest.mark.parametrize("metric", ["sum", "average", "median", "uniqueness", "fill_rate", "qmax"])
def test_an_empty_table_has_no_such_value(judge, metric):
    empty = {"type": "column", "table": "analytics.empty", "column": "id", "metric": metric}

    outcome = judge(type="metric", connection_id="here", metric=empty, alert={"type": "absolute", "min": 1})

    assert outcome.status is Status.SKIPPED
    assert outcome.reason == f"There is no {metric} of analytics.empty.id: there is no value in the rows."


def test_a_metric_says_which_column_it_cannot_measure(judge, engine):
    outcome = judge(type="metric", connection_id="here", metric=column("carrier", "sum"))

    native = {"postgres": "character varying", "duckdb": "VARCHAR"}[engine]
    assert outcome.status is Status.ERROR
    assert outcome.reason == f"Connection 'here': sum needs a column of numbers, and 'carrier' is {native}."


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (column("carier", "nulls"), "analytics.flights has no column 'carier' (did you mean 'carrier'?); it has id,"),
        ({"type": "table", "table": "analytics.trains", "metric": "total"}, "there is no table analytics.trains."),
        ({"type": "table", "table": "elsewhere.analytics.flights", "metric": "total"}, "is in the database"),
        ({"type": "custom", "query": "SELECT nothing FROM analytics.flights"}, "nothing"),
        ({"type": "custom", "query": "SELECT id FROM analytics.flights"}, "the query gives several rows"),
        (
            {"type": "custom", "query": "SELECT carrier, count(*) AS flights FROM analytics.flights GROUP BY 1"},
            "for groups declare one monitor each",
        ),
    ],
)
def test_what_cannot_be_measured_is_an_error_that_says_why(judge, metric, reason):
    outcome = judge(type="metric", connection_id="here", metric=metric)

    assert outcome.status is Status.ERROR
    assert reason in outcome.reason


def test_a_table_may_be_named_with_its_database(judge, engine):
    database = {"postgres": "monitored", "duckdb": "lake"}[engine]
    table = {"type": "table", "table": f"{database}.analytics.flights", "metric": "total"}

    assert judge(type="metric", connection_id="here", metric=table).value == 5


def test_a_query_gives_a_value(judge):
    query = "SELECT max(price) AS highest FROM analytics.flights;"

    outcome = judge(
        type="metric",
        connection_id="here",
        metric={"type": "custom", "query": query},
        alert={"type": "absolute", "max": 50},
    )

    assert (outcome.status, outcome.value, outcome.upper) == (Status.FAIL, 100, 50)
    assert outcome.reason == snapshot("Value of watched is 100; it must be at most 50.")


def test_a_query_gives_a_series_of_which_the_newest_value_is_judged(judge):
    query = "SELECT day, count(*) AS flights FROM analytics.flights WHERE day IS NOT NULL GROUP BY day"

    outcome = judge(
        type="metric",
        connection_id="here",
        metric={"type": "custom", "query": query},
        alert={"type": "percentage", "decrease": 20},
    )

    assert (outcome.status, outcome.value, outcome.expected) == (Status.FAIL, 1, 2)
    assert outcome.reason == snapshot("Value of watched is 1, -50.0% from 2; it must be at least 1.6.")
    assert measured_at(outcome, now=NOW) == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("query", ["SELECT id FROM analytics.empty", "SELECT sum(id) AS id FROM analytics.empty"])
def test_missing_data_fails_when_it_is_asked_for(judge, query):
    metric = {"type": "custom", "query": query}

    assert judge(type="metric", connection_id="here", metric=metric).status is Status.SKIPPED
    wanted = judge(type="metric", connection_id="here", metric={**metric, "alert_on_missing_data": True})
    assert wanted.status is Status.FAIL


def test_an_automatic_alert_learns_and_then_judges(judge):
    monitor = {
        "type": "metric",
        "connection_id": "here",
        "metric": {"type": "table", "table": "analytics.flights", "metric": "row_count"},
        "alert": {"type": "automatic", "sensitivity": 50},
    }
    days = [(NOW - timedelta(days=day), 1000.0 + day % 3, False) for day in range(1, 31)]

    assert judge(**monitor).status is Status.LEARNING
    outcome = judge(**monitor, history=MonitorHistory(samples=days))
    assert (outcome.status, outcome.value) == (Status.FAIL, 5)
    assert outcome.lower > 5


def test_a_warning_is_as_severe_as_it_gets_where_that_is_declared(judge):
    metric = column("price", "max")

    outcome = judge(
        type="metric", connection_id="here", metric=metric, alert={"type": "absolute", "max": 1}, severity="warn"
    )

    assert outcome.status is Status.WARN


def test_a_disabled_monitor_asks_nothing(judge):
    outcome = judge(type="metric", connection_id="here", metric=column("nothing", "max"), enabled=False)

    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "The monitor watched is not enabled.")
