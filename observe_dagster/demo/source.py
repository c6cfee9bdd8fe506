"""Load the example's five tables into a source database that then lives on as the real one would.

Rows that were settled before `live_from` are there from the start. Later ones wait in the schema `upcoming`, and
`advance` lets them happen: flights are announced, land or are cancelled; weather is observed.
"""

import tempfile
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, cast

import psycopg
from psycopg import sql

from observe_dagster.demo.tables import FLIGHTS, SMALL_TABLES, WEATHER, SourceTable, find_data
from observe_dagster.errors import LedgerError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ANNOUNCED_BEFORE = timedelta(hours=6)
"""How long before its departure a flight appears in the source."""

_COPY_BLOCK = 1 << 20
_NOT_YET_KNOWN = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")

Progress = Callable[[str, float], None]
"""Called with a table's name and the part of it that is loaded, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSource:
    """What was loaded: rows of each table, those that wait in `upcoming` included, and the newest flight's time."""

    rows: dict[str, int]
    shift_days: int
    newest: datetime


def load_source(
    url: str, *, now: datetime, live_from: datetime, progress: Progress = lambda _table, _part: None
) -> LoadedSource:
    """Create the five tables in an empty database and load them, dates moved so that the data ends just before `now`.

    Raises SettingsError when the data is not installed, LedgerError when the database refuses.
    """
    import duckdb

    data = find_data()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as reader, connect(url) as connection:
        files = {table.file: data / table.file for table in (WEATHER, *SMALL_TABLES)}
        with zipfile.ZipFile(data / FLIGHTS.file) as archive:
            files[FLIGHTS.file] = Path(archive.extract("flights.csv", folder))
        reader.execute(f"CREATE TABLE flights AS {_select(FLIGHTS, files)}")
        (newest,) = reader.execute("SELECT max(updated_at) FROM flights").fetchall()[0]
        newest = newest.replace(tzinfo=now.tzinfo)
        # The most whole days by which the flights can move and still all lie before `now`.
        shift_days = (now - newest).days
        _move_dates(reader, shift_days)
        reader.execute(f"CREATE TABLE weather AS {_select(WEATHER, files, shift_days)}")
        for table in SMALL_TABLES:
            reader.execute(f"CREATE TABLE {table.name} AS {_select(table, files)}")
        loading = _Loading(reader, connection, Path(folder) / "rows.csv", progress)
        rows = {table.name: loading.fill("public", table) for table in SMALL_TABLES}
        for table, settles in ((WEATHER, "time_hour"), (FLIGHTS, "updated_at")):
            happened = f"{settles} < TIMESTAMP '{live_from:%Y-%m-%d %H:%M:%S}'"
            rows[table.name] = loading.fill("public", table, happened)
            rows[table.name] += loading.fill("upcoming", table, f"NOT ({happened})")
        _index(connection)
        _announce(connection, until=live_from)
    return LoadedSource(rows=rows, shift_days=shift_days, newest=newest + timedelta(days=shift_days))


def advance(connection: psycopg.Connection, *, since: datetime, until: datetime) -> None:
    """Let happen in the source what happened in `[since, until)`: flights announced, landed and cancelled, weather."""
    with connection.transaction():
        _announce(connection, since=since, until=until)
        connection.execute(_SETTLE, {"since": since, "until": until})
        connection.execute(
            "INSERT INTO public.weather SELECT * FROM upcoming.weather"
            " WHERE time_hour >= %(since)s AND time_hour < %(until)s",
            {"since": since, "until": until},
        )


@contextmanager
def connect(url: str) -> Generator[psycopg.Connection]:
    """Open an autocommit connection in UTC; raises LedgerError in place of any error of the driver."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10, options="-c timezone=UTC") as connection:
            yield connection
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise LedgerError(f"The example's database refused: {reason}.") from None


@dataclass(frozen=True, slots=True)
class _Loading:
    """Copies tables from DuckDB to PostgreSQL through a CSV file."""

    reader: "DuckDBPyConnection"
    connection: psycopg.Connection
    file: Path
    progress: Progress

    def fill(self, schema: str, table: SourceTable, condition: str = "true") -> int:
        """Create `schema.table` and copy the rows that meet the condition; returns how many."""
        name = sql.Identifier(schema, table.name)
        self.connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        columns = sql.SQL(cast("LiteralString", table.columns))
        self.connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
        self.reader.execute(
            f"COPY (SELECT * FROM {table.name} WHERE {condition}) TO '{_quoted(self.file)}' (FORMAT csv, HEADER false)"  # noqa: S608 (text of our own)
        )
        total = max(1, self.file.stat().st_size)
        with self.file.open("rb") as lines, self.connection.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(name)) as copy:
                while block := lines.read(_COPY_BLOCK):
                    copy.write(block)
                    self.progress(table.name, lines.tell() / total)
            copied = cursor.rowcount
        # After the rows: building the key once is faster than keeping it up to date.
        key = sql.SQL(cast("LiteralString", table.constraints))
        self.connection.execute(sql.SQL("ALTER TABLE {} ADD {}").format(name, key))
        self.connection.execute(sql.SQL("ANALYZE {}").format(name))
        return copied


def _select(table: SourceTable, files: dict[str, Path], shift_days: int = 0) -> str:
    return table.select.format(path=_quoted(files[table.file]), shift_days=shift_days)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _move_dates(reader: "DuckDBPyConnection", shift_days: int) -> None:
    moved = ", ".join(
        f"{column} = {column} + INTERVAL ({shift_days}) DAY" for column in ("scheduled_at", "time_hour", "updated_at")
    )
    reader.execute(f"UPDATE flights SET flight_date = flight_date + {shift_days}, {moved}")  # noqa: S608 (our own text)


def _index(connection: psycopg.Connection) -> None:
    for statement in (
        "CREATE INDEX flights_updated_at ON public.flights (updated_at)",
        "CREATE INDEX weather_time_hour ON public.weather (time_hour)",
        "CREATE INDEX upcoming_flights_scheduled_at ON upcoming.flights (scheduled_at)",
        "CREATE INDEX upcoming_flights_updated_at ON upcoming.flights (updated_at)",
        "CREATE INDEX upcoming_weather_time_hour ON upcoming.weather (time_hour)",
    ):
        connection.execute(statement)


def _announce(connection: psycopg.Connection, *, until: datetime, since: datetime | None = None) -> None:
    bounds = {"since": since or datetime.min.replace(tzinfo=until.tzinfo), "until": until}
    connection.execute(_ANNOUNCE, {**bounds, "before": ANNOUNCED_BEFORE})


_COLUMNS = [column.split()[0] for column in FLIGHTS.columns.split(", ")]
_AS_ANNOUNCED = {
    **dict.fromkeys(_NOT_YET_KNOWN, "NULL"),
    "updated_at": "scheduled_at - %(before)s",
    "is_deleted": "false",
}
_ANNOUNCE = cast(
    "LiteralString",
    f"INSERT INTO public.flights ({', '.join(_COLUMNS)})"  # noqa: S608 (text of our own)
    f" SELECT {', '.join(_AS_ANNOUNCED.get(name, name) for name in _COLUMNS)} FROM upcoming.flights"
    " WHERE scheduled_at >= %(since)s + %(before)s AND scheduled_at < %(until)s + %(before)s",
)
_SETTLE = (
    # S608: the text is our own.
    f"UPDATE public.flights AS known SET ({', '.join((*_NOT_YET_KNOWN, 'updated_at', 'is_deleted'))}) ="  # noqa: S608
    f" ({', '.join(f'new.{name}' for name in (*_NOT_YET_KNOWN, 'updated_at', 'is_deleted'))})"
    " FROM upcoming.flights AS new WHERE new.flight_id = known.flight_id"
    " AND new.updated_at >= %(since)s AND new.updated_at < %(until)s"
)
