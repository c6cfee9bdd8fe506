"""Reads a text of any number of statements, each of which may build on the ones before it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from observe_dagster.config.models.paths import path_text
from observe_dagster.config.sql.select import fold_names, line_and_column, stored_name
from observe_dagster.lineage.edges import (
    ColumnRef,
    Output,
    QueryLineage,
    ScriptLineage,
    StatementLineage,
    TablePath,
    Unresolved,
    Written,
)
from observe_dagster.lineage.names import Names, TableColumns, Temporary
from observe_dagster.lineage.renaming import Renaming
from observe_dagster.lineage.statements import Ignored, Renamed, Write, writes
from observe_dagster.lineage.tracing import trace

if TYPE_CHECKING:
    from sqlglot import exp

_UNKNOWN_RENAMED = "a table is renamed that nothing was said of before; what is known of it stays under its old name"


def script_lineage(
    sql: str, dialect: str, *, defaults: Sequence[str] = (), schema: TableColumns | None = None
) -> ScriptLineage:
    """The lineage of every statement of a text; never raises.

    `defaults` are the leading parts of a table that is named without them, such as a schema, or a database and a
    schema. `schema` gives the columns of tables where they are known: stars are expanded by it, and a column without
    a table is found by it. What the text itself creates is known from there on.
    """
    names = Names.of(dialect, defaults, schema)
    statements: list[StatementLineage] = []
    unresolved: list[Unresolved] = []
    faults: list[Unresolved] = []
    for line, tree in _trees(sql, dialect):
        if isinstance(tree, Unresolved):
            faults.append(tree)
            continue
        try:
            for write in writes(tree):
                if isinstance(write, Renamed):
                    renaming = Renaming(write, names)
                    if not renaming.knows(statements):
                        unresolved.append(Unresolved(reason=_UNKNOWN_RENAMED, line=line))
                    statements = renaming.statements(statements)
                    renaming.remember()
                    continue
                statement = _placed(_statement(write, names, line))
                statements.append(statement)
                unresolved += statement.query.unresolved
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError, IndexError) as error:
            # sqlglot's trees of rare statements may lack what the grammar promises; one such statement is no harm.
            unresolved.append(
                Unresolved(reason=f"this {tree.key} cannot be followed ({type(error).__name__})", line=line)
            )
    return ScriptLineage(
        statements=tuple(statements), unresolved=tuple(dict.fromkeys(unresolved)), faults=tuple(faults)
    )


def query_lineage(
    sql: str, dialect: str, *, defaults: Sequence[str] = (), schema: TableColumns | None = None
) -> QueryLineage:
    """The lineage of the last query in a text; a text without one has a note in `unresolved`."""
    script = script_lineage(sql, dialect, defaults=defaults, schema=schema)
    queries = [one.query for one in script.statements if one.query.outputs or one.query.reads]
    if queries and not script.faults:
        return queries[-1]
    return QueryLineage(unresolved=script.faults or script.unresolved or (Unresolved(reason="there is no query"),))


def _trees(sql: str, dialect: str) -> "Iterator[tuple[int, exp.Expr | Unresolved]]":
    """Each statement with its line, parsed by itself, so that a wrong one spoils no other."""
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError, SqlglotError

    try:
        engine = Dialect.get_or_raise(dialect or None)
        tokens = engine.tokenize(sql)
    except (SqlglotError, ValueError, RecursionError) as error:
        yield 1, _untokenized(sql, error)
        return
    for chunk in _chunks(tokens):
        line, column = line_and_column(sql, chunk[0].start)
        try:
            for tree in engine.parser().parse(chunk, sql):
                if tree is not None:
                    fold_names(tree, dialect)
                    yield line, tree
        except ParseError as error:
            yield line, _fault(error, line, column)
        except (SqlglotError, RecursionError, AttributeError, TypeError, ValueError):
            yield line, Unresolved(reason="this cannot be read as SQL", line=line, column=column)


def _chunks(tokens: Sequence[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for token in tokens:
        if token.token_type.name == "SEMICOLON":
            if chunk:
                yield chunk
            chunk = []
        else:
            chunk.append(token)
    if chunk:
        yield chunk


def _fault(error: Any, line: int, column: int) -> Unresolved:
    first = error.errors[0] if error.errors else {}
    reason = str(first.get("description") or "cannot be parsed").rstrip(".")
    near = str(first.get("highlight") or "").strip()
    start = int(first.get("col") or column) - max(0, len(near) - 1)
    reason = f"{reason} at {near[:40]!r}" if near else reason
    return Unresolved(reason=reason, line=int(first.get("line") or line), column=max(1, start))


def _untokenized(sql: str, error: Exception) -> Unresolved:
    if isinstance(error, ValueError) and "Unknown dialect" in str(error):
        return Unresolved(reason=str(error).partition("\n")[0])
    for offset in (position for position, letter in reversed(list(enumerate(sql))) if letter in "'\"`$/"):
        line, column = line_and_column(sql, offset)
        return Unresolved(reason="a quote or comment is not closed", line=line, column=column)
    return Unresolved(reason="this cannot be read as SQL")


def _statement(write: Write | Ignored, names: Names, line: int) -> StatementLineage:
    if isinstance(write, Ignored):
        for dropped in write.dropped:
            names.forget(names.path(dropped))
        notes = () if write.reason is None else (Unresolved(reason=write.reason, line=line),)
        return StatementLineage(kind=write.kind, line=line, query=QueryLineage(unresolved=notes))
    lineage = QueryLineage() if write.query is None else _through_temporary(trace(write.query, names), names)
    if write.target is None:
        return StatementLineage(kind=write.kind, line=line, query=lineage)
    path = names.path(write.target)
    if write.copied is not None:
        lineage = _copied(write, names)
    columns, notes = _written(write, path, lineage.outputs, names, line)
    lineage = replace(lineage, unresolved=(*lineage.unresolved, *notes))
    if _keep(write, path, lineage, columns, names):
        return StatementLineage(kind=write.kind, line=line, query=lineage)
    return StatementLineage(
        kind=write.kind,
        line=line,
        target=path,
        table_type="view" if write.view else "table",
        defines=write.defines,
        columns=columns,
        query=lineage,
    )


def _placed(statement: StatementLineage) -> StatementLineage:
    """Give notes without a line the statement's line."""
    notes = tuple(note if note.line else replace(note, line=statement.line) for note in statement.query.unresolved)
    return replace(statement, query=replace(statement.query, unresolved=notes))


def _written(
    write: Write, path: TablePath, outputs: Sequence[Output], names: Names, line: int
) -> tuple[tuple[Written, ...], list[Unresolved]]:
    """The target's columns, each with its sources."""
    notes: list[Unresolved] = []
    targets: list[str | None] | None = None
    has_star = any(output.star for output in outputs)
    if write.columns is not None:
        targets = [names.stored_column(path, names.fold(s), written=s) for s in map(stored_name, write.columns)]
    elif write.by_position and not has_star:
        known = names.columns_of(path)
        if known is None and write.query is not None:
            text = f"the columns of {path_text(path)} are not known; they are taken to be named as the query's"
            notes.append(Unresolved(reason=text, line=line))
        targets = None if known is None else list(known)
    if write.query is None and write.copied is None:
        return tuple(Written(column=name) for name in targets or () if name is not None), notes
    if targets is None:
        targets = [
            None if o.name is None else names.stored_column(path, names.fold(o.name), written=o.name) for o in outputs
        ]
    elif has_star or len(targets) < len(outputs):
        text = "the columns of the query are not known" if has_star else "the query has more columns than the table"
        notes.append(Unresolved(reason=f"{text}; they are followed as far as they go", line=line))
        targets = targets[: next((at for at, output in enumerate(outputs) if output.star), len(outputs))]
    if any(target is None and not output.star for target, output in zip(targets, outputs, strict=False)):
        notes.append(Unresolved(reason="a column without a name is left out; only the engine names it", line=line))
    pairs = zip(targets, outputs, strict=False)
    return tuple(Written(column=name, sources=output.sources) for name, output in pairs if name is not None), notes


def _copied(write: Write, names: Names) -> QueryLineage:
    assert write.copied is not None
    source = names.path(write.copied)
    known = names.columns_of(source)
    reads = (source,) if write.with_rows else ()
    outputs = tuple(
        Output(name=name, sources=(ColumnRef(table=source, column=name),) if write.with_rows else ())
        for name in known or ()
    )
    unknown = Unresolved(reason=f"the columns of {path_text(source)} are not known", line=0)
    return QueryLineage(outputs=outputs, reads=reads, unresolved=() if known else (unknown,))


def _keep(write: Write, path: TablePath, lineage: QueryLineage, columns: Sequence[Written], names: Names) -> bool:
    """Remember what the statements after this one may build on; true when the table is a temporary one."""
    key = names.key(path)
    if write.defines:
        names.forget(path)
        if not any(output.star for output in lineage.outputs) and (columns or write.query is None):
            names.know(path, [column.column for column in columns])
    if not (write.temporary and write.defines) and key not in names.temporary:
        return False
    before = names.temporary.get(key, Temporary(reads=(), columns={}))
    merged = dict(before.columns)
    for column in columns:
        merged[column.column] = tuple(dict.fromkeys((*merged.get(column.column, ()), *column.sources)))
    reads = tuple(dict.fromkeys((*before.reads, *lineage.reads)))
    names.temporary[key] = Temporary(reads=reads, columns=merged)
    return True


def _through_temporary(lineage: QueryLineage, names: Names) -> QueryLineage:
    """The lineage with each temporary table replaced by what it was made from."""
    if not names.temporary:
        return lineage

    def below(ref: ColumnRef) -> tuple[ColumnRef, ...]:
        temporary = names.temporary.get(names.key(ref.table))
        return (ref,) if temporary is None else temporary.columns.get(ref.column, ())

    def read(path: TablePath) -> tuple[TablePath, ...]:
        temporary = names.temporary.get(names.key(path))
        return (path,) if temporary is None else temporary.reads

    outputs = tuple(
        replace(one, sources=tuple(dict.fromkeys(ref for source in one.sources for ref in below(source))))
        for one in lineage.outputs
    )
    reads = tuple(dict.fromkeys(path for table in lineage.reads for path in read(table)))
    return replace(lineage, outputs=outputs, reads=reads)
