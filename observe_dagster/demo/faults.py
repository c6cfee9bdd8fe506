"""Seven faults, each told as a story: it is put in, has to be found by one check alone, and is mended."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from observe_dagster.config.models.check_names import FRESHNESS, TIMELINESS, anomaly_check_name
from observe_dagster.demo.databases import DemoDatabases
from observe_dagster.demo.scenario import Scenario, Story, withheld
from observe_dagster.errors import LedgerError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TOTAL_ROWS, _INSERTS = anomaly_check_name("total_rows"), anomaly_check_name("inserts")
_LATE_BY = timedelta(minutes=45)
_A_WHILE = timedelta(minutes=5)
_HOUR = timedelta(hours=1)


def half_the_rows(stage: Scenario) -> Story:
    """A day of flights arrives by half; it is read again when the rest is there."""
    return _withheld_rows(stage, "half the rows", "flights-daily", _at(stage, 0), one_of=2)


def no_rows(stage: Scenario) -> Story:
    """An hour of flights does not arrive at all; it is read again when it is there."""
    return _withheld_rows(stage, "zero rows", "flights-hourly", _at(stage, 18), one_of=1)


def triple_rows(stage: Scenario) -> Story:
    """Every hour's weather is sent three times, under three names; the copies are deleted on both sides."""
    fault, due = "triple rows", stage.take("weather-daily", _at(stage, 0))
    following = stage.take("weather-daily", due.at + _HOUR)
    since, until = stage.runs.interval(due.pipeline_id, due.at)
    yield due.at
    stage.source.execute(
        "INSERT INTO public.weather (origin, time_hour, temp) SELECT origin || suffix, time_hour, temp"
        " FROM public.weather CROSS JOIN (VALUES ('-2'), ('-3')) AS copies (suffix)"
        " WHERE time_hour >= %s AND time_hour < %s",
        [since, until],
    )
    stage.run(due)
    stage.look(fault, (_asset(stage, due.pipeline_id), _INSERTS), due.at)
    stage.source.execute("DELETE FROM public.weather WHERE origin LIKE '%-%'")
    with _lake(stage.places) as lake:
        lake.execute("DELETE FROM analytics.weather WHERE origin LIKE '%-%'")
    yield following.at
    stage.run(following)
    stage.look_again(fault)


def late_run(stage: Scenario) -> Story:
    """A run does not start when it is due, and then it does."""
    fault, due = "late run", stage.take("carrier-delays-daily", _at(stage, 0))
    yield due.at + _LATE_BY
    stage.watching.judge(due.at + _LATE_BY)
    stage.look(fault, (_asset(stage, due.pipeline_id), TIMELINESS), due.at)
    stage.run(due, due.at + _LATE_BY + _A_WHILE)
    stage.look_again(fault)


def stalled_pipeline(stage: Scenario) -> Story:
    """A pipeline does not run until its table is too old; somebody runs it."""
    fault, due = "stalled pipeline", stage.take("airport-traffic-daily", _at(stage, 0))
    noticed = due.at + timedelta(hours=7)
    yield noticed
    stage.watching.judge(noticed)
    stage.look(fault, (_asset(stage, due.pipeline_id), FRESHNESS), due.at)
    stage.runs.triggered(due.pipeline_id, noticed + _A_WHILE)
    stage.look_again(fault)


def dropped_column(stage: Scenario) -> Story:
    """Somebody drops a column of a table in the lake; the next sync brings it back."""
    fault, moment = "dropped column", _at(stage, 12, 20)
    yield moment
    drop_a_column(stage.places)
    stage.look(fault, stage.watching.monitor("airports-columns", moment), moment)
    stage.runs.triggered("airports-weekly", moment + _A_WHILE)
    stage.watching.monitor("airports-columns", moment + 2 * _A_WHILE)
    stage.look_again(fault)


def changed_rows(stage: Scenario) -> Story:
    """Somebody changes five rows of a table in the lake; the next sync puts them right."""
    fault, moment = "5 changed rows", _at(stage, 13, 20)
    yield moment
    change_five_rows(stage.places)
    stage.look(fault, stage.watching.monitor("planes-are-the-same", moment), moment)
    stage.runs.triggered("planes-weekly", moment + _A_WHILE)
    stage.watching.monitor("planes-are-the-same", moment + 2 * _A_WHILE)
    stage.look_again(fault)


STORIES: tuple[Callable[[Scenario], Story], ...] = (
    half_the_rows,
    no_rows,
    triple_rows,
    late_run,
    stalled_pipeline,
    dropped_column,
    changed_rows,
)


def drop_a_column(places: DemoDatabases) -> None:
    """Drop a column of the lake's airports."""
    with _lake(places) as lake:
        lake.execute("ALTER TABLE analytics.airports DROP COLUMN tzone")


def change_five_rows(places: DemoDatabases) -> None:
    """Change the number of seats of five of the lake's planes."""
    with _lake(places) as lake:
        lake.execute(
            "UPDATE analytics.planes SET seats = seats + 1"
            " WHERE tailnum IN (SELECT tailnum FROM analytics.planes ORDER BY tailnum LIMIT 5)"
        )


def _withheld_rows(stage: Scenario, fault: str, pipeline_id: str, at: datetime, *, one_of: int) -> Story:
    due = stage.take(pipeline_id, at)
    following = stage.take(pipeline_id, due.at + _A_WHILE)
    since, until = stage.runs.interval(pipeline_id, due.at)
    yield due.at
    with withheld(stage.source, since - _HOUR, until, one_of=one_of):
        stage.run(due)
    stage.look(fault, (_asset(stage, pipeline_id), _TOTAL_ROWS), due.at)
    stage.runs.triggered(pipeline_id, due.at + _A_WHILE, from_=since, until=until)
    yield following.at
    stage.run(following)
    stage.look_again(fault)


@contextmanager
def _lake(places: DemoDatabases) -> Generator["DuckDBPyConnection"]:
    import duckdb

    try:
        with duckdb.connect(str(places.lake_path)) as lake:
            yield lake
    except duckdb.Error as error:
        raise LedgerError(f"The example's lake refused: {type(error).__name__}.") from None


def _at(stage: Scenario, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(stage.day, time(hour, minute), UTC)


def _asset(stage: Scenario, pipeline_id: str) -> tuple[str, ...]:
    return stage.runs.project.pipeline(pipeline_id).table_key
