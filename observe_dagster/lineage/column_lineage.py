"""Which source columns each output column of a SELECT comes from, as far as the text tells."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observe_dagster.lineage.tables import table_name
from observe_dagster.records import TableName
from observe_dagster.spec.select import (
    SelectFault,
    named,
    projections,
    read_select,
    root_scope,
    same_name,
    selected,
    stored_name,
)

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

ColumnSource = tuple[TableName, str]
"""A table and one of its columns, as the engine stores them."""

_MAX_DEPTH = 100


def column_sources(
    sql: str, dialect: str, default_schema: str, schema: Mapping[TableName, Sequence[str]] | None = None
) -> Mapping[str, tuple[ColumnSource, ...]]:
    """The source columns of each output column, in the order of the SELECT.

    `schema` gives the columns of tables where they are known: stars are expanded by it, and a column without a table
    is found by it. An output column without a name, and a source that cannot be told, are left out.
    """
    select = read_select(sql, dialect)
    scope = None if isinstance(select, SelectFault) else root_scope(select)
    if scope is None:
        return {}
    walk = _Walk(dialect=dialect, default_schema=default_schema, schema=schema or {})
    found = projections(scope, walk.columns_of) or walk.named(scope)
    return {
        column.name: tuple(dict.fromkeys(walk.sources(scope, number, expression, 0)))
        for number, (column, expression) in enumerate(found)
        if column.name is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    dialect: str
    default_schema: str
    schema: Mapping[TableName, Sequence[str]]

    def columns_of(self, table: "exp.Table") -> Sequence[str] | None:
        wanted = self._key(table_name(table, self.default_schema))
        return next((columns for name, columns in self.schema.items() if self._key(name) == wanted), None)

    def _key(self, name: TableName) -> tuple[str, str]:
        return same_name(self.dialect, name.schema), same_name(self.dialect, name.table)

    def named(self, scope: "Scope") -> list[Any]:
        """The columns that can be named although a star among them cannot be expanded."""
        from sqlglot import exp

        if not isinstance(scope.expression, exp.Select):
            return []
        return [(named(item), item) for item in scope.expression.selects if not item.is_star]

    def sources(self, scope: "Scope", number: int, expression: "exp.Expr", depth: int) -> Iterator[ColumnSource]:
        """The source columns of output `number` of a scope; a set operation takes it from each of its branches."""
        from sqlglot import exp

        if depth > _MAX_DEPTH:
            return
        if isinstance(scope.expression, exp.SetOperation):
            for branch in scope.set_operation_scopes:
                columns = projections(branch, self.columns_of) or []
                if number < len(columns):
                    yield from self.sources(branch, number, columns[number][1], depth + 1)
            return
        for column in expression.find_all(exp.Column):
            query = column.find_ancestor(exp.Query)
            if query is None or query is scope.expression:
                yield from self._of_column(scope, column, depth)
        for inner in scope.subquery_scopes:
            if any(inner.expression is query for query in expression.find_all(exp.Query)):
                for place, (_, value) in enumerate(projections(inner, self.columns_of) or ()):
                    yield from self.sources(inner, place, value, depth + 1)

    def _of_column(self, scope: "Scope", column: "exp.Column", depth: int) -> Iterator[ColumnSource]:
        for source in self._candidates(scope, column):
            yield from self._from_source(source, column, depth)

    def _candidates(self, scope: "Scope", column: "exp.Column") -> Iterable[Any]:
        sources = selected(scope)
        if column.table:
            return [scope.sources[column.table]] if column.table in scope.sources else []
        if len(sources) == 1:
            return sources.values()
        known = [source for source in sources.values() if self._place(source, column.name) is not None]
        return known if len(known) == 1 else []

    def _names(self, source: Any) -> list[str] | None:
        from sqlglot import exp

        if isinstance(source, exp.Table):
            columns = self.columns_of(source)
            return None if columns is None else [same_name(self.dialect, name) for name in columns]
        if source.outer_columns:
            return [same_name(self.dialect, name) for name in source.outer_columns]
        found = projections(source, self.columns_of)
        return None if found is None else [same_name(self.dialect, column.name or "") for column, _ in found]

    def _place(self, source: Any, name: str) -> int | None:
        names = self._names(source) or []
        wanted = same_name(self.dialect, name)
        return names.index(wanted) if wanted in names else None

    def _from_source(self, source: Any, column: "exp.Column", depth: int) -> Iterator[ColumnSource]:
        from sqlglot import exp

        if isinstance(source, exp.Table):
            if isinstance(source.this, exp.Identifier):
                place, known = self._place(source, column.name), self.columns_of(source)
                name = stored_name(column.this) if place is None or known is None else known[place]
                yield table_name(source, self.default_schema), name
            return
        place = self._place(source, column.name)
        columns = projections(source, self.columns_of)
        if place is not None and columns is not None:
            yield from self.sources(source, place, columns[place][1], depth + 1)
