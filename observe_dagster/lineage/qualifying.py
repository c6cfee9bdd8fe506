"""Puts a table before each column of a query and columns in place of its stars, as far as tables are known."""

from typing import TYPE_CHECKING, Any

from observe_dagster.lineage.names import Names

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope
    from sqlglot.schema import Schema


def qualified(query: "exp.Query", names: Names) -> "tuple[Scope | None, str | None]":
    """The scopes of a qualified copy of a query with folded names, and why it could not be qualified wholly.

    What cannot be qualified is followed as it is written; None where not even the scopes can be built.
    """
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify_columns import qualify_columns
    from sqlglot.optimizer.qualify_tables import qualify_tables
    from sqlglot.optimizer.scope import build_scope

    engine = Dialect.get_or_raise(names.dialect or None)
    problem: str | None = None
    try:
        tree = qualify_tables(_aliased(query), dialect=engine)
        for guess in (False, True):
            attempt = tree.copy()
            if guess:
                _guess(attempt, names)
            try:
                attempt = qualify_columns(
                    attempt, _known(names, engine), dialect=engine, allow_partial_qualification=True
                )
                return build_scope(attempt), problem if guess else None
            except (SqlglotError, *_UNREADABLE) as error:
                problem = problem or _words(error)
        return build_scope(tree), problem
    except (SqlglotError, *_UNREADABLE) as error:
        return None, problem or _words(error)


_UNREADABLE = (ValueError, RecursionError, AttributeError, KeyError, TypeError, IndexError, AssertionError)
"""What sqlglot raises besides its own errors, which are ValueErrors, on trees that it does not foresee."""


def _aliased(query: "exp.Query") -> "exp.Query":
    """A copy where each table and each selected column goes by a name.

    The name that sqlglot would give a table is folded once more; that of a column is lost where it stands for an
    expression selected before it, as in `SELECT 1 AS a, a`.
    """
    from sqlglot import exp

    copy = query.copy()
    for table in copy.find_all(exp.Table):
        pivoted = table.args.get("pivots")
        if isinstance(table.this, exp.Identifier) and not table.alias and not pivoted:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    for select in copy.find_all(exp.Select):
        for item in select.expressions:
            if isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
                item.replace(exp.Alias(this=item.copy(), alias=item.this.copy()))
    return copy


def _guess(tree: "exp.Expr", names: Names) -> None:
    """Take a column without a table, in a subquery over one unknown table, for that table's and not for an outer's."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    for scope in traverse_scope(tree):
        sources = list(scope.selected_sources.items())
        if len(sources) != 1 or not scope.can_be_correlated:
            continue
        alias, (_, source) = sources[0]
        if isinstance(source, exp.Table) and names.columns_of(names.path(source)) is None:
            for column in scope.columns:
                if not column.table:
                    column.set("table", exp.to_identifier(alias, quoted=True))


def _words(error: Exception) -> str:
    from sqlglot.errors import SqlglotError

    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error).partition("\n")[0].partition(". Line")[0].rstrip(".") if isinstance(error, SqlglotError) else ""
    return text[:200] or "sqlglot cannot follow it"


def _known(names: Names, engine: object) -> "Schema":
    """Our columns as sqlglot asks for them.

    It calls itself empty, so that a column which no known table has is taken for the only unknown table's.
    """
    from sqlglot import exp
    from sqlglot.schema import Schema

    class Known(Schema):
        @property
        def dialect(self) -> Any:
            return engine

        def add_table(self, *args: object, **kwargs: object) -> None:
            del args, kwargs

        def column_names(self, table: "exp.Table | str", *args: object, **kwargs: object) -> list[str]:
            del args, kwargs
            known = names.columns_of(names.path(table)) if isinstance(table, exp.Table) else None
            return [names.fold(column) for column in known or ()]

        def get_column_type(self, *args: object, **kwargs: object) -> "exp.DataType":
            del args, kwargs
            return exp.DataType.build("unknown")

        @property
        def supported_table_args(self) -> tuple[str, ...]:
            return ("this", "db", "catalog")

        @property
        def empty(self) -> bool:
            return True

    return Known()
