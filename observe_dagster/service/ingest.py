"""Ingests SQL as the Datascale document describes: content, platform and extra configuration; assets and edges out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.ingest import IngestConfig
from observe_dagster.config.models.paths import parse_path, path_text
from observe_dagster.config.project import Project
from observe_dagster.config.sql.select import DEFAULT_SCHEMAS
from observe_dagster.errors import IngestError, NotFoundError, ObserveError
from observe_dagster.ledger import AddressRef, Asset, IngestReport, Ledger, LineageEdge, Script
from observe_dagster.lineage import ScriptLineage, TablePath, Unresolved, known_dialect, script_lineage
from observe_dagster.records import TableName
from observe_dagster.warehouse import OpenOptions, open_warehouse

_Schema = dict[TablePath, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What was ingested, and what of it could not be resolved."""

    report: IngestReport
    unresolved: tuple[Unresolved, ...]

    @property
    def message(self) -> str:
        """The answer of the document, such as `Successfully ingested 3 assets [1 added, 2 modified]`."""
        assets, report = len(self.report.assets), self.report
        noun = "asset" if assets == 1 else "assets"
        return f"Successfully ingested {assets} {noun} [{len(report.added)} added, {len(report.modified)} modified]"


def ingest_sql(
    ledger: Ledger,
    project: Project,
    content: str,
    *,
    platform: str | None = None,
    extra_config: Mapping[str, Any] | None = None,
    name: str | None = None,
    now: datetime,
) -> IngestResult:
    """Ingest a script; its tables and views become assets, and what it reads and writes edges.

    A script of the same `name` is replaced; without a name it goes by its content. Raises IngestError with the codes
    of the document, and then nothing has been ingested.
    """
    config = _config(extra_config or {})
    connection = _connection(project, config)
    place = _Place.of(_dialect(platform, connection), connection, config)
    lineage = _read(content, place, config)
    if lineage.faults:
        details = "\n".join(f"Error at line {one.line}, column {one.column}: {one.reason}" for one in lineage.faults)
        first = lineage.faults[0]
        raise IngestError("PARSER_ERROR", "Invalid syntax in SQL script", details, line=first.line, column=first.column)
    script = Script(
        name=config.name or name or f"sha256:{hashlib.sha256(content.encode()).hexdigest()}",
        platform=place.dialect,
        content=content,
        extra_config=config.model_dump(exclude_none=True, exclude_defaults=True),
        assets=_assets(lineage, place),
        edges=_edges(lineage, place),
    )
    return IngestResult(report=ledger.lineage.ingest(script, now=now), unresolved=lineage.unresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a script's tables are: in a declared connection, or in some database of a platform."""

    dialect: str
    defaults: tuple[str, ...]
    connection: Connection | None

    @classmethod
    def of(cls, dialect: str, connection: Connection | None, config: IngestConfig) -> "_Place":
        usual = connection.default_schema if connection is not None else DEFAULT_SCHEMAS.get(dialect)
        schema = config.default_schema or usual
        database = config.default_database if connection is None else None
        defaults = tuple(part for part in (database, schema) if part is not None)
        return cls(dialect=dialect, defaults=defaults if schema else (), connection=connection)

    def address(self, path: TablePath) -> AddressRef:
        inside = path if self.connection is None else path[-2:]
        path = (self.dialect or "sql" if self.connection is None else self.connection.id, *inside)
        return AddressRef(
            name=path_text(path),
            type_name=self.dialect or "sql",
            database_name=path_text(path[:-2]) or None,
            schema_name=path[-2],
            table_name=path[-1],
        )


def _config(extra: Mapping[str, Any]) -> IngestConfig:
    try:
        return IngestConfig.model_validate(dict(extra))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["extra_config", *(str(part) for part in first["loc"])])
        raise IngestError("INVALID_INPUT", f"{place} cannot be used", first["msg"]) from None


def _connection(project: Project, config: IngestConfig) -> Connection | None:
    try:
        return None if config.connection_id is None else project.connection(config.connection_id)
    except NotFoundError as error:
        raise IngestError("INVALID_INPUT", "extra_config.connection_id cannot be used", str(error)) from None


def _dialect(platform: str | None, connection: Connection | None) -> str:
    if not platform:
        return "" if connection is None else connection.service_provider
    dialect = known_dialect(platform)
    if dialect is None:
        raise IngestError("INVALID_INPUT", "platform cannot be used", f"There is no platform {platform!r}.")
    return dialect


def _read(content: str, place: _Place, config: IngestConfig) -> ScriptLineage:
    """Read the script; twice where a connection can tell the columns of the tables it names."""
    try:
        schema: _Schema = {parse_path(path): columns for path, columns in config.tables.items()}
    except ValueError as error:
        raise IngestError("INVALID_INPUT", "extra_config.tables cannot be used", str(error)) from None
    lineage = script_lineage(content, place.dialect, defaults=place.defaults, schema=schema)
    if place.connection is None or lineage.faults:
        return lineage
    schema |= _columns_of(place.connection, [path for path in _tables(lineage) if path not in schema])
    return script_lineage(content, place.dialect, defaults=place.defaults, schema=schema)


def _columns_of(connection: Connection, paths: Sequence[TablePath]) -> _Schema:
    """The columns of tables as the connection has them; none where it cannot be asked."""
    schema: _Schema = {}
    try:
        with open_warehouse(connection).reader(OpenOptions()) as reader:
            for path in paths:
                columns = reader.columns(TableName(schema=path[-2], table=path[-1]))
                if columns is not None:
                    schema[path] = tuple(column.name for column in columns)
    except ObserveError:
        return {}
    return schema


def _tables(lineage: ScriptLineage) -> list[TablePath]:
    """Every table that is written or read, once, in the order of the text."""
    paths: dict[TablePath, None] = {}
    for one in lineage.statements:
        paths |= dict.fromkeys(one.reads) | ({one.target: None} if one.target else {})
    return list(paths)


def _assets(lineage: ScriptLineage, place: _Place) -> tuple[Asset, ...]:
    columns: dict[TablePath, tuple[str, ...]] = {}
    defined: set[TablePath] = set()
    for one in lineage.statements:
        if one.target is not None:
            defined |= {one.target} if one.defines else set()
            before = () if one.defines else columns.get(one.target, ())
            columns[one.target] = tuple(dict.fromkeys((*before, *(written.column for written in one.columns))))
    assets = {
        place.address(path).name: Asset(
            address=place.address(path), columns=columns.get(path, ()), defined=path in defined
        )
        for path in _tables(lineage)
    }
    return tuple(assets.values())


def _edges(lineage: ScriptLineage, place: _Place) -> tuple[LineageEdge, ...]:
    pairs: dict[tuple[TablePath, TablePath], list[tuple[str, str]]] = {pair: [] for pair in lineage.table_edges()}
    for source, target in lineage.column_edges():
        if source.table != target.table:
            pairs.setdefault((source.table, target.table), []).append((source.column, target.column))
    return tuple(
        LineageEdge(source=place.address(source), target=place.address(target), columns=tuple(columns))
        for (source, target), columns in pairs.items()
    )
