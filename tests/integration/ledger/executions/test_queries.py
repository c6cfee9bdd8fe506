"""Listing runs: open ones, pages, the latest."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from observe_dagster.errors import NotFoundError
from observe_dagster.ledger import ExecutionRow, Ledger
from observe_dagster.records import Counts
from tests.integration.ledger.declared_project import NOW

Start = Callable[..., ExecutionRow]


def _hourly(start: Start, count: int) -> list[ExecutionRow]:
    return [start(f"run-{hour}", logical_date=NOW + timedelta(hours=hour)) for hour in range(count)]


def test_pages_ascend_by_number_and_know_their_neighbours(declared: Ledger, start: Start) -> None:
    runs = _hourly(start, 5)
    first = declared.executions.page("flights-hourly", page=1, page_size=2)
    last = declared.executions.page("flights-hourly", page=3, page_size=2)
    assert [run.id for run in first.items] == [runs[0].id, runs[1].id]
    assert [run.id for run in last.items] == [runs[4].id]
    assert (first.current_page, first.page_size, first.total_pages, first.total_items) == (1, 2, 3, 5)
    assert (first.has_previous_page, first.has_next_page) == (False, True)
    assert (last.has_previous_page, last.has_next_page) == (True, False)


def test_a_page_past_the_end_is_empty_and_a_list_without_runs_has_no_pages(declared: Ledger, start: Start) -> None:
    assert declared.executions.page("flights-hourly").total_pages == 0
    _hourly(start, 1)
    beyond = declared.executions.page("flights-hourly", page=2, page_size=1)
    assert (beyond.items, beyond.total_pages, beyond.has_next_page) == ((), 1, False)


def test_dates_bound_the_logical_date_and_belong_to_the_list(declared: Ledger, start: Start) -> None:
    runs = _hourly(start, 5)
    found = declared.executions.page(
        "flights-hourly", start_date=NOW + timedelta(hours=1), end_date=NOW + timedelta(hours=3)
    )
    assert [run.id for run in found.items] == [run.id for run in runs[1:4]]
    assert found.total_items == 3


def test_runs_of_other_pipelines_are_not_listed(declared: Ledger, start: Start) -> None:
    start("mine")
    start("other", pipeline_id="flights-daily")
    assert [run.execution_key for run in declared.executions.page("flights-hourly").items] == ["mine"]


@pytest.mark.parametrize("wrong", [{"page": 0}, {"page_size": 0}], ids=str)
def test_a_page_that_cannot_be_is_refused(declared: Ledger, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        declared.executions.page("flights-hourly", **wrong)


def test_the_latest_run_is_the_one_with_the_latest_logical_date(declared: Ledger, start: Start) -> None:
    assert declared.executions.latest("flights-hourly") is None
    start("live", logical_date=NOW)
    start("backfill", logical_date=NOW - timedelta(days=9))
    latest = declared.executions.latest("flights-hourly")
    assert latest is not None
    assert latest.execution_key == "live"


def test_the_latest_success_is_the_one_that_ended_last(declared: Ledger, start: Start) -> None:
    assert declared.executions.latest_successful_id("flights-hourly") is None
    runs = _hourly(start, 3)
    for run, minutes in zip(runs[:2], (9, 5), strict=True):
        end = NOW + timedelta(minutes=minutes)
        declared.executions.succeed(run.execution_key, ended_at=end, counts=Counts(), watermark=None)
    declared.executions.fail("run-2", ended_at=NOW + timedelta(hours=1), errors=["x"])
    assert declared.executions.latest_successful_id("flights-hourly") == runs[0].id


def test_open_runs_are_those_that_have_not_ended(declared: Ledger, start: Start) -> None:
    start("done")
    start("open")
    start("elsewhere", pipeline_id="flights-daily")
    declared.executions.fail("done", ended_at=NOW + timedelta(seconds=1), errors=[])
    assert [run.execution_key for run in declared.executions.open("flights-hourly")] == ["open"]
    assert [run.execution_key for run in declared.executions.open()] == ["open", "elsewhere"]


def test_unknown_runs_and_pipelines_are_not_found(declared: Ledger) -> None:
    with pytest.raises(NotFoundError, match="run '7'"):
        declared.executions.get(7)
    for ask in (declared.executions.page, declared.executions.latest, declared.executions.latest_successful_id):
        with pytest.raises(NotFoundError, match="pipeline 'nothing'"):
            ask("nothing")
