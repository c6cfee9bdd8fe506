"""Materializations as facts about their tables: columns, rows and lineage."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import (
    ColumnLineage,
    ColumnMapping,
    Fact,
    FieldFact,
    SourceColumn,
    Table,
    TableLineage,
    TableMetadata,
)
from observe_dagster.orchestration.translator.keys import destination_key
from observe_dagster.orchestration.translator.specs import TableKeys, source_keys

CONNECTION_KEY = "observe/connection"
"""In an asset's metadata: the declared connection that the table of an asset of others belongs to."""

TABLE_BYTES_KEY = "observe/table_bytes"
"""In a materialization's metadata: how much room the table takes."""

_TABLE_NAME = "dagster/table_name"


class FactBuilder:
    """Makes facts of events; knows the tables of the project's pipelines and those of the selected other assets."""

    def __init__(
        self, project: Project, repository: dg.RepositoryDefinition | None, *, selection: str | None = None
    ) -> None:
        self._project = project
        self._graph = repository.asset_graph if repository is not None else None
        self._keys = TableKeys(project)
        self._pipelines = {destination_key(pipeline): pipeline for pipeline in project.pipelines}
        self._selected = self._select(selection)

    @property
    def assets(self) -> dict[Table, dg.AssetKey]:
        """Every table that facts are made about, with its asset."""
        keys = (*self._pipelines, *self._selected)
        return {table: key for key in keys if (table := self.table(key)) is not None}

    def of(self, record: dg.EventLogRecord) -> Iterator[Fact]:
        """The facts of a materialization; none for an asset that is neither ours nor selected."""
        materialization = record.event_log_entry.asset_materialization
        if materialization is None:
            return
        key, metadata = materialization.asset_key, materialization.metadata
        if key not in self._pipelines and key not in self._selected:
            return
        table = self.table(key)
        if table is None:
            return
        yield self._metadata(key, table, metadata, datetime.fromtimestamp(record.timestamp, UTC))
        yield from self._lineage(key, table, metadata)

    def table(self, key: dg.AssetKey) -> Table | None:
        """The table of an asset; None when its name is not known."""
        connection = next((each for each in self._project.connections if each.id == key.path[0]), None)
        if connection is not None and len(key.path) == 3:
            return Table(
                connection_id=connection.id,
                database=connection.database_name,
                schema=key.path[1],
                name=key.path[2],
            )
        return self._table_of_others(key)

    def _table_of_others(self, key: dg.AssetKey) -> Table | None:
        described = self._described(key)
        name = _plain(described.get(_TABLE_NAME)) or ".".join(key.path)
        parts = str(name).split(".")
        chosen = _plain(described.get(CONNECTION_KEY))
        connection = next((each for each in self._project.connections if each.id == chosen), None)
        if len(parts) == 2 and connection is not None:
            parts.insert(0, connection.database_name)
        if len(parts) != 3:
            return None
        view = "view" in (self._graph.get(key).kinds if self._graph is not None and self._graph.has(key) else ())
        return Table(
            connection_id=None if connection is None else connection.id,
            database=parts[0],
            schema=parts[1],
            name=parts[2],
            type="VIEW" if view else "TABLE",
        )

    def _metadata(
        self, key: dg.AssetKey, table: Table, metadata: Mapping[str, dg.MetadataValue[Any]], at: datetime
    ) -> TableMetadata:
        schema, rows = _plain(metadata.get("dagster/column_schema")), _plain(metadata.get("dagster/row_count"))
        size = _plain(metadata.get(TABLE_BYTES_KEY))
        columns = schema.columns if isinstance(schema, dg.TableSchema) else ()
        pipeline = self._pipelines.get(key)
        fields = [FieldFact(name=each.name, type=each.type, description=each.description) for each in columns]
        if pipeline is not None:
            # Descriptions of its columns are written for Dagster's UI; others get column lineage.
            fields = [replace(each, description=None) for each in fields]
        return TableMetadata(
            table=table,
            fields=tuple(fields),
            description=pipeline.name if pipeline is not None else None,
            tags={} if pipeline is None else dict(pipeline.tags),
            row_count=rows if isinstance(rows, int) else None,
            byte_count=size if isinstance(size, int) else None,
            last_update_time=at.replace(microsecond=0),
        )

    def _lineage(self, key: dg.AssetKey, table: Table, metadata: Mapping[str, dg.MetadataValue[Any]]) -> Iterator[Fact]:
        lineage = _plain(metadata.get("dagster/column_lineage"))
        deps = lineage.deps_by_column if isinstance(lineage, dg.TableColumnLineage) else {}
        by_column = {dep.asset_key: None for each in deps.values() for dep in each}
        known = self._known(dict.fromkeys([*self._upstream(key), *by_column]))
        sources = [source for source in known.values() if source != table]
        if sources:
            yield TableLineage(destination=table, sources=tuple(dict.fromkeys(sources)))
        used = list(dict.fromkeys(known[each] for each in by_column if each in known))
        mappings = [
            ColumnMapping(column=column, sources=sources_of_column)
            for column, each in deps.items()
            if (
                sources_of_column := tuple(
                    SourceColumn(source=used.index(known[dep.asset_key]), column=dep.column_name)
                    for dep in each
                    if dep.asset_key in known
                )
            )
        ]
        if mappings:
            yield ColumnLineage(destination=table, sources=tuple(used), columns=tuple(mappings))

    def _upstream(self, key: dg.AssetKey) -> Iterable[dg.AssetKey]:
        pipeline = self._pipelines.get(key)
        if pipeline is not None:
            return source_keys(pipeline, self._project, self._keys)
        if self._graph is None or not self._graph.has(key):
            return ()
        return sorted(self._graph.get(key).parent_keys)

    def _known(self, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, Table]:
        return {key: table for key in keys if (table := self.table(key)) is not None}

    def _described(self, key: dg.AssetKey) -> Mapping[str, Any]:
        return self._graph.get(key).metadata if self._graph is not None and self._graph.has(key) else {}

    def _select(self, selection: str | None) -> frozenset[dg.AssetKey]:
        if not selection or self._graph is None:
            return frozenset()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            chosen = dg.AssetSelection.from_string(selection, include_sources=True)
        return frozenset(chosen.resolve(self._graph)) - self._pipelines.keys()


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, dg.MetadataValue) else value
