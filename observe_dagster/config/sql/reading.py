"""The columns and the tables of a SELECT, read once for each text and dialect.

Parsing is most of what loading thousands of data models takes, and the loader and the asset graph
both need them. So what was read is cached; the parsed trees, which are large, are not.
"""

from dataclasses import dataclass
from functools import lru_cache

from observe_dagster.config.sql.select import (
    OutputColumn,
    SelectFault,
    projections,
    read_select,
    root_scope,
    stored_name,
    tables_in,
)

_CACHE_SIZE = 20_000
_AFTER_THE_LAST_WORD = "; \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A SELECT without what follows its last word; `columns` is None when a star hides unknown ones.

    `tables` are those it reads, in the order they are written, each by schema (empty where none is named) and name as
    the engine stores them.
    """

    text: str
    dialect: str
    columns: tuple[OutputColumn, ...] | None
    tables: tuple[tuple[str, str], ...]

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The names of all columns; None when any of them is not known."""
        names = tuple(column.name for column in self.columns or () if column.name is not None)
        return None if self.columns is None or len(names) < len(self.columns) else names


def reading(text: str, dialect: str) -> Reading | SelectFault:
    """Read one read-only SELECT of a dialect, or give the fault."""
    return _read(text.rstrip(_AFTER_THE_LAST_WORD), dialect)


@lru_cache(maxsize=_CACHE_SIZE)
def _read(text: str, dialect: str) -> Reading | SelectFault:
    select = read_select(text, dialect)
    if isinstance(select, SelectFault):
        return select
    scope = root_scope(select)
    columns = None if scope is None else projections(scope, lambda _: None)
    names = ((stored_name(table.args.get("db")), stored_name(table.this)) for table in tables_in(select, scope))
    return Reading(
        text=select.text,
        dialect=dialect,
        columns=None if columns is None else tuple(column for column, _ in columns),
        tables=tuple(dict.fromkeys(names)),
    )
