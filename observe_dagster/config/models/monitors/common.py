"""What every kind of monitor shares: when it runs, who answers for it, and what its result does."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from observe_dagster.config.models.base import Declared, Name
from observe_dagster.config.models.cron import Cron
from observe_dagster.config.models.owners import Owner

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::00)?Z?")


def _whole_minute(text: str) -> str:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day in UTC; write hours and minutes, such as '08:30', quoted")
    return f"{match[1]}:{match[2]}"


class HourInterval(Declared):
    """At the beginning of each hour."""

    every: Literal["hour"]
    type: Literal["hourly"] = "hourly"


class DayInterval(Declared):
    """Once a day, at `utc_at` or at the full `hour`, both in UTC; at midnight when neither is given."""

    every: Literal["day"]
    utc_at: Annotated[str, AfterValidator(_whole_minute)] | None = None
    hour: int | None = Field(default=None, ge=0, le=23)
    type: Literal["daily"] = "daily"

    @model_validator(mode="after")
    def _one_time(self) -> "DayInterval":
        if self.utc_at is not None and self.hour is not None:
            raise ValueError("give either utc_at or hour, not both")
        return self


class MonitorSchedule(Declared):
    """`interval`, or `cron`, or `type: none` for a monitor that runs only by hand and after syncs. In UTC."""

    interval: Annotated[HourInterval | DayInterval, Field(discriminator="every")] | None = None
    cron: Cron | None = None
    type: Literal["crontab", "none"] | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "MonitorSchedule":
        ways = (self.interval is not None, self.cron is not None, self.type == "none")
        if sum(ways) != 1 or (self.type == "crontab" and self.cron is None):
            raise ValueError("give exactly one of interval, cron and type: none")
        return self

    @property
    def cron_schedule(self) -> str | None:
        """The schedule as a cron expression in UTC; None when the monitor has none."""
        if isinstance(self.interval, HourInterval):
            return "0 * * * *"
        if isinstance(self.interval, DayInterval):
            hour, minute = (self.interval.utc_at or f"{self.interval.hour or 0}:00").split(":")
            return f"{int(minute)} {int(hour)} * * *"
        return self.cron


def _no_notifications(value: tuple[object, ...]) -> tuple[object, ...]:
    if value:
        raise ValueError(
            "a monitor does not say who is told; declare alerts: with routes by kind, asset, owner or tag, "
            "and leave notifications out"
        )
    return value


class MonitorCommon(Declared):
    """Everything but what is observed. `engine`, `blocking`, `after_sync`, `severity` are ours, not Datafold's."""

    schedule: MonitorSchedule
    name: Name | None = None
    description: str | None = None
    enabled: bool = True
    tags: tuple[str, ...] = ()
    owner: Owner | None = None
    id: int | None = Field(default=None, ge=0)
    notifications: Annotated[tuple[object, ...], AfterValidator(_no_notifications)] = ()
    engine: Literal["local", "datafold"] = "local"
    blocking: bool = False
    after_sync: bool = False
    severity: Literal["warn", "error"] = "error"

    @property
    def is_local(self) -> bool:
        """Whether it runs here and not at Datafold."""
        return self.engine not in ("datafold",)


def refused(name: str, way_out: str) -> AfterValidator:
    """Refuse an option of Datafold's dialect that means nothing here, by its name."""

    def check(value: object) -> object:
        if value is not None:
            raise ValueError(f"{name} is not supported here; {way_out}")
        return value

    return AfterValidator(check)
