"""What is to be known of a SELECT: its columns and its tables, read once for each text and dialect.

Parsing is most of what loading thousands of data models takes, and each is asked for by the loader and by whoever
draws the graph of assets. So what was found is remembered; the parsed trees, which are large, are not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from observe_dagster.config.sql.select import (
    OutputColumn,
    SelectFault,
    projections,
    read_select,
    root_scope,
    stored_name,
    tables_in,
)

if TYPE_CHECKING:
    from sqlglot import exp

_MOST_REMEMBERED = 20_000
_AFTER_THE_LAST_WORD = "; \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A SELECT without what follows its last word; `columns` is None when a star stands for unknown ones.

    `tables` are those it reads, in the order they are written, each by schema (empty where none is named) and name as
    the engine stores them.
    """

    text: str
    dialect: str
    columns: tuple[OutputColumn, ...] | None
    tables: tuple[tuple[str, str], ...]


def reading(text: str, dialect: str) -> Reading | SelectFault:
    """Read one read-only SELECT of a dialect, or say why it is none."""
    return _read(text.rstrip(_AFTER_THE_LAST_WORD), dialect)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _read(text: str, dialect: str) -> Reading | SelectFault:
    select = read_select(text, dialect)
    if isinstance(select, SelectFault):
        return select
    scope = root_scope(select)
    columns = None if scope is None else projections(scope, lambda _: None)
    return Reading(
        text=select.text,
        dialect=dialect,
        columns=None if columns is None else tuple(column for column, _ in columns),
        tables=tuple(dict.fromkeys(_name(table) for table in tables_in(select, scope))),
    )


def _name(table: "exp.Table") -> tuple[str, str]:
    return stored_name(table.args.get("db")), stored_name(table.this)
