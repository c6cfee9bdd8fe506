"""Which table a name in SQL means, and which columns are known of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observe_dagster.config.sql.select import same_name, stored_name
from observe_dagster.lineage.edges import ColumnRef, TablePath

if TYPE_CHECKING:
    from sqlglot import exp

TableColumns = Mapping[TablePath, Sequence[str]]
"""The columns of tables, by their full paths, as the engine stores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """A table that is gone after the script: who reads it reads what it was made from."""

    reads: tuple[TablePath, ...]
    columns: Mapping[str, tuple[ColumnRef, ...]]


@dataclass(slots=True, kw_only=True)
class Names:
    """The tables of one text. `defaults` are the leading parts of a name that is written without them."""

    dialect: str
    defaults: tuple[str, ...] = ()
    columns: dict[TablePath, tuple[str, ...]] = field(default_factory=dict[TablePath, tuple[str, ...]])
    temporary: dict[TablePath, Temporary] = field(default_factory=dict[TablePath, Temporary])

    @classmethod
    def of(cls, dialect: str, defaults: Sequence[str] = (), schema: TableColumns | None = None) -> "Names":
        """Names over what is known of tables; a path in `schema` may leave out leading parts as well."""
        names = cls(dialect=dialect, defaults=tuple(defaults))
        for path, columns in (schema or {}).items():
            names.know(names.complete(path), columns)
        return names

    def path(self, table: "exp.Table") -> TablePath:
        """The full path of a table in a tree with folded names."""
        parts = [*(table.args.get("catalog"), table.args.get("db")), *_parts(table.this)]
        return self.complete(tuple(stored_name(part) for part in parts if part is not None))

    def complete(self, path: TablePath) -> TablePath:
        """The path with the default parts before it that it lacks."""
        missing = max(0, len(self.defaults) + 1 - len(path))
        return self.defaults[:missing] + path

    def key(self, path: TablePath) -> TablePath:
        """The path in the form in which the engine compares names."""
        return tuple(same_name(self.dialect, part) for part in path)

    def fold(self, name: str) -> str:
        """The name of a column in the form in which the engine compares names."""
        return same_name(self.dialect, name)

    def know(self, path: TablePath, columns: Iterable[str]) -> None:
        """Remember the columns of a table."""
        self.columns[self.key(path)] = tuple(columns)

    def forget(self, path: TablePath) -> None:
        """Know nothing of a table any more."""
        self.columns.pop(self.key(path), None)
        self.temporary.pop(self.key(path), None)

    def columns_of(self, path: TablePath) -> tuple[str, ...] | None:
        """The columns of a table as the engine stores them; None where they are not known."""
        return self.columns.get(self.key(path))

    def stored_column(self, path: TablePath, column: str, *, written: str) -> str:
        """A table's column as the engine stores it, by its folded name; as it is written where it is not known."""
        return next((name for name in self.columns_of(path) or () if self.fold(name) == column), written)


def _parts(name: "exp.Expr") -> list["exp.Expr"]:
    """The parts of a name with more than three, which are nested dots."""
    from sqlglot import exp

    return [*_parts(name.this), *_parts(name.expression)] if isinstance(name, exp.Dot) else [name]
