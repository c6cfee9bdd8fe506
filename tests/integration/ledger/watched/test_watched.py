"""Assets that others make are observed beside the declared pipelines, and never mistaken for them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations
from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import EndedExecution, Ledger, PipelineRow, WatchedAsset, downgrade, migrate
from observe_dagster.records import Counts, RunStatus
from tests.integration.ledger.declared_project import NOW, pipeline, project

DAILY = Expectations(freshness_number=1, freshness_datepart="day")


def _ended(**changes: Any) -> EndedExecution:
    facts = {"asset_key": "dbt/orders", "execution_key": "event-1", "ended_at": NOW}
    return EndedExecution(**{**facts, **changes})


def _watch(ledger: Ledger, **expected: Any) -> PipelineRow:
    ledger.watched.upsert([WatchedAsset(asset_key="dbt/orders", **expected)], now=NOW)
    return ledger.declared.pipeline("dbt/orders")


def test_observing_again_with_the_same_words_writes_nothing_and_with_others_does(ledger: Ledger) -> None:
    rule = AnomalyDetectionRule(metric_field="total_rows")
    first = _watch(ledger, name="Orders", expectations=DAILY, rules=(rule,))
    again = _watch(ledger, name="Orders", expectations=DAILY, rules=(rule,))
    assert again == first
    assert (first.pipeline_id, first.managed, first.destination, first.freshness_number) == (
        "dbt/orders",
        False,
        None,
        1,
    )
    other = _watch(ledger)
    assert (other.id, other.name, other.freshness_number) == (first.id, "dbt/orders", None)


def test_declaring_pipelines_leaves_observed_assets_alone_and_lists_do_not_show_them(ledger: Ledger) -> None:
    _watch(ledger)
    ledger.declared.synchronise(project(), now=NOW)
    assert ledger.declared.synchronise(project(), now=NOW).deactivated == ()
    assert [row.pipeline_id for row in ledger.declared.pipelines()] == ["flights-daily", "flights-hourly"]
    assert "dbt/orders" in [row.pipeline_id for row in ledger.declared.pipelines(watched=True)]
    assert ledger.declared.pipeline("dbt/orders").active


def test_an_asset_of_one_part_is_not_the_pipeline_of_that_name(ledger: Ledger) -> None:
    ledger.watched.upsert([WatchedAsset(asset_key="flights-hourly")], now=NOW)
    ledger.declared.synchronise(project(), now=NOW)
    assert ledger.declared.pipeline("flights-hourly").managed
    (standing,) = ledger.checks.timing_inputs(["/flights-hourly"], now=NOW)
    assert (standing.asset, standing.managed) == (("flights-hourly",), False)


def test_a_run_is_recorded_once_with_its_counts_and_measures(ledger: Ledger) -> None:
    _watch(ledger)
    ended = _ended(
        started_at=NOW - timedelta(seconds=20),
        counts=Counts(total_rows=100),
        execution_metadata={"bytes_billed": 12.5, "broken": float("nan")},
        dagster_run_id="abc",
    )
    first, again = ledger.watched.record([ended, ended])
    assert again == first
    assert (first.status, first.duration_seconds, first.throughput) == (RunStatus.SUCCESS, 20.0, 5.0)
    assert first.execution_metadata == {"bytes_billed": 12.5}
    assert ledger.declared.pipeline("dbt/orders").last_target_insert == NOW
    assert ledger.executions.page("dbt/orders").total_items == 1


@pytest.mark.parametrize(
    ("ended", "loaded"),
    [
        (_ended(), True),
        (_ended(counts=Counts(total_rows=3)), True),
        (_ended(counts=Counts(total_rows=0)), False),
        (_ended(succeeded=False, errors=["no space left"]), False),
    ],
    ids=["nobody counted", "rows", "no rows", "failed"],
)
def test_a_run_is_a_load_unless_it_failed_or_counted_no_rows(
    ledger: Ledger, ended: EndedExecution, *, loaded: bool
) -> None:
    _watch(ledger)
    (recorded,) = ledger.watched.record([ended])
    assert (ledger.declared.pipeline("dbt/orders").last_target_insert == NOW) is loaded
    assert recorded.duration_seconds is None


def test_a_run_of_an_asset_that_is_not_observed_is_refused(ledger: Ledger) -> None:
    _watch(ledger)
    with pytest.raises(NotFoundError, match="Did you mean 'dbt/orders'"):
        ledger.watched.record([_ended(asset_key="dbt/order")])


def test_going_back_a_revision_forgets_observed_assets_and_keeps_declared_ones(
    ledger: Ledger, ledger_url: str, query: Callable[..., list[tuple[Any, ...]]]
) -> None:
    rules = (AnomalyDetectionRule(metric_field="total_rows"),)
    ledger.declared.synchronise(project(pipelines=(pipeline(),)), now=NOW)
    _watch(ledger, rules=rules)
    ledger.watched.record([_ended()])
    ledger.close()
    downgrade(ledger_url, "0002")
    assert query("SELECT slug FROM observe.pipeline") == [("flights-hourly",)]
    migrate(ledger_url)
    assert ledger.declared.pipeline("flights-hourly").managed
