"""Tells where a pipeline's rows come from, after they have moved: which source columns became which columns."""

from collections.abc import Sequence

from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.paths import path_text
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.errors import ObserveError
from observe_dagster.ledger import AddressRef, LineageEdge
from observe_dagster.lineage.pipelines import PipelineLineage, pipeline_lineage
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse import OpenOptions, open_warehouse


def lineage_of(
    pipeline: Pipeline, project: Project, columns: Sequence[Column], options: OpenOptions
) -> PipelineLineage:
    """The lineage of a pipeline's columns; asks the source for its tables' columns where the SQL does not tell."""
    traced = _follow(pipeline, project, columns, {})
    if not traced.unresolved:
        return traced
    schema = _read_schema(project.connection(pipeline.connection_id), traced.reads, options)
    return _follow(pipeline, project, columns, schema) if schema else traced


def lineage_edges(pipeline: Pipeline, project: Project, lineage: PipelineLineage) -> tuple[LineageEdge, ...]:
    """The same as edges of the ledger, each address with its connection's id in the place of the database."""
    source, destination = project.connection(pipeline.connection_id), pipeline.destination
    target = address_of(
        project.connection(destination.connection_id),
        TableName(schema=destination.schema_, table=destination.table),
        primary_key=destination.primary_key,
    )
    pairs: dict[TableName, list[tuple[str, str]]] = {table: [] for table in lineage.reads}
    for flow in lineage.columns:
        for table, column in flow.sources:
            pairs.setdefault(table, []).append((column, flow.column))
    return tuple(
        LineageEdge(source=address_of(source, table), target=target, columns=tuple(columns))
        for table, columns in pairs.items()
    )


def address_of(connection: Connection, table: TableName, *, primary_key: Sequence[str] = ()) -> AddressRef:
    """The address of a table in a connection."""
    return AddressRef(
        name=path_text((connection.id, table.schema, table.table)),
        type_name=connection.service_provider,
        database_name=connection.id,
        schema_name=table.schema,
        table_name=table.table,
        primary_key=", ".join(primary_key) or None,
    )


def _follow(
    pipeline: Pipeline, project: Project, columns: Sequence[Column], schema: dict[tuple[str, ...], tuple[str, ...]]
) -> PipelineLineage:
    connection = project.connection(pipeline.connection_id)
    return pipeline_lineage(
        project.data_model(pipeline.data_model_id).sql,
        connection.service_provider,
        default_schema=connection.default_schema,
        transformation=pipeline.field_transformation,
        columns=[column.name for column in columns],
        target_dialect=project.connection(pipeline.destination.connection_id).service_provider,
        schema=schema,
    )


def _read_schema(
    connection: Connection, tables: Sequence[TableName], options: OpenOptions
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The columns of the source's tables; none where it cannot be asked, for the rows have moved all the same."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    try:
        with open_warehouse(connection).reader(options) as reader:
            for table in tables:
                columns = reader.columns(table)
                if columns is not None:
                    found[table.schema, table.table] = tuple(column.name for column in columns)
    except ObserveError:
        return {}
    return found
