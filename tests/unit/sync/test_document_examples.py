"""The examples and trigger tables of the Warehouse Sync document, as the ranges that runs read."""

from typing import Any

import pytest

from observe_dagster.config.time.intervals import fires_at
from observe_dagster.errors import NothingToSyncError
from observe_dagster.records import SyncRange
from observe_dagster.sync.ranges import plan, to_text
from tests.unit.sync.declaring import MANUAL, SCHEDULED, Runs, incremental, interval, pipeline, utc

_HOURLY = {"sync_mode": incremental(), "schedule": interval("hourly", "2023-02-01T00:15:00Z")}
_DELAYED = {"sync_mode": incremental(), "schedule": interval("hourly", "2023-02-01T00:00:00Z", delay="15m")}
_FEBRUARY = {
    "sync_mode": incremental(**{"from": "2023-02-01T12:00:00Z", "until": "2023-03-01T12:00:00Z"}),
    "schedule": interval("daily", "2023-02-01T12:00:00Z", end="2023-03-01T12:00:00Z"),
}
_MONTHLY = {
    "sync_mode": incremental(**{"from": "2020-01-01T00:00:00Z"}),
    "schedule": interval("monthly", "2023-02-01T00:00:00Z", delay="5d"),
}
_ON_DEMAND = {"sync_mode": incremental(**{"from": "2020-01-01T00:00:00Z"}), "schedule": {"type": "on_demand"}}
_YEAR_2020 = {
    "sync_mode": {**_ON_DEMAND["sync_mode"], "type": "full", "until": "2021-01-01T00:00:00Z"},
    "schedule": {"type": "once"},
}

_TICKS = [
    (
        _HOURLY,
        [
            ("2023-02-01T00:14:59", None),
            ("2023-02-01T00:15:00", (None, "2023-02-01T00:15:00Z")),
            ("2023-02-01T00:40:00", None),
            ("2023-02-01T01:15:00", ("2023-02-01T00:15:00Z", "2023-02-01T01:15:00Z")),
            ("2023-02-01T02:15:07", ("2023-02-01T01:15:00Z", "2023-02-01T02:15:00Z")),
        ],
    ),
    (
        _DELAYED,
        [
            ("2023-02-01T00:14:59", None),
            ("2023-02-01T00:15:00", (None, "2023-02-01T00:00:00Z")),
            ("2023-02-01T01:14:59", None),
            ("2023-02-01T01:15:00", ("2023-02-01T00:00:00Z", "2023-02-01T01:00:00Z")),
        ],
    ),
    (
        _FEBRUARY,
        [
            ("2023-02-01T12:00:00", None),
            ("2023-02-02T12:00:00", ("2023-02-01T12:00:00Z", "2023-02-02T12:00:00Z")),
            ("2023-02-28T12:00:00", ("2023-02-02T12:00:00Z", "2023-02-28T12:00:00Z")),
            ("2023-03-01T12:00:00", ("2023-02-28T12:00:00Z", "2023-03-01T12:00:00Z")),
            ("2023-03-02T12:00:00", None),
        ],
    ),
    (
        _MONTHLY,
        [
            ("2023-02-05T23:59:59", None),
            ("2023-02-06T00:00:00", ("2020-01-01T00:00:00Z", "2023-02-01T00:00:00Z")),
            ("2023-03-05T23:59:59", None),
            ("2023-03-06T00:00:00", ("2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z")),
        ],
    ),
    (
        _YEAR_2020,
        [
            ("2023-02-01T15:13:22", ("2020-01-01T00:00:00Z", "2023-02-01T15:13:22Z")),
            ("2023-02-01T15:14:22", None),
        ],
    ),
]


@pytest.mark.parametrize(
    ("fields", "ticks"), _TICKS, ids=["hourly", "hourly-delayed", "february", "monthly-delayed", "once"]
)
def test_a_schedule_of_the_document_reads_each_interval_once_when_it_is_due(fields: dict[str, Any], ticks: Any) -> None:
    runs = Runs(pipeline(**fields))
    assert [(now, runs.read(now)) for now, _ in ticks] == ticks


@pytest.mark.parametrize(
    ("fields", "due"),
    [(_HOURLY, "2023-02-01T00:15"), (_DELAYED, "2023-02-01T00:15"), (_MONTHLY, "2023-02-06T00:00")],
    ids=["hourly", "hourly-delayed", "monthly-delayed"],
)
def test_the_first_run_of_an_interval_schedule_is_due_at_its_start_and_delay(fields: dict[str, Any], due: str) -> None:
    assert fires_at(pipeline(**fields).schedule, 0) == utc(due)


def test_a_run_is_named_after_the_start_of_its_interval() -> None:
    monthly = Runs(pipeline(**_MONTHLY))
    assert _planned(monthly, "2023-02-06T00:00").logical_date == utc("2023-01-01")
    assert _planned(monthly, "2023-03-06T00:00").logical_date == utc("2023-02-01")


def test_each_trigger_of_an_on_demand_pipeline_reads_from_the_last_one_to_now() -> None:
    runs = Runs(pipeline(**_ON_DEMAND))
    assert runs.read("2023-02-04T08:30:17", MANUAL) == ("2020-01-01T00:00:00Z", "2023-02-04T08:30:17Z")
    assert runs.read("2023-02-08T12:05:45", MANUAL) == ("2023-02-04T08:30:17Z", "2023-02-08T12:05:45Z")


def test_both_spellings_of_on_demand_mean_the_same() -> None:
    assert pipeline(schedule={"type": "on-demand"}) == pipeline(schedule={"type": "on_demand"})


def test_a_full_sync_filters_by_its_own_from_and_until_on_every_run() -> None:
    planned = _planned(Runs(pipeline(**_YEAR_2020)), "2023-02-01T15:13:22")
    assert (planned.read_from, planned.read_until) == ("2020-01-01T00:00:00.000000Z", "2021-01-01T00:00:00.000000Z")


def test_a_full_sync_without_a_filter_reads_everything_once_per_interval() -> None:
    runs = Runs(pipeline(sync_mode={"type": "full"}, schedule=interval("daily", "2023-02-01T00:00:00Z")))
    first = _planned(runs, "2023-02-02T00:00")
    assert (first.read_from, first.read_until) == (None, None)
    assert runs.at("2023-02-02T08:00") is None
    assert _planned(runs, "2023-02-03T00:00").read_until is None


@pytest.mark.parametrize("kind", ["once", "on_demand"])
def test_until_caps_what_is_read_and_then_nothing_is_left(kind: str) -> None:
    mode = incremental(until="2023-02-02T00:00:00Z")
    runs = Runs(pipeline(sync_mode=mode, schedule={"type": kind}))
    assert runs.read("2023-02-05", MANUAL) == (None, "2023-02-02T00:00:00Z")
    assert runs.read("2023-02-06", MANUAL) is None


def test_a_pipeline_that_runs_once_may_still_be_triggered_by_hand() -> None:
    runs = Runs(pipeline(sync_mode=incremental(), schedule={"type": "once"}))
    assert runs.read("2023-02-05") == (None, "2023-02-05T00:00:00Z")
    assert runs.read("2023-02-06") is None
    assert runs.read("2023-02-07", MANUAL) == ("2023-02-05T00:00:00Z", "2023-02-07T00:00:00Z")


def test_what_has_nothing_to_read_says_which_pipeline_and_why() -> None:
    runs = Runs(pipeline(sync_mode={"type": "full"}, schedule=interval("daily", "2023-02-01T00:00:00Z")))
    runs.at("2023-02-02T00:00")
    with pytest.raises(NothingToSyncError) as nothing:
        plan(runs.pipeline, watermark=runs.watermark, now=utc("2023-02-02T08:00"), request=SCHEDULED)
    assert nothing.value.pipeline_id == "flights"
    assert to_text(utc("2023-02-02")) in str(nothing.value)


@pytest.mark.parametrize(
    ("delay", "due"),
    [
        ("30s", "2023-02-01T00:00:30"),
        ("15m", "2023-02-01T00:15"),
        ("2h", "2023-02-01T02:00"),
        ("5d", "2023-02-06T00:00"),
        ("2w", "2023-02-15T00:00"),
        ("1y", "2024-02-01T00:00"),
    ],
)
def test_a_delay_moves_when_a_run_is_due_and_not_what_it_reads(delay: str, due: str) -> None:
    runs = Runs(pipeline(sync_mode=incremental(), schedule=interval("daily", "2023-02-01T00:00:00Z", delay=delay)))
    assert fires_at(runs.pipeline.schedule, 0) == utc(due)
    assert runs.read(due) == (None, "2023-02-01T00:00:00Z")


def _planned(runs: Runs, now: str) -> SyncRange:
    planned = runs.at(now)
    assert planned is not None
    return planned
