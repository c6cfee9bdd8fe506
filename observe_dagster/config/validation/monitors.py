"""Fills in what monitors leave out, and checks their connections, tables, pipelines and SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from observe_dagster.config.documents.document import value_at
from observe_dagster.config.documents.items import Item
from observe_dagster.config.models.check_names import (
    FRESHNESS,
    TIMELINESS,
    VERIFY,
    anomaly_check_name,
    monitor_check_name,
)
from observe_dagster.config.models.connections import PROVIDER_NAMES, Connection
from observe_dagster.config.models.monitors import (
    CheckedTable,
    CustomMetric,
    DataTestMonitor,
    DiffMonitor,
    MetricMonitor,
    Monitor,
    SchemaMonitor,
    StandardTest,
    TableMetric,
    table_parts,
    table_path,
)
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import DeclaredMonitor
from observe_dagster.config.sql.quoting import quoted, string
from observe_dagster.config.sql.select import DEFAULT_SCHEMAS, SelectFault, same_name
from observe_dagster.config.validation.monitor_sql import filter_fault, query_fault, template_fault, template_queries
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.errors import Problem

ENGINES = ("postgres", "duckdb")
"""The providers on which monitors run."""

_OWN_NAMES = (FRESHNESS, TIMELINESS, VERIFY)
_OWN_PREFIX = anomaly_check_name("")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedMonitor:
    """A monitor and where it was written: at `path` below an item."""

    item: Item[Any]
    path: Path
    declared: DeclaredMonitor


def monitors_of(items: Sequence[Item[Any]]) -> tuple[list[LocatedMonitor], list[Problem]]:
    """Give the valid monitors of all documents and pipelines, filled in, and all that is wrong with them."""
    declarations = _Declarations(
        connections={item.key: item.declared for item in items if item.kind == "connections" and item.key is not None},
        pipelines=[item.declared for item in items if item.kind == "pipelines" and item.declared is not None],
    )
    monitors: list[LocatedMonitor] = []
    problems: list[Problem] = []
    for item, path, slug, monitor, pipeline in _written(items):
        reading = _Reading(item=item, path=path, declarations=declarations, pipeline=pipeline)
        declared = reading.declared(slug, monitor)
        problems.extend(reading.problems)
        if declared is not None:
            monitors.append(LocatedMonitor(item=item, path=path, declared=declared))
    problems.extend(_names(items))
    return monitors, problems


_Written = tuple[Item[Any], Path, str, Monitor, Pipeline | None]


def _written(items: Sequence[Item[Any]]) -> Iterator[_Written]:
    for item in items:
        if item.declared is None:
            continue
        if item.kind == "monitors":
            yield item, (), item.key or "", item.declared, None
        elif item.kind == "pipelines":
            pipeline: Pipeline = item.declared
            for slug, monitor in pipeline.monitors.items():
                yield item, ("monitors", slug), slug, monitor, pipeline


def _names(items: Sequence[Item[Any]]) -> Iterator[Problem]:
    """Name every slug that is declared twice, or that makes the name of a check which another makes already."""
    first: dict[str, tuple[str, Item[Any], Path]] = {}
    for item, path, slug in _slugs(items):
        name = monitor_check_name(slug)
        if name.startswith(_OWN_PREFIX) or name in _OWN_NAMES:
            yield item.problem(path, f"{slug!r} would be a check named {name!r}, as pipelines have their own", key=True)
        earlier_slug, earlier, earlier_path = first.setdefault(name, (slug, item, path))
        if (earlier, earlier_path) == (item, path):
            continue
        place = earlier.place_of(earlier_path)
        if earlier_slug == slug:
            yield item.problem(path, f"the monitor {slug!r} is already declared in {place}", key=True)
        else:
            message = f"{slug!r} and {earlier_slug!r} in {place} would both be a check named {name!r}"
            yield item.problem(path, message, key=True)


def _slugs(items: Sequence[Item[Any]]) -> Iterator[tuple[Item[Any], Path, str]]:
    for item in items:
        if item.kind == "monitors":
            yield item, (), item.key or ""
        elif item.kind == "pipelines" and isinstance(item.rendered, Mapping):
            monitors = item.rendered.get("monitors")
            for slug in monitors if isinstance(monitors, Mapping) else ():
                yield item, ("monitors", str(slug)), str(slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declarations:
    connections: Mapping[str, Connection | None]
    pipelines: Sequence[Pipeline]

    def named(self, reference: str) -> tuple[str, Connection | None] | None:
        """The connection of an id or of a number at Datafold; None within when it is declared wrongly."""
        if reference in self.connections:
            return reference, self.connections[reference]
        for name, connection in self.connections.items():
            if connection is not None and str(connection.datafold_id) == reference:
                return name, connection
        return None

    def writer(self, table: tuple[str, str, str], dialect: str) -> str | None:
        """The pipeline that writes a table."""
        key = (table[0], *(same_name(dialect, name) for name in table[1:]))
        for pipeline in self.pipelines:
            connection_id, *names = pipeline.table_key
            if (connection_id, *(same_name(dialect, name) for name in names)) == key:
                return pipeline.id
        return None


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One monitor being filled in."""

    item: Item[Any]
    path: Path
    declarations: _Declarations
    pipeline: Pipeline | None
    problems: list[Problem] = field(default_factory=list[Problem])
    connection: Connection | None = None
    remote: bool = False

    def wrong(self, path: Path, message: str) -> None:
        self.problems.append(self.item.problem((*self.path, *path), message))

    def declared(self, slug: str, monitor: Monitor) -> DeclaredMonitor | None:
        """The monitor with everything filled in; None when anything is wrong with it."""
        self.remote = not monitor.is_local
        if isinstance(monitor, DiffMonitor):
            filled, table = self._diff(monitor)
        elif isinstance(monitor, DataTestMonitor):
            filled, table = self._test(monitor)
        else:
            filled, table = self._observed(monitor)
        writer = self.declarations.writer(table, self._dialect) if table is not None else None
        pipeline_id = self.pipeline.id if self.pipeline is not None else writer
        if writer is None and table is not None and not self.remote:
            self._not_freshness(monitor)
        if pipeline_id is None:
            for name in ("after_sync", "blocking"):
                if getattr(monitor, name):
                    self.wrong((name,), f"{name} needs a pipeline: no pipeline here writes what the monitor watches")
        if self.problems:
            return None
        return DeclaredMonitor(slug=slug, monitor=filled, pipeline_id=pipeline_id, writer_id=writer, table=table)

    def _not_freshness(self, monitor: Monitor) -> None:
        metric = monitor.metric if isinstance(monitor, MetricMonitor) else None
        if isinstance(metric, TableMetric) and metric.measure.startswith("freshness"):
            self.wrong(
                ("metric", "metric"),
                f"{metric.metric} is known only of a table that a pipeline here writes; use a metric of type column, "
                "col_freshness_minutes, on a column that says when a row was written",
            )

    @property
    def _dialect(self) -> str:
        return "" if self.connection is None else self.connection.service_provider

    def _connect(self, reference: str | None, path: Path, *, enabled: bool) -> str:
        """The id of the connection that is meant; what is wrong with it is reported."""
        if reference is None and self.pipeline is not None:
            reference = self.pipeline.destination.connection_id
        if reference is None:
            self.wrong(path, "is required where a monitor does not stand in a pipeline")
            return ""
        match = self.declarations.named(reference)
        if match is None:
            known = list(self.declarations.connections)
            listed = f"; declared: {', '.join(sorted(known)[:10])}" if known else "; none is declared"
            numbered = "; give a connection the datafold_id" if reference.isdecimal() else ""
            hint = did_you_mean(reference, known) or f"{numbered}{listed}"
            self.wrong(path, f"there is no connection {reference!r}{hint}")
            return ""
        name, self.connection = match
        if self.connection is None:
            return name
        if self.connection.service_provider not in ENGINES and not self.remote:
            provider = PROVIDER_NAMES[self.connection.service_provider]
            self.wrong(path, f"monitors run on Postgres and DuckDB connections; {name!r} is {provider}")
        if self.connection.state == "inactive" and enabled:
            self.wrong(path, f"the connection {name!r} is inactive but the monitor is enabled; disable it")
        return name

    def _table(self, connection_id: str, path: str | None, at: Path) -> tuple[str, str, str] | None:
        """The connection, schema and table of a path, or of the pipeline."""
        if path is None:
            if self.pipeline is None or connection_id != self.pipeline.destination.connection_id:
                self.wrong(at, "is required where it is not the table that the monitor's pipeline writes")
                return None
            return self.pipeline.table_key
        *before, name = table_parts(path)
        return connection_id, before[-1] if before else DEFAULT_SCHEMAS.get(self._dialect, ""), name

    def _observed(self, monitor: MetricMonitor | SchemaMonitor) -> tuple[Monitor, tuple[str, str, str] | None]:
        connection_id = self._connect(monitor.connection_id, ("connection_id",), enabled=monitor.enabled)
        if isinstance(monitor, SchemaMonitor):
            table = self._table(connection_id, monitor.table, ("table",))
            return _with(monitor, connection_id=connection_id, table=_full(monitor.table, table)), table
        metric = monitor.metric
        if isinstance(metric, CustomMetric):
            self._query(metric.query, ("metric", "query"))
            return _with(monitor, connection_id=connection_id), None
        table = self._table(connection_id, metric.table, ("metric", "table"))
        self._filter(metric.filter, ("metric", "filter"))
        filled = _with(metric, table=_full(metric.table, table))
        return _with(monitor, connection_id=connection_id, metric=filled), table

    def _test(self, monitor: DataTestMonitor) -> tuple[Monitor, tuple[str, str, str] | None]:
        connection_id = self._connect(monitor.connection_id, ("connection_id",), enabled=monitor.enabled)
        test, first = monitor.test, None
        tables: list[CheckedTable] = []
        for number, checked in enumerate(test.tables if test is not None else ()):
            table = self._table(connection_id, checked.path, ("test", "tables", number, "path"))
            first = first or table
            tables.append(_with(checked, path=_full(checked.path, table)))
        if test is not None:
            test = _with(test, tables=tuple(tables))
        filled = _with(monitor, connection_id=connection_id, test=test)
        if monitor.query is not None and test is None:
            self._query(monitor.query, ("query",))
        elif monitor.query is not None and test is not None:
            self._template(monitor.query, test)
        return filled, first

    def _template(self, query: str, test: StandardTest) -> None:
        fault = template_fault(query, test)
        if fault is None and self._dialect in ENGINES and not self.problems:
            faults = (
                query_fault(text, self._dialect) for text in template_queries(query, test, quote=quoted, string=string)
            )
            fault = next((f"{fault.message}, once the names are filled in" for fault in faults if fault), None)
        if fault is not None:
            self.wrong(("query",), fault)

    def _diff(self, monitor: DiffMonitor) -> tuple[Monitor, tuple[str, str, str] | None]:
        config, table = monitor.datadiff, None
        sides: dict[str, Any] = {}
        for side in ("dataset_a", "dataset_b"):
            dataset, at = getattr(config, side), ("datadiff", side)
            connection_id = self._connect(dataset.connection_id, (*at, "connection_id"), enabled=monitor.enabled)
            table = None
            if dataset.table is not None:
                try:
                    table = self._table(connection_id, dataset.table, (*at, "table"))
                except ValueError as error:
                    self.wrong((*at, "table"), str(error))
            if dataset.query is not None:
                self._query(dataset.query, (*at, "query"))
            self._filter(dataset.filter, (*at, "filter"))
            sides[side] = _with(dataset, connection_id=connection_id)
        if config.materialize_results_to is not None:
            at = ("datadiff", "materialize_results_to")
            compared = self.connection
            sides["materialize_results_to"] = self._connect(config.materialize_results_to, at, enabled=monitor.enabled)
            self.connection = compared
        return _with(monitor, datadiff=_with(config, **sides)), table

    def _query(self, text: str, path: Path) -> None:
        if self._dialect in ENGINES:
            self._report(query_fault(text, self._dialect), path)

    def _filter(self, text: str | None, path: Path) -> None:
        if text is not None and self._dialect in ENGINES:
            self._report(filter_fault(text, self._dialect), path)

    def _report(self, fault: SelectFault | None, path: Path) -> None:
        if fault is None:
            return
        full_path = (*self.item.path, *self.path, *path)
        raw = value_at(self.item.raw, (*self.path, *path))
        if raw != value_at(self.item.rendered, (*self.path, *path)):
            self.wrong(path, "this cannot be read as SQL that only reads, once its templates are filled in")
        else:
            self.problems.append(self.item.document.problem_inside(full_path, fault.message, fault.line, fault.column))


def _full(path: str | None, table: tuple[str, str, str] | None) -> str | None:
    """The path with its schema; a database in front of it stays."""
    if table is None:
        return path
    before = () if path is None else table_parts(path)[:-2]
    _, schema, name = table
    return table_path(*before, schema, name)


def _with(declared: Any, **changes: Any) -> Any:
    """A copy of a declared model with other values."""
    assert isinstance(declared, BaseModel)
    return declared.model_copy(update=changes)
