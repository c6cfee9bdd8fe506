"""Dates and times arrive to the microsecond, whatever the session's time zone."""

from datetime import UTC, date, datetime, time, timedelta, timezone

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import NotOfferedError, require
from observe_dagster.warehouse.certify.round_trip import round_trip, round_trip_or_quarantine
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import INFINITY, MINUS_INFINITY

_MOMENTS = [
    datetime(1, 1, 1),  # noqa: DTZ001 (without a zone on purpose)
    datetime(1677, 9, 21, 0, 12, 43, 145223),  # noqa: DTZ001
    datetime(1969, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    datetime(2024, 3, 10, 2, 30, 0, 1),  # noqa: DTZ001
    datetime(2262, 4, 12),  # noqa: DTZ001
    datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
]


@case
def dates_arrive_from_the_first_to_the_last_day(trial: Trial) -> str:
    """Of the years 1 to 9999."""
    return round_trip(trial, [Kind.DATE], [date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)])


@case
def times_of_day_arrive_to_the_microsecond(trial: Trial) -> str:
    """From midnight to the last one."""
    return round_trip(trial, [Kind.TIME], [time(0), time(12, 30), time(23, 59, 59, 999999)])


@case
def timestamps_arrive_to_the_microsecond(trial: Trial) -> str:
    """From the year 1 to 9999, with those that nanoseconds of 64 bits cannot hold and hours that summer time skips."""
    return round_trip(trial, [Kind.TIMESTAMP], _MOMENTS)


@case
def timestamps_with_a_zone_arrive_as_the_same_instant(trial: Trial) -> str:
    """They are neither shifted by the session's zone nor do they lose theirs."""
    shifted = datetime(2024, 3, 10, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    moments = [moment.replace(tzinfo=UTC) for moment in _MOMENTS[1:-1]]
    return round_trip(trial, [Kind.TIMESTAMPTZ], [*moments, shifted])


@case
def infinite_dates_and_timestamps_arrive_or_are_quarantined(trial: Trial) -> str:
    """An engine that has no infinite time must not make another one of it."""
    kinds = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ)
    observed: list[str] = []
    for part, kind in enumerate(kinds, start=1):
        each = trial.sibling(part)
        observed.append(f"{kind}: {round_trip_or_quarantine(each, kind, [INFINITY, MINUS_INFINITY])}")
    return "; ".join(observed)


@case
def infinite_timestamps_in_arrays_arrive_or_are_quarantined(trial: Trial) -> str:
    """As elements they are the same."""
    if not trial.capabilities.arrays:
        raise NotOfferedError("arrays: the engine has none")
    array = DataType(kind=Kind.ARRAY, element=DataType(kind=Kind.TIMESTAMP))
    return round_trip_or_quarantine(trial, array, [[INFINITY, None, _MOMENTS[3]], [MINUS_INFINITY], []])


@case
def a_literal_of_a_time_is_that_time(trial: Trial) -> str:
    """The dialect's literals, which bounds are written with, mean what the values mean."""
    values = [date(2024, 2, 29), _MOMENTS[3], _MOMENTS[3].replace(tzinfo=UTC)]
    ((day, moment, instant),) = trial.ask(f"SELECT {', '.join(map(trial.dialect.literal, values))}")
    require([day, moment, instant.astimezone(UTC)], values, "literals")
    return "a date, a timestamp and one with a zone"
