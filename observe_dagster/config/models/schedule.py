"""When a pipeline runs and which rows a run reads."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.config import JsonDict

from observe_dagster.config.models.base import Declared, Duration, Identifier, Instant, read_duration


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]

IteratorDataType = Literal[
    "timestamp",
    "timestamptz",
    "datetime",
    "datetime_tz",
    "timestamp_ltz",
    "timestamp_ntz",
    "timestamp_tz",
    "date",
    "timestamp_unixtime_s",
    "timestamp_unixtime_ms",
    "integer",
]
"""How the iterator's values are read: instants (with or without zone), dates, unix seconds or milliseconds, or a
whole number that only grows."""


def _number_or_duration(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError("lag must not be negative")
        return value
    return read_duration(value)


class IncrementalSync(Declared):
    """Read only what changed since the last run, by a column that grows with each change."""

    type: Literal["incremental"]
    iterator_field: Identifier
    iterator_data_type: IteratorDataType
    iterator_timezone: TimeZone = "UTC"
    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None
    lag: Annotated[Duration | int, BeforeValidator(_number_or_duration)] | None = None
    null_iterator: Literal["reject", "include", "fail"] = "reject"
    max_rows_per_run: int | None = Field(default=None, ge=1)
    max_catchup: Duration | None = None

    @model_validator(mode="after")
    def _bounds_fit(self) -> "IncrementalSync":
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("from must be before until")
        whole_number = self.iterator_data_type == "integer"
        if whole_number and (self.from_ is not None or self.until is not None):
            raise ValueError("from and until are times; an integer iterator has none")
        if whole_number and self.max_catchup is not None:
            raise ValueError("max_catchup is a time; use max_rows_per_run with an integer iterator")
        if self.lag is not None and whole_number != isinstance(self.lag, int):
            raise ValueError("lag is a number for an integer iterator and a duration such as 10m for all others")
        return self


class FullSync(Declared):
    """Read the whole data model on each run; `from` and `until` filter on the iterator when one is named."""

    type: Literal["full"]
    iterator_field: Identifier | None = None
    iterator_data_type: IteratorDataType | None = None
    iterator_timezone: TimeZone = "UTC"
    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None
    max_rows_per_run: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _filter_has_iterator(self) -> "FullSync":
        if (self.iterator_field is None) != (self.iterator_data_type is None):
            raise ValueError("iterator_field and iterator_data_type go together")
        if self.iterator_field is None and (self.from_ is not None or self.until is not None):
            raise ValueError("from and until need an iterator_field to filter on")
        if self.iterator_data_type == "integer" and (self.from_ is not None or self.until is not None):
            raise ValueError("from and until are times; an integer iterator has none")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("from must be before until")
        return self


SyncMode = Annotated[IncrementalSync | FullSync, Field(discriminator="type")]


class IntervalSchedule(Declared):
    """Run once each interval, `delay` after it has closed. Intervals are counted from `start` in `timezone`."""

    type: Literal["interval"]
    frequency: Literal["hourly", "daily", "weekly", "monthly"]
    start: Instant
    end: Instant | None = None
    delay: Duration = Field(default="0s", validate_default=True)  # pyright: ignore[reportAssignmentType]
    timezone: TimeZone = "UTC"
    partitioned: bool = False

    @model_validator(mode="after")
    def _end_after_start(self) -> "IntervalSchedule":
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        return self


class OnceSchedule(Declared):
    """Run one time, as soon as the pipeline is known."""

    type: Literal["once"]
    delay: Duration = Field(default="0s", validate_default=True)  # pyright: ignore[reportAssignmentType]


def _both_spellings(schema: JsonDict) -> None:
    schema.pop("const")
    schema["enum"] = ["on_demand", "on-demand"]


class OnDemandSchedule(Declared):
    """Run only when triggered; `on-demand` is read as `on_demand`."""

    type: Literal["on_demand"] = Field(json_schema_extra=_both_spellings)
    delay: Duration = Field(default="0s", validate_default=True)  # pyright: ignore[reportAssignmentType]


def _one_spelling(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("type") == "on-demand":
        return {**value, "type": "on_demand"}
    return value


Schedule = Annotated[
    IntervalSchedule | OnceSchedule | OnDemandSchedule, Field(discriminator="type"), BeforeValidator(_one_spelling)
]
"""When a pipeline runs; the Warehouse Sync document spells `on_demand` both ways, and both are read."""
