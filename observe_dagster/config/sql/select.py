"""Reads a data model's SQL: one read-only SELECT, its output columns, and the tables it names.

sqlglot takes a quarter of a second to import, so it is imported when the first SELECT is read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

DEFAULT_SCHEMAS = {"postgres": "public", "redshift": "public", "duckdb": "main", "snowflake": "PUBLIC"}
"""Where each provider looks for a table that names no schema."""

_LOWER = frozenset({"postgres", "redshift"})
_CASE_MATTERS = frozenset({"postgres", "redshift"})
STORED = "stored"
"""Where an identifier of a folded tree keeps the form that the engine stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectFault:
    """Why a text is not one read-only SELECT; `line` and `column` count from 1 within the text."""

    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputColumn:
    """One column of a SELECT; `name` is None where only the engine knows it, `offset` is the name's position."""

    name: str | None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """A parsed SELECT: `text` without what follows the last word of it, and sqlglot's tree with names folded."""

    text: str
    dialect: str
    tree: "exp.Query"


def same_name(dialect: str, name: str) -> str:
    """A name in the form in which the engine compares names."""
    return name if dialect in _CASE_MATTERS else name.casefold()


def read_select(text: str, dialect: str) -> Select | SelectFault:
    """Parse one read-only SELECT of a dialect; an empty dialect is sqlglot's own."""
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError, SqlglotError, TokenError

    engine = Dialect.get_or_raise(dialect or None)
    try:
        tokens = engine.tokenize(text)
    except TokenError:
        return _fault(text, _unclosed(text, engine.tokenize), "a quote or comment that begins here is not closed")
    while tokens and tokens[-1].token_type.name == "SEMICOLON":
        tokens = tokens[:-1]
    if (refused := _refused_words(text, tokens)) is not None:
        return refused
    text = text[: tokens[-1].end + 1]
    try:
        trees = engine.parser().parse(tokens, text)
    except ParseError as error:
        return _parse_fault(text, error, tokens)
    except (SqlglotError, RecursionError):
        return _fault(text, 0, "this cannot be read as SQL")
    return _checked(text, dialect, trees[0], tokens)


def _refused_words(text: str, tokens: Sequence[Any]) -> SelectFault | None:
    if not tokens:
        return _fault(text, 0, "there is no SELECT")
    first = next((token for token in tokens if token.token_type.name != "L_PAREN"), tokens[0])
    if first.text.upper() not in ("SELECT", "WITH", "FROM", "TABLE"):
        return _fault(text, first.start, f"{first.text[:20].upper()!r} is not a SELECT")
    for before, after in pairwise(tokens):
        if before.token_type.name == "SEMICOLON" and after.token_type.name != "SEMICOLON":
            return _fault(text, after.start, "a second statement begins here; a data model is one SELECT")
        if after.token_type.name == "HEREDOC_STRING" and _in_a_word(text, dollar := text.find("$", before.end + 1)):
            return _fault(text, dollar, "to the engine this $ belongs to the word before it; put a space between")
    return None


def _in_a_word(text: str, offset: int) -> bool:
    """Whether engines read on from a word: any letter that is not ASCII, a no-break space too, is part of one."""
    return not text[offset - 1].isascii()


def _parse_fault(text: str, error: Any, tokens: Sequence[Any]) -> SelectFault:
    first = error.errors[0] if error.errors else {}
    description = str(first.get("description") or "cannot be parsed").rstrip(".")
    if description.startswith("Required keyword"):
        description = "something is missing"
    token = next((t for t in tokens if (t.line, t.col) == (first.get("line"), first.get("col"))), None)
    near = f" at {token.text[:30]!r}" if token is not None and token.token_type.name != "STRING" else ""
    return _fault(text, token.start if token is not None else 0, f"not valid SQL: {description}{near}")


def _checked(text: str, dialect: str, tree: Any, tokens: Sequence[Any]) -> Select | SelectFault:
    from sqlglot import exp

    if isinstance(tree, exp.Subquery):
        tree = tree.unnest()
    if not isinstance(tree, exp.Select | exp.SetOperation):
        return _fault(text, 0, "this is not a SELECT")
    refused = (
        ((exp.Into,), ("INTO",), "SELECT INTO writes a table"),
        ((exp.Placeholder,), ("?", "%", ":"), "a placeholder has no value here"),
        ((exp.Lock,), ("FOR",), "FOR UPDATE and FOR SHARE lock rows"),
        (
            (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Command),
            ("INSERT", "UPDATE", "DELETE", "MERGE"),
            "only reading is allowed",
        ),
    )
    if tree.find(*(kind for kinds, _, _ in refused for kind in kinds)) is not None:
        _, words, message = next(each for each in refused if tree.find(*each[0]) is not None)
        return _fault(text, _first(tokens, words), message)
    if isinstance(tree, exp.Select) and not tree.expressions:
        return _fault(text, 0, "it selects no columns")
    fold_names(tree, dialect)
    return Select(text=text, dialect=dialect, tree=tree)


def _first(tokens: Sequence[Any], words: Sequence[str]) -> int:
    plain = (t for t in tokens if t.text.upper() in words and t.token_type.name not in ("STRING", "IDENTIFIER"))
    return next((token.start for token in plain), 0)


def _fault(text: str, offset: int, message: str) -> SelectFault:
    line, column = line_and_column(text, offset)
    return SelectFault(message=message, line=line, column=column)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where an offset of a text is; both count from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _unclosed(text: str, tokenize: Callable[[str], object]) -> int:
    from sqlglot.errors import TokenError

    marks = [offset for offset, letter in enumerate(text) if letter in "'\"`$/"]
    for offset in reversed(marks[-200:]):
        try:
            tokenize(text[:offset])
        except TokenError:
            continue
        return offset
    return 0


def fold_names(tree: "exp.Expr", dialect: str) -> None:
    """Rewrite each identifier to the form in which names are compared, and keep the form the engine stores."""
    from sqlglot import exp

    for identifier in tree.find_all(exp.Identifier):
        written = str(identifier.this)
        if identifier.args.get("quoted"):
            stored = written
        else:
            stored = written.lower() if dialect in _LOWER else written.upper() if dialect == "snowflake" else written
        identifier.meta[STORED] = stored
        identifier.set("this", same_name(dialect, stored))


def stored_name(identifier: "exp.Expr | None") -> str:
    """The name of an identifier as the engine stores it."""
    return "" if identifier is None else str(identifier.meta.get(STORED, identifier.name))


ColumnsOf = Callable[["exp.Table"], Sequence[str] | None]
"""Gives a table's columns where they are known, to expand a star."""


def root_scope(select: Select) -> "Scope | None":
    """Sqlglot's scopes of a SELECT; None when it cannot build them."""
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import build_scope

    try:
        return build_scope(select.tree)
    except (SqlglotError, RecursionError, AttributeError, KeyError, ValueError):
        return None


Projection = tuple[OutputColumn, "exp.Expr"]
"""A column and the expression of its value; a column of an expanded star is an expression as well."""


def projections(scope: "Scope", columns_of: ColumnsOf, above: frozenset[int] = frozenset()) -> list[Projection] | None:
    """The columns of one scope with their expressions; a star over known columns is expanded."""
    from sqlglot import exp

    if id(scope) in above:
        return None
    above |= {id(scope)}
    if isinstance(scope.expression, exp.SetOperation):
        by_name = scope.expression.args.get("by_name")
        return (
            None
            if by_name or not scope.set_operation_scopes
            else projections(scope.set_operation_scopes[0], columns_of, above)
        )
    if not isinstance(scope.expression, exp.Select):
        return None
    outputs: list[Projection] = []
    for item in scope.expression.selects:
        if item.find(exp.Columns) is not None:
            return None
        if item.is_star:
            columns = _star(scope, item, columns_of, above)
            if columns is None:
                return None
            outputs.extend(columns)
        else:
            outputs.append((named(item), item))
    return outputs


def named(item: "exp.Expr") -> OutputColumn:
    """The name that one item of a SELECT list gives its column."""
    from sqlglot import exp

    identifier = item.args.get("alias") if isinstance(item, exp.Alias) else item.this
    if isinstance(item, exp.Alias | exp.Column) and isinstance(identifier, exp.Identifier):
        return OutputColumn(name=stored_name(identifier), offset=identifier.meta.get("start"))
    return OutputColumn(name=None)


def selected(scope: "Scope") -> dict[str, Any]:
    """What a scope selects from, tables and scopes, by the name they go by; nothing where two go by one name."""
    from sqlglot.errors import SqlglotError

    try:
        return {name: source for name, (_, source) in scope.selected_sources.items()}
    except SqlglotError:
        return {}


def _star(
    scope: "Scope", item: "exp.Expr", columns_of: ColumnsOf, above: frozenset[int]
) -> Iterable[Projection] | None:
    from sqlglot import exp

    star = item.this if isinstance(item, exp.Column) else item
    if not isinstance(star, exp.Star):
        return None
    if any(star.args.get(name) for name in ("except_", "except", "replace", "rename")):
        return None
    sources = selected(scope)
    if isinstance(item, exp.Column):
        table = item.table
        sources = {name: source for name, source in sources.items() if name == table}
    elif _merges_columns(scope):
        return None
    found: list[Projection] = []
    for name, source in sources.items():
        columns = _source_columns(source, columns_of, above)
        if columns is None:
            return None
        found.extend((OutputColumn(name=column), _column(name, column)) for column in columns)
    return found or None


def _column(table: str, name: str) -> "exp.Expr":
    from sqlglot import exp

    return exp.Column(this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True))


def _source_columns(source: Any, columns_of: ColumnsOf, above: frozenset[int]) -> list[str] | None:
    from sqlglot import exp

    if isinstance(source, exp.Table):
        known = columns_of(source)
        return None if known is None else list(known)
    if source.outer_columns:
        return None
    inner = projections(source, columns_of, above)
    if inner is None or any(column.name is None for column, _ in inner):
        return None
    return [column.name or "" for column, _ in inner]


def _merges_columns(scope: "Scope") -> bool:
    joins = scope.expression.args.get("joins") or []
    laterals = scope.expression.args.get("laterals") or []
    odd = any(j.args.get("using") or j.args.get("method") or j.kind in ("SEMI", "ANTI") for j in joins)
    return bool(odd or laterals or len(selected(scope)) != 1 + len(joins))


def tables(select: Select) -> list["exp.Table"]:
    """The tables a SELECT reads, in the order they are written; names of CTEs and table functions left out."""
    return tables_in(select, root_scope(select))


def tables_in(select: Select, scope: "Scope | None") -> list["exp.Table"]:
    """The tables a SELECT reads, by scopes that were built already."""
    from sqlglot import exp

    if scope is None:
        return []
    ours: set[int] = set()
    for inner in scope.traverse():
        for table in inner.tables:
            named = isinstance(table.this, exp.Identifier)
            if named and not (not table.db and table.name in inner.cte_sources):
                ours.add(id(table))
    read = [table for table in select.tree.find_all(exp.Table, bfs=False) if id(table) in ours]
    return sorted(read, key=lambda table: table.this.meta.get("start") or 0)
