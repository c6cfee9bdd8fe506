"""The values of lineage: paths of tables, the columns a column is made from, and what could not be resolved."""

from collections.abc import Iterator
from dataclasses import dataclass

TablePath = tuple[str, ...]
"""A table as its parts, such as database, schema and table, each as the engine stores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRef:
    """One column of one table."""

    table: TablePath
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """Something that could not be followed, and why; `line` and `column` count from 1 within the text."""

    reason: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column that a query gives, in its place; `name` is None where only the engine knows it.

    `star` is an output for all columns of a table that are not known.
    """

    name: str | None
    sources: tuple[ColumnRef, ...] = ()
    star: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLineage:
    """What a query reads and where each of its columns comes from; two columns of one name are two outputs."""

    outputs: tuple[Output, ...] = ()
    reads: tuple[TablePath, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One column of a written table and the columns it is made from."""

    column: str
    sources: tuple[ColumnRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLineage:
    """What one statement does to the tables it names.

    `kind` is its first word or words, such as `CREATE VIEW`. `target` is the table it writes, None where it only reads
    or does nothing with rows. `defines` is that the table is what this statement makes of it and nothing else;
    `table_type` is `table` or `view`. A temporary table is no target: who reads it reads what it was made from.
    """

    kind: str
    line: int = 1
    target: TablePath | None = None
    table_type: str = "table"
    defines: bool = False
    columns: tuple[Written, ...] = ()
    query: QueryLineage = QueryLineage()

    @property
    def reads(self) -> tuple[TablePath, ...]:
        """The tables that the rows come from."""
        return self.query.reads


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLineage:
    """What a text of any number of statements does.

    `faults` are statements that are no SQL of the dialect; the others are read all the same.
    """

    statements: tuple[StatementLineage, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    faults: tuple[Unresolved, ...] = ()

    def table_edges(self) -> Iterator[tuple[TablePath, TablePath]]:
        """Source and target, each pair once; a table's edge to itself is left out."""
        pairs = ((read, one.target) for one in self.statements if one.target for read in one.reads)
        yield from dict.fromkeys((read, target) for read, target in pairs if read != target)

    def column_edges(self) -> Iterator[tuple[ColumnRef, ColumnRef]]:
        """Source column and target column, each pair once; a column's edge to itself is left out."""
        edges: dict[tuple[ColumnRef, ColumnRef], None] = {}
        for statement in self.statements:
            for written in statement.columns if statement.target else ():
                target = ColumnRef(table=statement.target or (), column=written.column)
                edges |= {(source, target): None for source in written.sources if source != target}
        yield from edges
