"""What a pipeline does, in words: the descriptions that the Dagster UI shows."""

import re
from datetime import timedelta

from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import FullSync, IntervalSchedule, OnceSchedule
from observe_dagster.orchestration.translator.keys import instant_text

_EVERY = {"hourly": "every hour", "daily": "every day", "weekly": "every week", "monthly": "every month"}
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def describe_pipeline(pipeline: Pipeline, data_model: DataModel) -> str:
    """Markdown: name, what is read and how it is written, when, and the SQL."""
    return "\n\n".join(
        [
            f"**{pipeline.name}**",
            f"{_reading(pipeline)} {_writing(pipeline)}",
            describe_schedule(pipeline),
            f"Data model `{data_model.id}`:",
            _sql_fence(data_model.sql),
        ]
    )


def describe_schedule(pipeline: Pipeline) -> str:
    """One or two sentences that say when the pipeline runs."""
    schedule = pipeline.schedule
    if isinstance(schedule, OnceSchedule):
        sentence = f"Runs once{_after(schedule.delay, 'it was first declared')}."
    elif isinstance(schedule, IntervalSchedule):
        until = f" until {instant_text(schedule.end)}" if schedule.end else ""
        zone = "" if schedule.frequency == "hourly" else f", counted in {schedule.timezone}"
        sentence = (
            f"Runs {_EVERY[schedule.frequency]}{_after(schedule.delay, 'the interval has closed')}, "
            f"from {instant_text(schedule.start)}{until}{zone}."
        )
        if schedule.partitioned:
            sentence += " Each interval is a partition."
    else:
        sentence = "Runs on demand."
    return (
        sentence if pipeline.state == "active" else f"{sentence} The pipeline is {pipeline.state}: nothing starts it."
    )


def describe_duration(duration: timedelta) -> str:
    """A duration in the largest unit that says it exactly, such as `90 minutes`."""
    for unit, word in _UNITS:
        if duration >= unit and duration % unit == timedelta(0):
            count = duration // unit
            return f"1 {word}" if count == 1 else f"{count} {word}s"
    return f"{duration.total_seconds():g} seconds"


def _after(delay: timedelta, event: str) -> str:
    return f", {describe_duration(delay)} after {event}" if delay else ""


def _reading(pipeline: Pipeline) -> str:
    mode = pipeline.sync_mode
    if isinstance(mode, FullSync):
        return f"Reads all rows from `{pipeline.connection_id}`"
    lag = mode.lag
    overlap = f" (and the last {describe_duration(lag)} again)" if isinstance(lag, timedelta) and lag else ""
    return f"Reads from `{pipeline.connection_id}` the rows whose `{mode.iterator_field}` moved on{overlap}"


def _writing(pipeline: Pipeline) -> str:
    if pipeline.mparticle is not None:
        kind = "events" if pipeline.mparticle.pipeline_type == "events" else "user attributes"
        return f"and loads them into mParticle as {kind}; Warehouse Sync does the work."
    to = pipeline.destination
    target = f"`{to.connection_id}`, table `{to.schema_}.{to.table}`"
    key = ", ".join(f"`{column}`" for column in to.primary_key)
    how = {
        "upsert": f"and upserts them by {key} into {target}.",
        "append": f"and appends them to {target}.",
        "replace": f"and replaces {target} with them.",
        "mirror": f"and mirrors them by {key} in {target}; rows that are gone are soft-deleted.",
    }[to.write_mode]
    if to.soft_delete_field:
        how += f" A row with `{to.soft_delete_field}` set counts as deleted."
    return how


def _sql_fence(sql: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", sql)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{sql}\n{fence}"
