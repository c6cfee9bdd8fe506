"""What one statement writes, as a target and a query for its rows: the one form that is traced.

UPDATE and MERGE become the SELECT that would give the values they set; writes inside WITH are writes of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Rows of `query` go to `target`; without a target they are only read, without a query nothing is known of them.

    `columns` are the target's columns in the query's order; None takes them from the table where `by_position`, else
    from the names of the query's columns. `copied` is a table of which the target gets all columns, with its rows
    where `with_rows`.
    """

    kind: str
    target: "exp.Table | None" = None
    columns: "tuple[exp.Identifier, ...] | None" = None
    query: "exp.Query | None" = None
    by_position: bool = False
    defines: bool = False
    view: bool = False
    temporary: bool = False
    copied: "exp.Table | None" = None
    with_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A statement without lineage; `reason` is why one that may have some is not followed."""

    kind: str
    reason: str | None = None
    dropped: "tuple[exp.Table, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """Tables that get new names, each with what it is called from then on."""

    kind: str
    pairs: "tuple[tuple[exp.Table, exp.Table], ...]"


_HARMLESS = frozenset(
    (  # noqa: SIM905 (a list of so many short words is easier to read as a text)
        "ALTER ANALYZE ATTACH BEGIN CACHE CHECKPOINT CLOSE COMMENT COMMIT DELETE DESCRIBE DETACH DISCARD DROP END "
        "EXPLAIN GRANT INSTALL KILL LISTEN LOAD LOCK NOTIFY OPTIMIZE PRAGMA REFRESH RESET REVOKE ROLLBACK SET SHOW "
        "TRUNCATE TRUNCATETABLE TRANSACTION UNCACHE USE VACUUM VALUES"
    ).split()
)
_NOT_ROWS = (
    "INDEX",
    "SCHEMA",
    "DATABASE",
    "SEQUENCE",
    "ROLE",
    "USER",
    "TYPE",
    "EXTENSION",
    "WAREHOUSE",
    "STAGE",
    "TAG",
)


def writes(tree: "exp.Expr") -> Iterator[Write | Ignored | Renamed]:
    """What a statement does, in the order in which it does it."""
    from sqlglot import exp

    yield from _inside_with(tree)
    if isinstance(tree, exp.Query | exp.Pivot):
        query = _as_query(tree)
        yield from _of_query(query) if query is not None else (_ignored(tree),)
    elif isinstance(tree, exp.Create):
        yield _of_create(tree)
    elif isinstance(tree, exp.Insert):
        yield from _of_insert(tree)
    elif isinstance(tree, exp.Update):
        yield from _of_update(tree)
    elif isinstance(tree, exp.Merge):
        yield from _of_merge(tree)
    elif isinstance(tree, exp.MultitableInserts):
        yield from _of_multitable(tree)
    elif isinstance(tree, exp.Alter):
        yield _of_alter(tree)
    else:
        yield _ignored(tree)


def _inside_with(tree: "exp.Expr") -> Iterator[Write | Ignored | Renamed]:
    """Writes inside WITH; each is replaced by a SELECT of what it returns."""
    from sqlglot import exp

    with_ = tree.args.get("with_")
    ctes: list[Any] = [] if with_ is None else with_.expressions
    for number, cte in enumerate(ctes):
        inner: exp.Expr = cte.this
        if isinstance(inner, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            before = [other.copy() for other in ctes[:number]]
            returning = inner.args.get("returning")
            target = inner.find(exp.Table)
            left = exp.select(*([item.copy() for item in returning.expressions] if returning else ["1"]))
            cte.set("this", left.from_(_bare(target)) if target is not None else left)
            if before:
                own = inner.args.get("with_")
                inner.set("with_", exp.With(expressions=[*before, *(own.expressions if own else ())]))
            yield from writes(inner)


def _of_query(tree: "exp.Query") -> Iterator[Write]:
    from sqlglot import exp

    into = tree.find(exp.Into)
    if into is None or not isinstance(into.this, exp.Table):
        yield Write(kind="SELECT", query=tree)
        return
    target, temporary = into.this, bool(into.args.get("temporary"))
    into.pop()
    yield Write(kind="SELECT INTO", target=target, query=tree, defines=True, temporary=temporary)


def _of_create(tree: "exp.Create") -> Write | Ignored:
    from sqlglot import exp

    kind = str(tree.kind or "").upper()
    if kind not in ("TABLE", "VIEW"):
        followed = kind in _NOT_ROWS
        return Ignored(
            kind=f"CREATE {kind}", reason=None if followed else f"what a {kind.lower()} does is not followed"
        )
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table):
        return Ignored(kind=f"CREATE {kind}", reason="its name cannot be told")
    clone, like = tree.args.get("clone"), tree.find(exp.LikeProperty)
    properties = tree.args.get("properties")
    query = tree.expression
    return Write(
        kind=f"CREATE {kind}",
        target=target,
        columns=_listed(tree.this),
        query=_as_query(query),
        defines=True,
        view=kind == "VIEW",
        temporary=properties is not None and properties.find(exp.TemporaryProperty) is not None,
        copied=clone.this if clone is not None else like.this if like is not None else None,
        with_rows=clone is not None,
    )


def _of_insert(tree: "exp.Insert") -> Iterator[Write | Ignored]:
    from sqlglot import exp

    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table):
        yield Ignored(kind="INSERT", reason="it writes no table")
        return
    columns, query = _listed(tree.this), _as_query(tree.expression)
    if query is None:
        yield Write(kind="INSERT", target=_bare(target), columns=columns)
        return
    query = _with(query, tree)
    yield Write(
        kind="INSERT", target=_bare(target), columns=columns, query=query, by_position=not tree.args.get("by_name")
    )
    conflict = tree.args.get("conflict")
    if conflict is not None and conflict.expressions and columns:
        excluded = exp.Subquery(
            this=query.copy(),
            alias=exp.TableAlias(this=exp.to_identifier("excluded"), columns=[column.copy() for column in columns]),
        )
        yield from _setting("INSERT", target, conflict.expressions, [excluded], tree)


def _of_update(tree: "exp.Update") -> Iterator[Write | Ignored]:
    from sqlglot import exp

    target = tree.this
    if not isinstance(target, exp.Table):
        yield Ignored(kind="UPDATE", reason="it writes no table")
        return
    from_ = tree.args.get("from_")
    joined = [*target.args.get("joins", []), *([from_.this, *from_.this.args.get("joins", [])] if from_ else [])]
    yield from _setting("UPDATE", target, tree.expressions, joined, tree)


def _of_merge(tree: "exp.Merge") -> Iterator[Write | Ignored]:
    from sqlglot import exp

    target, using = tree.this, tree.args["using"]
    whens = tree.args.get("whens")
    if not isinstance(target, exp.Table):
        yield Ignored(kind="MERGE", reason="it writes no table")
        return
    for when in whens.expressions if whens is not None else ():
        then = when.args.get("then")
        if isinstance(then, exp.Update) and not any(isinstance(item, exp.Star) for item in then.expressions):
            yield from _setting("MERGE", target, then.expressions, [using], tree)
        elif isinstance(then, exp.Update | exp.Insert):
            yield _merge_insert(then, target, using, tree)


def _merge_insert(then: "exp.Update | exp.Insert", target: "exp.Table", using: "exp.Expr", tree: "exp.Merge") -> Write:
    """INSERT with values, or `INSERT *`, `INSERT ROW` and `UPDATE SET *`, which take all columns by their names."""
    from sqlglot import exp

    values, listed = then.args.get("expression"), then.this
    if isinstance(then, exp.Update) or not isinstance(values, exp.Tuple):
        rows = exp.Select(expressions=[exp.Column(this=exp.Star(), table=exp.to_identifier(using.alias_or_name))])
        query = _with(_from(rows, [using]), tree)
        return Write(kind="MERGE", target=_bare(target), query=query)
    columns = _identifiers(listed.expressions) if isinstance(listed, exp.Tuple | exp.Schema) else None
    rows = exp.Select(expressions=[value.copy() for value in values.expressions])
    query = _with(_from(rows, [target, using]), tree)
    return Write(kind="MERGE", target=_bare(target), columns=columns, query=query, by_position=True)


def _of_multitable(tree: "exp.MultitableInserts") -> Iterator[Write | Ignored]:
    from sqlglot import exp

    source = tree.args["source"]
    for part in tree.expressions:
        insert = part.this if isinstance(part, exp.ConditionalInsert) else part
        target = insert.this.this if isinstance(insert.this, exp.Schema) else insert.this
        rows = insert.args.get("expression")
        values = rows.expressions[0].expressions if isinstance(rows, exp.Values) and rows.expressions else [exp.Star()]
        inner = exp.Subquery(this=source.copy(), alias=exp.TableAlias(this=exp.to_identifier("source")))
        query = exp.Select(expressions=[value.copy() for value in values]).from_(inner)
        yield Write(kind="INSERT", target=_bare(target), columns=_listed(insert.this), query=query, by_position=True)


def _of_alter(tree: "exp.Alter") -> Renamed | Ignored:
    from sqlglot import exp

    pairs: list[tuple[exp.Table, exp.Table]] = []
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.AlterRename | exp.SwapTable):
            pairs.append((tree.this, action.this))
        if isinstance(action, exp.SwapTable):
            pairs.append((action.this, tree.this))
    return Renamed(kind="ALTER", pairs=tuple(pairs)) if pairs else _ignored(tree)


def _setting(
    kind: str, target: "exp.Table", settings: "list[exp.Expr]", joined: "list[exp.Expr]", tree: "exp.Expr"
) -> Iterator[Write | Ignored]:
    """`SET a = x, (b, c) = (y, z)` as the SELECT of x, y and z over the same tables."""
    from sqlglot import exp

    columns: list[exp.Identifier] = []
    values: list[exp.Expr] = []
    for setting in settings:
        if not isinstance(setting, exp.EQ):
            yield Ignored(kind=kind, reason="it sets something else than a column")
            continue
        left, right = setting.this, setting.expression
        if isinstance(left, exp.Column):
            columns.append(left.this)
            values.append(right)
        elif isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
            columns.extend(_identifiers(left.expressions))
            values.extend(right.expressions)
        elif isinstance(left, exp.Tuple) and isinstance(right, exp.Subquery):
            inner = right.unnest()
            for position, identifier in enumerate(_identifiers(left.expressions)):
                one: Any = inner.copy()
                one.set("expressions", [one.selects[position].copy()] if position < len(one.selects) else [])
                columns.append(identifier)
                values.append(exp.Subquery(this=one))
        else:
            yield Ignored(kind=kind, reason=f"{left.sql()[:60]!r} is no column that can be followed")
    if columns:
        rows = _from(exp.Select(expressions=[value.copy() for value in values]), [target, *joined])
        yield Write(kind=kind, target=_bare(target), columns=tuple(columns), query=_with(rows, tree))


def _from(rows: "exp.Select", sources: "list[exp.Expr]") -> "exp.Select":
    from sqlglot import exp

    copies = [source.copy() for source in sources]
    for copy in copies:
        if not isinstance(copy, exp.Join):
            copy.set("joins", None)
    rows.set("from_", exp.From(this=copies[0]))
    rows.set(
        "joins", [copy if isinstance(copy, exp.Join) else exp.Join(this=copy, kind="CROSS") for copy in copies[1:]]
    )
    return rows


def _with(query: "exp.Query", tree: "exp.Expr") -> "exp.Query":
    """The query with what the statement's own WITH names."""
    from sqlglot import exp

    outer, inner = tree.args.get("with_"), query.args.get("with_")
    if outer is not None:
        ctes = [*(cte.copy() for cte in outer.expressions), *(inner.expressions if inner is not None else ())]
        query.set("with_", exp.With(expressions=ctes, recursive=outer.args.get("recursive")))
    return query


def _listed(name: "exp.Expr") -> "tuple[exp.Identifier, ...] | None":
    from sqlglot import exp

    return (_identifiers(name.expressions) or None) if isinstance(name, exp.Schema) else None


def _as_query(rows: "exp.Expr | None") -> "exp.Query | None":
    """Rows as a query: `TABLE t`, and `PIVOT t ON …`, of which only the grouped columns are known."""
    from sqlglot import exp

    if isinstance(rows, exp.Subquery):
        rows = rows.unnest()
    if isinstance(rows, exp.Table):
        return exp.select("*").from_(rows)
    if isinstance(rows, exp.Pivot) and isinstance(rows.this, exp.Table | exp.Subquery):
        group = rows.args.get("group")
        return exp.select(*([item.copy() for item in group.expressions] if group else ["1"])).from_(rows.this.copy())
    return rows if isinstance(rows, exp.Query) else None


def _identifiers(items: "list[exp.Expr]") -> "tuple[exp.Identifier, ...]":
    from sqlglot import exp

    named = (item if isinstance(item, exp.Identifier) else item.this for item in items)
    return tuple(item for item in named if isinstance(item, exp.Identifier))


def _bare(table: "exp.Table") -> "exp.Table":
    """The table without its alias, joins and partitions."""
    from sqlglot import exp

    parts = {name: table.args[name].copy() for name in ("this", "db", "catalog") if table.args.get(name) is not None}
    return exp.Table(**parts)


def _ignored(tree: "exp.Expr") -> Ignored:
    from sqlglot import exp

    kind = str(tree.this).upper() if isinstance(tree, exp.Command) else tree.key.upper()
    if isinstance(tree, exp.Drop):
        return Ignored(kind="DROP", dropped=tuple(tree.find_all(exp.Table)))
    return Ignored(kind=kind, reason=None if kind.split()[0] in _HARMLESS else f"{kind} is not followed")
