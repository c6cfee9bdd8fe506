"""Carries the lineage of a table so far over to its new name: a renamed table is the same table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from observe_dagster.lineage.edges import ColumnRef, QueryLineage, StatementLineage, TablePath
from observe_dagster.lineage.names import Names, Temporary
from observe_dagster.lineage.statements import Renamed

_Known = TypeVar("_Known")


class Renaming:
    """What one statement renames; several tables that change their names at once may swap them."""

    def __init__(self, renamed: Renamed, names: Names) -> None:
        self._names = names
        self._new: dict[TablePath, TablePath] = {}
        for old, new in renamed.pairs:
            before, after = names.path(old), names.path(new)
            beside = new.args.get("db") is None
            self._new[names.key(before)] = (*before[:-1], after[-1]) if beside else after

    def path(self, path: TablePath) -> TablePath:
        """The name of a table after it."""
        return self._new.get(self._names.key(path), path)

    def knows(self, statements: Sequence[StatementLineage]) -> bool:
        """Whether one of the tables occurs in an earlier statement."""
        targets = (one.target for one in statements if one.target is not None)
        known = {self._names.key(path) for path in (*targets, *(path for one in statements for path in one.reads))}
        return bool(self._new.keys() & (known | self._names.temporary.keys()))

    def statements(self, statements: Iterable[StatementLineage]) -> list[StatementLineage]:
        """The earlier statements under the new names."""
        return [self._statement(one) for one in statements]

    def remember(self) -> None:
        """Know under the new names what is known of the tables."""
        self._names.columns = self._moved(self._names.columns)
        kept = {path: self._temporary(one) for path, one in self._names.temporary.items()}
        self._names.temporary = self._moved(kept)

    def _statement(self, one: StatementLineage) -> StatementLineage:
        target = None if one.target is None else self.path(one.target)
        columns = tuple(replace(each, sources=self._refs(each.sources)) for each in one.columns)
        return replace(one, target=target, columns=columns, query=self._query(one.query))

    def _query(self, query: QueryLineage) -> QueryLineage:
        outputs = tuple(replace(each, sources=self._refs(each.sources)) for each in query.outputs)
        return replace(query, outputs=outputs, reads=tuple(map(self.path, query.reads)))

    def _temporary(self, one: Temporary) -> Temporary:
        columns = {name: self._refs(sources) for name, sources in one.columns.items()}
        return Temporary(reads=tuple(map(self.path, one.reads)), columns=columns)

    def _refs(self, sources: Iterable[ColumnRef]) -> tuple[ColumnRef, ...]:
        return tuple(ColumnRef(table=self.path(source.table), column=source.column) for source in sources)

    def _moved(self, known: Mapping[TablePath, _Known]) -> dict[TablePath, _Known]:
        rest = {path: one for path, one in known.items() if path not in self._new}
        moved = {self._names.key(self._new[path]): one for path, one in known.items() if path in self._new}
        return rest | moved
