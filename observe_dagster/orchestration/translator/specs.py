"""What is declared, as Dagster describes assets: destination tables and the source tables they are made from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import dagster as dg

from observe_dagster.config.models.connections import PROVIDER_NAMES, Connection
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.config.sql.select import same_name
from observe_dagster.lineage import source_tables
from observe_dagster.orchestration.translator.descriptions import describe_pipeline
from observe_dagster.orchestration.translator.keys import asset_key, destination_key, group_name, safe_group
from observe_dagster.records import TableName
from observe_dagster.warehouse import dialect_of


class TableKeys:
    """Gives each table one asset key, however SQL spells its name; the spelling of a destination comes first."""

    def __init__(self, project: Project) -> None:
        self._keys: dict[tuple[str, str, str], dg.AssetKey] = {}
        for pipeline in project.pipelines:
            to = pipeline.destination
            self.key(project.connection(to.connection_id), TableName(schema=to.schema_, table=to.table))

    def key(self, connection: Connection, table: TableName) -> dg.AssetKey:
        """The key of a table in a connection."""
        dialect = connection.service_provider
        name = (connection.id, same_name(dialect, table.schema), same_name(dialect, table.table))
        return self._keys.setdefault(name, asset_key(connection.id, table))


def sources_of(pipeline: Pipeline, project: Project) -> tuple[TableName, ...]:
    """The tables that a pipeline's SQL reads, in its source connection; empty when the SQL cannot be followed."""
    connection = project.connection(pipeline.connection_id)
    sql = project.data_model(pipeline.data_model_id).sql
    return source_tables(sql, connection.service_provider, connection.default_schema)


def source_keys(pipeline: Pipeline, project: Project, keys: TableKeys) -> list[dg.AssetKey]:
    """The assets that a pipeline reads, each once, in the order of its SQL; its own table is not among them."""
    connection, own = project.connection(pipeline.connection_id), destination_key(pipeline)
    read = (keys.key(connection, table) for table in sources_of(pipeline, project))
    return [key for key in dict.fromkeys(read) if key != own]


def destination_spec(
    pipeline: Pipeline,
    project: Project,
    *,
    deps: Iterable[dg.AssetKey],
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
) -> dg.AssetSpec:
    """Describe the table that a pipeline writes."""
    source, destination = project.connection(pipeline.connection_id), project.connection(pipeline.table_key[0])
    return dg.AssetSpec(
        key=destination_key(pipeline),
        deps=list(deps),
        description=describe_pipeline(pipeline, project.data_model(pipeline.data_model_id)),
        group_name=group_name(pipeline),
        kinds={
            source.service_provider,
            destination.service_provider if pipeline.is_local else pipeline.engine,
        },
        owners=list(pipeline.owners),
        tags=dict(pipeline.tags),
        metadata=_pipeline_metadata(pipeline, project, destination),
        partitions_def=partitions_def,
        skippable=True,
    )


def source_spec(connection: Connection, table: TableName) -> dg.AssetSpec:
    """Describe a table that pipelines read and none writes."""
    provider = PROVIDER_NAMES[connection.service_provider]
    return dg.AssetSpec(
        key=asset_key(connection.id, table),
        description=f"Table `{table}` of **{connection.name}** ({provider}), read by pipelines and written elsewhere.",
        group_name=safe_group(connection.id),
        kinds={connection.service_provider},
        metadata=_table_metadata(connection, table),
    )


def source_specs(project: Project, keys: TableKeys) -> list[dg.AssetSpec]:
    """The external assets of a project: each source table that none of its pipelines writes, once."""
    written = {destination_key(pipeline) for pipeline in project.pipelines}
    specs: dict[dg.AssetKey, dg.AssetSpec] = {}
    for pipeline in project.pipelines:
        connection = project.connection(pipeline.connection_id)
        for table in sources_of(pipeline, project):
            key = keys.key(connection, table)
            if key not in written and key not in specs:
                specs[key] = source_spec(connection, table)
    return list(specs.values())


def _pipeline_metadata(pipeline: Pipeline, project: Project, destination: Connection) -> dict[str, Any]:
    to = pipeline.destination
    local = pipeline.is_local
    metadata = _table_metadata(destination, TableName(schema=to.schema_, table=to.table)) if local else {}
    metadata |= {
        "observe/pipeline": pipeline.id,
        "observe/data_model": pipeline.data_model_id,
        "observe/write_mode": to.write_mode,
        "observe/sync_mode": pipeline.sync_mode.type,
        "observe/environment": pipeline.environment,
    }
    if to.primary_key:
        metadata["observe/primary_key"] = ", ".join(to.primary_key)
    if pipeline.pipeline_metadata:
        metadata["observe/pipeline_metadata"] = dg.MetadataValue.json(pipeline.pipeline_metadata)
    origin = project.origin("pipeline", pipeline.id)
    if origin is not None:
        reference = dg.LocalFileCodeReference(file_path=origin.file, line_number=origin.line, label=pipeline.id)
        metadata["dagster/code_references"] = dg.CodeReferencesMetadataValue(code_references=[reference])
    return metadata


def table_uri(connection: Connection, table: TableName) -> str:
    """The URI of a table without credentials, such as `postgres://db.example:5432/ops/public/flights`."""
    return "/".join([connection.base_uri, quote(table.schema, safe=""), quote(table.table, safe="")])


def qualified_name(connection: Connection, table: TableName) -> str:
    """The table with its schema and, where there is one, its database."""
    return f"{connection.qualifier}.{table}" if connection.qualifier else str(table)


def pool_of(project: Project, connection_ids: Iterable[str]) -> str | None:
    """The first of these connections whose engine admits one writing process, and no reader beside it."""
    for connection_id in connection_ids:
        dialect = dialect_of(project.connection(connection_id))
        if dialect is not None and dialect.capabilities.single_writer:
            return connection_id
    return None


def _table_metadata(connection: Connection, table: TableName) -> dict[str, Any]:
    return {"dagster/table_name": qualified_name(connection, table), "dagster/uri": table_uri(connection, table)}


Upstream = Mapping[dg.AssetKey, Sequence[dg.AssetKey]]


def upstream_of_all(project: Project, keys: TableKeys) -> Upstream:
    """What each pipeline's table depends on. Pipelines may read one another's tables; Dagster's graph may not."""
    return without_circles(
        {destination_key(pipeline): source_keys(pipeline, project, keys) for pipeline in project.pipelines}
    )


def upstream_of(pipeline: Pipeline, project: Project, keys: TableKeys) -> Sequence[dg.AssetKey]:
    """What one pipeline's table depends on, as `upstream_of_all` has it, read from the SQL of what lies upstream."""
    own, written = destination_key(pipeline), {destination_key(each): each for each in project.pipelines}
    read = {own: source_keys(pipeline, project, keys)}
    pending = [*read[own]]
    while pending:
        key = pending.pop()
        if key == own:
            return upstream_of_all(project, keys)[own]
        if key in written and key not in read:
            read[key] = source_keys(written[key], project, keys)
            pending += read[key]
    return read[own]


def without_circles(declared: Upstream) -> Upstream:
    """The same edges less those that close a circle; of two assets in a circle the one named first keeps its edge."""
    kept: dict[dg.AssetKey, list[dg.AssetKey]] = {key: [] for key in declared}
    finished: set[dg.AssetKey] = set()
    for root in declared:
        path: dict[dg.AssetKey, Iterator[dg.AssetKey]] = {root: iter(declared[root])} if root not in finished else {}
        while path:
            key, rest = next(reversed(path.items()))
            dep = next(rest, None)
            if dep is None:
                del path[key]
                finished.add(key)
            elif dep not in path:
                kept[key].append(dep)
                if dep in declared and dep not in finished:
                    path[dep] = iter(declared[dep])
    return kept
