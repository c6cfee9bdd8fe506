"""Where the columns of a pipeline's table come from: its SQL, then its field transformation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from observe_dagster.config.models.pipeline import FieldTransformation
from observe_dagster.config.sql.select import same_name
from observe_dagster.lineage.edges import QueryLineage, TablePath
from observe_dagster.lineage.names import TableColumns
from observe_dagster.lineage.script import query_lineage
from observe_dagster.records import ColumnFlow, TableName


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLineage:
    """The tables a pipeline reads, the columns it writes with their sources, and what could not be resolved."""

    reads: tuple[TableName, ...]
    columns: tuple[ColumnFlow, ...]
    unresolved: tuple[str, ...] = ()


def pipeline_lineage(
    sql: str,
    dialect: str,
    *,
    default_schema: str,
    transformation: FieldTransformation,
    columns: Sequence[str],
    target_dialect: str,
    schema: TableColumns | None = None,
) -> PipelineLineage:
    """Follow a data model's SQL to the columns of its destination.

    `columns` are the destination's. Dropped columns and constants come from nothing. `schema` has the source's tables
    by schema and table; without it a star over one table is taken for the columns that have arrived.
    """
    known = tuple((path, tuple(names)) for path, names in (schema or {}).items())
    read = _read(sql, dialect, default_schema, known)
    if any(output.star for output in read.outputs) and not schema and len(read.reads) == 1:
        read = _read(sql, dialect, default_schema, ((read.reads[0], _arrived(transformation, columns)),))
    held = {same_name(target_dialect, name): name for name in columns}
    flows: dict[str, dict[tuple[TableName, str], None]] = {}
    for output in read.outputs:
        if output.name is None or output.name in transformation.drop:
            continue
        name = transformation.rename.get(output.name, output.name)
        written = held.get(same_name(target_dialect, name))
        if written is not None and name not in transformation.constant:
            sources = {(_table(source.table), source.column): None for source in output.sources}
            flows.setdefault(written, {}).update(sources)
    return PipelineLineage(
        reads=tuple(dict.fromkeys(_table(path) for path in read.reads)),
        columns=tuple(ColumnFlow(column=name, sources=tuple(flows[name])) for name in columns if flows.get(name)),
        unresolved=tuple(str(note) for note in read.unresolved),
    )


def _arrived(transformation: FieldTransformation, columns: Sequence[str]) -> tuple[str, ...]:
    """The source's columns as far as the destination's tell them."""
    renamed = {new: old for old, new in transformation.rename.items()}
    own = [name for name in columns if name not in transformation.constant and not name.startswith("_observe_")]
    return (*(renamed.get(name, name) for name in own), *transformation.drop)


@lru_cache(maxsize=1024)
def _read(
    sql: str, dialect: str, default_schema: str, schema: tuple[tuple[TablePath, tuple[str, ...]], ...]
) -> QueryLineage:
    return query_lineage(sql, dialect, defaults=(default_schema,), schema=dict(schema))


def _table(path: TablePath) -> TableName:
    """The table within its connection; a database in the path can only be the connection's own."""
    return TableName(schema=path[-2], table=path[-1])
