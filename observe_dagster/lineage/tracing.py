"""Follows each column of a query down to the columns of tables, through CTEs, subqueries, unions, laterals and pivots.

The columns of all scopes of a query are the nodes of a graph; a column of a table is a leaf. An output comes from the
leaves that can be reached from it, so circles (recursive CTEs) end, and two outputs of one name stay two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observe_dagster.config.models.paths import path_text
from observe_dagster.config.sql.select import STORED, Select, selected, stored_name, tables
from observe_dagster.lineage.edges import ColumnRef, Output, QueryLineage, Unresolved
from observe_dagster.lineage.names import Names
from observe_dagster.lineage.pivots import pivot_columns
from observe_dagster.lineage.qualifying import qualified

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

_Node = tuple[int, int | str]
"""A scope's identity, and one of its columns: a position in its list, or a name that only a star can give."""


@dataclass(slots=True)
class _Step:
    leaves: list[ColumnRef] = field(default_factory=list[ColumnRef])
    nodes: "list[tuple[Scope, int | str]]" = field(default_factory=list)


def trace(query: "exp.Query", names: Names) -> QueryLineage:
    """The lineage of a query whose names are folded; never raises."""
    read_tables = tables(Select(text="", dialect=names.dialect, tree=query))
    reads = tuple(dict.fromkeys(names.path(table) for table in read_tables))
    scope, problem = qualified(query, names)
    if scope is None:
        return QueryLineage(reads=reads, unresolved=(_at(query, f"the query cannot be followed: {problem}"),))
    walk = _Walk(names=names)
    if problem is not None:
        walk.note(query, f"followed by its text alone: {problem}")
    outputs = tuple(walk.outputs(scope))
    return QueryLineage(outputs=outputs, reads=reads, unresolved=tuple(walk.notes))


@dataclass(slots=True, kw_only=True)
class _Walk:
    names: Names
    notes: dict[Unresolved, None] = field(default_factory=dict[Unresolved, None])
    steps: dict[_Node, _Step] = field(default_factory=dict[_Node, _Step])
    positions: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])

    def note(self, expression: "exp.Expr", reason: str) -> None:
        self.notes[_at(expression, reason)] = None

    def outputs(self, scope: "Scope") -> Iterator[Output]:
        for position, item in enumerate(_items(scope)):
            if item.is_star:
                self.note(item, f"* stands for columns that are not known{self._unknown(scope, item)}")
                yield Output(name=None, star=True)
            else:
                yield Output(name=self.name(scope, position, frozenset()), sources=tuple(self.sources(scope, position)))

    def sources(self, scope: "Scope", position: int) -> Iterator[ColumnRef]:
        """The leaves below a column, in the order in which they are written."""
        leaves: dict[ColumnRef, None] = {}
        visited: set[_Node] = set()
        pending: list[tuple[Scope, int | str]] = [(scope, position)]
        while pending:
            above, column = pending.pop()
            node = (id(above), column)
            if node in visited:
                continue
            visited.add(node)
            if node not in self.steps:
                self.steps[node] = self._step(above, column)
            step = self.steps[node]
            leaves |= dict.fromkeys(step.leaves)
            pending.extend(reversed(step.nodes))
        yield from leaves

    def name(self, scope: "Scope", position: int, above: frozenset[int]) -> str | None:
        """The name of a column as the engine stores it."""
        from sqlglot import exp

        items = _items(scope)
        if position >= len(items) or id(scope) in above:
            return None
        item = items[position]
        alias = item.args.get("alias") if isinstance(item, exp.Alias) else None
        if isinstance(alias, exp.Identifier) and STORED in alias.meta:
            return stored_name(alias)
        value = item.this if isinstance(item, exp.Alias) else item
        if isinstance(value, exp.Column) and (alias is None or alias.name == value.name):
            return self._name_of_column(_owner(scope), value, above | {id(scope)})
        merged = isinstance(value, exp.Coalesce) and alias is not None and not alias.name.startswith("_col_")
        has_name = merged or isinstance(value, exp.Column | exp.Dot)
        return alias.name if alias is not None and has_name else None

    def _name_of_column(self, scope: "Scope", column: "exp.Column", above: frozenset[int]) -> str:
        from sqlglot import exp

        if STORED in column.this.meta:
            return stored_name(column.this)
        source = scope.sources.get(column.table)
        if isinstance(source, exp.Table):
            return self.names.stored_column(self.names.path(source), column.name, written=column.name)
        position = None if source is None else self._position(source, column.name)
        name = None if source is None or position is None else self.name(source, position, above)
        return column.name if name is None else name

    def _step(self, scope: "Scope", column: int | str) -> _Step:
        """What one column of one scope is made from directly."""
        from sqlglot import exp

        step = _Step()
        if isinstance(scope.expression, exp.SetOperation):
            self._of_branches(scope, column, step)
        elif isinstance(scope.expression, exp.Subquery):
            step.nodes.extend((inner, column) for inner in scope.subquery_scopes[:1])
        elif isinstance(scope.expression, exp.Select):
            if isinstance(column, str):
                self._through_star(scope, column, step)
            elif column < len(scope.expression.selects):
                self._of_value(scope, scope.expression.selects[column], step)
        else:
            for part in scope.expression.find_all(exp.Column):
                self._of_column(scope, part, step)
        return step

    def _of_branches(self, scope: "Scope", column: int | str, step: _Step) -> None:
        by_name = scope.expression.args.get("by_name")
        for branch in scope.set_operation_scopes:
            position: int | str | None = column
            if by_name and isinstance(column, int):
                position = self._position(branch, _items(scope)[column].alias_or_name)
            if position is not None:
                step.nodes.append((branch, position))

    def _of_value(self, scope: "Scope", value: "exp.Expr", step: _Step) -> None:
        from sqlglot import exp
        from sqlglot.optimizer.scope import find_all_in_scope

        inner = {id(inner_scope.expression): inner_scope for inner_scope in scope.subquery_scopes}
        for part in find_all_in_scope(value, exp.Column, *exp.UNWRAPPED_QUERIES):
            if isinstance(part, exp.Column):
                if not isinstance(part.this, exp.Star):
                    self._of_column(scope, part, step)
            elif id(part) in inner:
                below = inner[id(part)]
                step.nodes.extend((below, position) for position in range(len(_items(below))))

    def _of_column(self, scope: "Scope", column: "exp.Column", step: _Step) -> None:
        from sqlglot import exp
        from sqlglot.optimizer.scope import Scope

        alias = column.table or self._only_source(scope, column)
        if alias is None:
            return
        owner: Scope | None = scope
        while owner is not None and alias not in owner.sources and not _pivoted_as(owner, alias):
            owner = owner.parent
        if owner is None:
            self.note(column, f"there is no table {alias!r} for the column {column.name!r}")
            return
        source = owner.sources.get(alias)
        if _pivoted_as(owner, alias) and not isinstance(source, Scope):
            self._of_pivot(owner, column, step)
        elif isinstance(source, exp.Table):
            self._of_table(owner, source, column, step)
        elif isinstance(source, Scope):
            self._of_scope(source, column, step)

    def _of_table(self, scope: "Scope", table: "exp.Table", column: "exp.Column", step: _Step) -> None:
        from sqlglot import exp
        from sqlglot.optimizer.scope import Scope

        below = None if table.db else scope.cte_sources.get(table.name)
        if isinstance(below, Scope):
            self._of_scope(below, column, step)
        elif isinstance(table.this, exp.Identifier):
            path = self.names.path(table)
            stored = self.names.stored_column(path, column.name, written=stored_name(column.this))
            known = self.names.columns_of(path)
            if known is not None and stored not in known:
                self.note(column, f"the table {path_text(path)} has no column {stored!r}")
                return
            step.leaves.append(ColumnRef(table=path, column=stored))
        else:
            for part in table.this.find_all(exp.Column):
                self._of_column(scope, part, step)

    def _of_scope(self, source: "Scope", column: "exp.Column", step: _Step) -> None:
        from sqlglot import exp

        if isinstance(source.expression, exp.Lateral) and source.subquery_scopes:
            named = list(source.expression.alias_column_names)
            source = source.subquery_scopes[-1]
            if column.name in named:
                step.nodes.append((source, named.index(column.name)))
                return
        elif not isinstance(source.expression, exp.Query):
            step.nodes.append((source, 0))
            return
        position = self._position(source, column.name)
        if position is not None:
            step.nodes.append((source, position))
        elif any(item.is_star for item in _items(source)):
            step.nodes.append((source, column.name))
        else:
            self.note(column, f"the query {column.table!r} gives no column {column.name!r}")

    def _of_pivot(self, scope: "Scope", column: "exp.Column", step: _Step) -> None:
        from sqlglot import exp
        from sqlglot.optimizer.scope import Scope

        pivots = scope.pivots
        parent = pivots[-1].parent
        origin = parent.alias_or_name if parent is not None else ""
        made = pivot_columns(pivots).get(column.name, [column])
        for part in made:
            below = scope.sources.get(origin)
            plain = exp.Column(this=part.this.copy(), table=exp.to_identifier(origin, quoted=True))
            if isinstance(below, exp.Table):
                self._of_table(scope, below, plain, step)
            elif isinstance(below, Scope):
                self._of_scope(below, plain, step)
            else:
                self.note(column, f"the pivot that gives {column.name!r} cannot be followed")

    def _through_star(self, scope: "Scope", name: str, step: _Step) -> None:
        """A column that only a star can give: it is the one unknown table's, where there is one."""
        from sqlglot import exp

        stars = [item for item in _items(scope) if item.is_star]
        aliases = [item.table for item in stars if isinstance(item, exp.Column)]
        if any(isinstance(item, exp.Star) for item in stars):
            aliases = list(selected(scope))
        if len(aliases) == 1:
            table = exp.to_identifier(aliases[0], quoted=True)
            self._of_column(scope, exp.Column(this=exp.to_identifier(name, quoted=True), table=table), step)
        else:
            self.note(stars[0], f"{name!r} comes through a * over several tables whose columns are not known")

    def _unknown(self, scope: "Scope", item: "exp.Expr") -> str:
        from sqlglot import exp

        if isinstance(item, exp.Column):
            return f": those of {item.table!r}"
        sources = [source for source in selected(_owner(scope)).values() if isinstance(source, exp.Table)]
        paths = [self.names.path(source) for source in sources if isinstance(source.this, exp.Identifier)]
        unknown = [path_text(path) for path in paths if self.names.columns_of(path) is None]
        return f": those of {', '.join(unknown)}" if unknown else ""

    def _only_source(self, scope: "Scope", column: "exp.Column") -> str | None:
        """The only source that has a column of that name, or the only one of which that is not known."""
        sources = selected(scope) or dict(scope.sources)
        has = {alias: self._has(source, column.name) for alias, source in sources.items()}
        for answer_sought in (True, None):
            aliases = [alias for alias, answer in has.items() if answer is answer_sought]
            if len(aliases) == 1:
                return aliases[0]
            if aliases:
                several = ", ".join(repr(alias) for alias in aliases)
                self.note(column, f"the column {column.name!r} may be of any of {several}: their columns are not known")
                return None
        if sources:
            self.note(column, f"no table has a column {column.name!r}")
        return None

    def _has(self, source: "Scope | exp.Table", name: str) -> bool | None:
        from sqlglot import exp

        if isinstance(source, exp.Table):
            known = self.names.columns_of(self.names.path(source)) if isinstance(source.this, exp.Identifier) else None
            return None if known is None else name in map(self.names.fold, known)
        if not isinstance(source.expression, exp.Query):
            named = list(source.expression.alias_column_names)
            return name in named if named else None
        if self._position(source, name) is not None:
            return True
        return None if any(item.is_star for item in _items(source)) else False

    def _position(self, scope: "Scope", name: str) -> int | None:
        if id(scope) not in self.positions:
            positions: dict[str, int] = {}
            for position, item in enumerate(_items(scope)):
                positions.setdefault(item.alias_or_name, position)
            self.positions[id(scope)] = positions
        return self.positions[id(scope)].get(name)


def _items(scope: "Scope") -> "list[exp.Expr]":
    from sqlglot import exp

    if isinstance(scope.expression, exp.SetOperation | exp.Subquery):
        below = scope.set_operation_scopes or scope.subquery_scopes
        return _items(below[0]) if below else []
    return scope.expression.selects if isinstance(scope.expression, exp.Select) else []


def _owner(scope: "Scope") -> "Scope":
    """The scope that the columns of `_items` belong to."""
    from sqlglot import exp

    while isinstance(scope.expression, exp.SetOperation | exp.Subquery):
        below = scope.set_operation_scopes or scope.subquery_scopes
        if not below:
            break
        scope = below[0]
    return scope


def _pivoted_as(scope: "Scope", alias: str) -> bool:
    pivots = scope.pivots
    return bool(pivots) and pivots[-1].alias_or_name == alias


def _at(expression: "exp.Expr", reason: str) -> Unresolved:
    """The place of an expression; line 0 where the parser has not kept it."""
    from sqlglot import exp

    located: Iterable[Any] = expression.find_all(exp.Identifier, exp.Star, bfs=False)
    where = next((part.meta for part in located if "line" in part.meta), {})
    length = int(where.get("end", 0)) - int(where.get("start", 0))
    return Unresolved(reason=reason, line=int(where.get("line", 0)), column=max(1, int(where.get("col", 1)) - length))
