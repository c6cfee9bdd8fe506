"""What a run reads when it is triggered by hand, catches up, reads an old range again, or is given windows."""

from typing import Any

import pytest
from inline_snapshot import snapshot

from observe_dagster.errors import LimitExceededError, NothingToSyncError, SyncError
from observe_dagster.records import RunType
from observe_dagster.sync.ranges import SyncRequest, from_text, plan, to_text
from tests.unit.sync.declaring import MANUAL, SCHEDULED, Runs, incremental, interval, pipeline, utc

_HOURLY = interval("hourly", "2024-03-01T00:00:00Z", delay="15m")
_APPEND = {"write_mode": "append", "primary_key": []}
_WATERMARK = "2024-03-02T00:00:00.000000Z"
_NOW = utc("2024-03-03T00:00")


def _backfill(from_: str, until: str | None = None) -> SyncRequest:
    return SyncRequest(run_type=RunType.MANUAL, from_=utc(from_), until=None if until is None else utc(until))


def _refused(declared: Any, request: SyncRequest, watermark: str | None = _WATERMARK) -> str:
    with pytest.raises(SyncError) as refused:
        plan(declared, watermark=watermark, now=_NOW, request=request)
    return str(refused.value)


def test_a_manual_trigger_moves_the_watermark_and_the_schedule_goes_on_from_there() -> None:
    runs = Runs(pipeline(schedule=_HOURLY))
    assert runs.read("2024-03-01T00:15") == (None, "2024-03-01T00:00:00Z")
    assert runs.read("2024-03-01T00:40", MANUAL) == ("2024-03-01T00:00:00Z", "2024-03-01T00:40:00Z")
    assert runs.read("2024-03-01T01:15") == ("2024-03-01T00:40:00Z", "2024-03-01T01:00:00Z")
    assert runs.read("2024-03-01T02:05", MANUAL) == ("2024-03-01T01:00:00Z", "2024-03-01T02:05:00Z")
    assert runs.read("2024-03-01T02:15") is None
    assert runs.read("2024-03-01T03:15") == ("2024-03-01T02:05:00Z", "2024-03-01T03:00:00Z")


def test_downtime_is_caught_up_in_one_run() -> None:
    runs = Runs(pipeline(schedule=_HOURLY))
    runs.read("2024-03-01T00:15")
    assert runs.read("2024-03-09T17:32") == ("2024-03-01T00:00:00Z", "2024-03-09T17:00:00Z")


def test_a_gap_longer_than_max_catchup_faults_until_everything_is_read_again() -> None:
    declared = pipeline(sync_mode=incremental(max_catchup="12h"), schedule=_HOURLY)
    with pytest.raises(LimitExceededError) as exceeded:
        plan(declared, watermark=_WATERMARK, now=_NOW, request=SCHEDULED)
    assert str(exceeded.value) == snapshot(
        "Pipeline flights is 23:00:00 behind, more than max_catchup 12:00:00. Raise max_catchup, or trigger the "
        "pipeline with full_refresh."
    )
    refreshed = plan(declared, watermark=_WATERMARK, now=_NOW, request=SyncRequest(full_refresh=True))
    assert (refreshed.start, refreshed.end, refreshed.full_refresh) == (None, to_text(_NOW), True)


def test_a_gap_of_exactly_max_catchup_is_read() -> None:
    declared = pipeline(sync_mode=incremental(max_catchup="1d"))
    assert plan(declared, watermark=_WATERMARK, now=_NOW, request=MANUAL).end == to_text(_NOW)


def test_max_catchup_does_not_limit_the_first_run() -> None:
    declared = pipeline(sync_mode=incremental(**{"from": "1999-01-01T00:00:00Z", "max_catchup": "1h"}))
    assert plan(declared, watermark=None, now=_NOW, request=MANUAL).start == "1999-01-01T00:00:00.000000Z"


def test_lag_reads_an_overlap_without_moving_the_start() -> None:
    planned = plan(pipeline(sync_mode=incremental(lag="10m")), watermark=_WATERMARK, now=_NOW, request=MANUAL)
    assert (planned.start, planned.read_from) == (_WATERMARK, "2024-03-01T23:50:00.000000Z")


def test_lag_does_not_read_what_lies_before_from() -> None:
    mode = incremental(**{"from": "2024-03-01T23:55:00Z", "lag": "10m"})
    planned = plan(pipeline(sync_mode=mode), watermark=_WATERMARK, now=_NOW, request=MANUAL)
    assert planned.read_from == "2024-03-01T23:55:00.000000Z"


def test_a_from_after_the_watermark_does_not_open_a_gap() -> None:
    mode = incremental(**{"from": "2024-03-02T12:00:00Z", "lag": "10m"})
    planned = plan(pipeline(sync_mode=mode), watermark=_WATERMARK, now=_NOW, request=MANUAL)
    assert (planned.start, planned.read_from) == (_WATERMARK, _WATERMARK)


def test_a_trigger_with_until_reads_up_to_there_and_the_next_one_goes_on() -> None:
    runs = Runs(pipeline())
    until = SyncRequest(until=utc("2024-03-01T06:00"))
    assert runs.read("2024-03-01T09:00", until) == (None, "2024-03-01T06:00:00Z")
    assert runs.read("2024-03-01T09:01", MANUAL) == ("2024-03-01T06:00:00Z", "2024-03-01T09:01:00Z")


def test_until_in_the_future_reads_up_to_now() -> None:
    assert Runs(pipeline()).read("2024-03-01T09:00", SyncRequest(until=utc("2030-01-01"))) == (
        None,
        "2024-03-01T09:00:00Z",
    )


@pytest.mark.parametrize(
    ("request_", "end"),
    [
        (_backfill("2024-02-01", "2024-02-02"), "2024-02-02T00:00:00.000000Z"),
        (_backfill("2024-02-01"), to_text(_NOW)),
        (_backfill("2024-02-01", "2031-01-01"), to_text(_NOW)),
    ],
    ids=["both", "from-only", "until-in-the-future"],
)
def test_a_backfill_reads_exactly_its_range_and_leaves_the_watermark(request_: SyncRequest, end: str) -> None:
    planned = plan(pipeline(sync_mode=incremental(lag="1h")), watermark=_WATERMARK, now=_NOW, request=request_)
    assert (planned.read_from, planned.read_until) == ("2024-02-01T00:00:00.000000Z", end)
    assert (planned.run_type, planned.moves_watermark) == (RunType.BACKFILL, False)


def test_a_backfill_of_the_future_has_nothing_to_read() -> None:
    with pytest.raises(NothingToSyncError):
        plan(pipeline(), watermark=_WATERMARK, now=_NOW, request=_backfill("2024-03-03"))


@pytest.mark.parametrize(
    ("request_", "watermark"),
    [
        (_backfill("2024-03-02"), _WATERMARK),
        (_backfill("2024-03-01", "2024-03-02T00:00:01"), _WATERMARK),
        (_backfill("2024-02-01", "2024-02-02"), None),
    ],
    ids=["from-the-watermark", "past-the-watermark", "before-the-first-run"],
)
def test_appending_a_range_that_is_not_behind_the_watermark_is_refused(
    request_: SyncRequest, watermark: str | None
) -> None:
    assert "only what is behind its watermark" in _refused(pipeline(destination=_APPEND), request_, watermark)


def test_a_backfill_of_an_appending_pipeline_ends_at_the_watermark() -> None:
    planned = plan(pipeline(destination=_APPEND), watermark=_WATERMARK, now=_NOW, request=_backfill("2024-02-01"))
    assert planned.end == _WATERMARK


def test_requests_that_make_no_sense_say_so() -> None:
    numbers = pipeline(sync_mode=incremental(iterator_data_type="integer"))
    both = SyncRequest(from_=utc("2024-01-01"), full_refresh=True)
    backwards = _backfill("2024-02-02", "2024-02-01")
    assert [
        _refused(numbers, _backfill("2024-01-01")),
        _refused(pipeline(sync_mode={"type": "full"}), SyncRequest(until=utc("2024-01-01"))),
        _refused(pipeline(), both),
        _refused(pipeline(), backwards),
        _refused(pipeline(destination=_APPEND), _backfill("2024-03-02")),
    ] == snapshot(
        [
            "Pipeline flights does not read by time, so `from` and `until` have no meaning for it.",
            "Pipeline flights does not read by time, so `from` and `until` have no meaning for it.",
            "`full_refresh` reads everything; leave out `from` and `until`.",
            "`from` must be before `until`.",
            (
                "Pipeline flights appends, so only what is behind its watermark "
                "(2024-03-02T00:00:00.000000Z) can be read again."
            ),
        ]
    )


def test_a_window_of_a_partitioned_pipeline_is_read_as_it_is() -> None:
    declared = pipeline(schedule={**_HOURLY, "partitioned": True})
    window = (utc("2024-03-01T05:00"), utc("2024-03-01T07:00"))
    request = SyncRequest(run_type=RunType.SCHEDULED, window=window)
    planned = plan(declared, watermark=_WATERMARK, now=_NOW, request=request)
    assert (planned.start, planned.end) == (to_text(window[0]), to_text(window[1]))
    assert (planned.run_type, planned.moves_watermark) == (RunType.SCHEDULED, False)


@pytest.mark.parametrize(
    ("window", "read"),
    [
        (("05:00", "07:00"), ("05:30", "06:15")),
        (("05:00", "06:00"), ("05:30", "06:00")),
        (("06:00", "07:00"), ("06:00", "06:15")),
        (("03:00", "04:00"), ("04:00", "04:00")),
        (("08:00", "09:00"), ("08:00", "08:00")),
    ],
)
def test_a_window_is_read_between_from_and_until_and_is_empty_outside(
    window: tuple[str, str], read: tuple[str, str]
) -> None:
    limits = {"from": "2024-03-01T05:30:00Z", "until": "2024-03-01T06:15:00Z"}
    declared = pipeline(sync_mode=incremental(**limits), schedule={**_HOURLY, "partitioned": True})
    start, end = (utc(f"2024-03-01T{time}") for time in window)
    planned = plan(declared, watermark=None, now=_NOW, request=SyncRequest(window=(start, end)))
    assert (planned.start, planned.end) == tuple(to_text(utc(f"2024-03-01T{time}")) for time in read)
    assert planned.logical_date == start


def test_a_whole_number_iterator_goes_on_from_the_last_number_with_an_open_end() -> None:
    declared = pipeline(sync_mode=incremental(iterator_data_type="integer", lag=5))
    first = plan(declared, watermark=None, now=_NOW, request=MANUAL)
    later = plan(declared, watermark="120", now=_NOW, request=MANUAL)
    refreshed = plan(declared, watermark="120", now=_NOW, request=SyncRequest(full_refresh=True))
    assert (first.start, first.read_from, first.end) == (None, None, None)
    assert (later.start, later.read_from, later.end, later.moves_watermark) == ("120", "115", None, True)
    assert (refreshed.start, refreshed.read_from) == (None, None)


@pytest.mark.parametrize(
    ("data_type", "watermark"), [("datetime_tz", "20240101"), ("date", "-5"), ("integer", _WATERMARK)]
)
def test_a_watermark_of_another_kind_of_iterator_asks_for_a_full_refresh(data_type: str, watermark: str) -> None:
    declared = pipeline(sync_mode=incremental(iterator_data_type=data_type))
    assert "its iterator has changed" in _refused(declared, MANUAL, watermark)
    refreshed = plan(declared, watermark=watermark, now=_NOW, request=SyncRequest(full_refresh=True))
    assert refreshed.start is None


def test_a_pipeline_that_turns_from_numbers_to_full_syncs_runs_on_its_schedule() -> None:
    declared = pipeline(sync_mode={"type": "full"}, schedule=_HOURLY)
    assert plan(declared, watermark="120", now=_NOW, request=SCHEDULED).end == "2024-03-02T23:00:00.000000Z"


def test_a_watermark_reads_back_as_it_was_written() -> None:
    instant = utc("2024-03-01T12:00:00.000001")
    assert from_text(to_text(instant)) == instant
