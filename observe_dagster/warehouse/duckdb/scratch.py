"""A temporary DuckDB file in which rows of two other databases are compared, in bounded memory."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from observe_dagster.config.sql.quoting import string
from observe_dagster.errors import WarehouseError
from observe_dagster.warehouse.diff.statements import unescape
from observe_dagster.warehouse.duckdb.comparison import CANONICAL_JSON
from observe_dagster.warehouse.duckdb.session import MOST_THREADS

_MEMORY_LIMIT = "192MB"
_BATCH_ROWS = 10_000
_LONGEST_ROW = 16 * 1024 * 1024


class Scratch:
    """Takes rows under a name, answers queries about them, and is gone when closed."""

    connection_id = "scratch"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="observe-diff-"))
        self._driver = duckdb.connect(self._folder / "scratch.duckdb")
        self._driver.execute("SET TimeZone = 'UTC'")
        self._driver.execute("SET preserve_insertion_order = false")
        self._driver.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'")
        self._driver.execute(f"SET threads = least({MOST_THREADS}, current_setting('threads'))")
        self._driver.execute(f"SET temp_directory = {string(str(self._folder / 'spilled'))}")
        teach_json(self._driver)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Where the rows of a table are put before `take`."""
        return self._folder / f"{name}.csv"

    def take(self, name: str, columns: Mapping[str, str]) -> None:
        """Make a table of the exported rows at `path`, whose columns have these types and whose text is escaped."""
        path = self.path(name)
        fields = ", ".join(
            f"{unescape(column)} AS {column}" if kind == "VARCHAR" else column for column, kind in columns.items()
        )
        types = ", ".join(f"{string(column)}: {string(kind)}" for column, kind in columns.items())
        options = (
            "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', "
            f"allow_quoted_nulls = false, max_line_size = {_LONGEST_ROW}, buffer_size = {2 * _LONGEST_ROW}, "
            f"columns = {{{types}}}"
        )
        try:
            rows = f"SELECT {fields} FROM read_csv({string(str(path))}, {options})"
            self._driver.execute(f"CREATE TABLE {name} AS {rows}")
        except duckdb.Error as error:
            raise _error(error) from None
        path.unlink()

    def stream(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query whose answer may be large; give its rows in batches, in bounded memory."""
        try:
            cursor = self._driver.execute(query)
            while batch := cursor.fetchmany(_BATCH_ROWS):
                yield batch
        except duckdb.Error as error:
            raise _error(error) from None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query whose answer is small."""
        try:
            return self._driver.execute(query).fetchall()
        except duckdb.Error as error:
            raise _error(error) from None


def teach_json(driver: "duckdb.DuckDBPyConnection") -> None:
    """Give a session the function that compares json by its meaning."""
    driver.create_function(CANONICAL_JSON, _canonical, ["VARCHAR"], "VARCHAR")  # pyright: ignore[reportArgumentType]


def _canonical(text: str) -> str:
    try:
        read = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except ValueError:
        return text
    return json.dumps(read, sort_keys=True, separators=(",", ":"), default=str)


class _Number:
    """A number by its value, so that 1.0 is 1.00."""

    def __init__(self, digits: str) -> None:
        self.digits = digits

    def __str__(self) -> str:
        value = Decimal(self.digits)
        return "\0" + (
            format(value.normalize(), "f") if value.is_finite() and abs(value.adjusted()) < 400 else str(value)
        )


def _error(error: Exception) -> WarehouseError:
    return WarehouseError(Scratch.connection_id, " ".join(str(error).split()))
