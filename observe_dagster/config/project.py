"""Everything declared, loaded and checked: what the rest of the package works from."""

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from observe_dagster.config.models.alerts import Alerting
from observe_dagster.config.models.check_names import monitor_check_name
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.monitors import Monitor
from observe_dagster.config.models.pipeline import Pipeline, PipelineType
from observe_dagster.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where something was declared: the file and its line, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredMonitor:
    """A monitor with everything filled in: connections by our ids, and the pipeline's table where none is named.

    `pipeline_id` is the pipeline that declares it, else the one that writes the table it watches; None where neither
    is so. `writer_id` is the pipeline that writes that table, whoever declares the monitor. `table` is the connection,
    schema and table that it watches: those of a diff's second dataset, of a test's first table; None for a query.
    """

    slug: str
    monitor: Monitor
    pipeline_id: str | None = None
    writer_id: str | None = None
    table: tuple[str, str, str] | None = None

    @property
    def check_name(self) -> str:
        """The name of its asset check."""
        return monitor_check_name(self.slug)


_Item = TypeVar("_Item", bound=Connection | DataModel | Pipeline | DeclaredMonitor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that is declared; ids are unique and references resolve."""

    connections: tuple[Connection, ...] = ()
    data_models: tuple[DataModel, ...] = ()
    pipeline_types: tuple[PipelineType, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    monitors: tuple[DeclaredMonitor, ...] = ()
    alerting: Alerting = field(default_factory=Alerting)
    origins: dict[str, Origin] | None = None
    _index: dict[str, dict[str, Any]] = field(
        init=False, repr=False, compare=False, default_factory=dict[str, dict[str, Any]]
    )

    def connection(self, connection_id: str) -> Connection:
        """The connection of that id; raises NotFoundError."""
        return self._find("connection", self.connections, connection_id)

    def data_model(self, data_model_id: str) -> DataModel:
        """The data model of that id; raises NotFoundError."""
        return self._find("data model", self.data_models, data_model_id)

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """The pipeline of that id; raises NotFoundError."""
        return self._find("pipeline", self.pipelines, pipeline_id)

    def monitor(self, slug: str) -> DeclaredMonitor:
        """The monitor of that slug; raises NotFoundError."""
        return self._find("monitor", self.monitors, slug)

    def origin(self, kind: str, declared_id: str) -> Origin | None:
        """Where `kind` `declared_id` was written, if from a file.

        `kind` is connection, data_model, pipeline_type (by name), pipeline or monitor; `sql_file` is a data model's
        .sql file, and `alerts` with an empty id the key `alerts`.
        """
        return (self.origins or {}).get(f"{kind}:{declared_id}")

    def _find(self, kind: str, declared: Sequence[_Item], name: str) -> _Item:
        """Look in an index, made when first asked for: thousands of pipelines look for as many data models."""
        if kind not in self._index:
            self._index[kind] = {item.slug if isinstance(item, DeclaredMonitor) else item.id: item for item in declared}
        item = self._index[kind].get(name)
        if item is None:
            raise NotFoundError(kind, name, next(iter(difflib.get_close_matches(name, self._index[kind], n=1)), None))
        return item


def content_hash(declared: BaseModel) -> str:
    """The sha256 of the declared content as canonical JSON: equal for equal content, in every process.

    A secret takes part as a digest of its value, so that a changed password counts as a change and none is kept.
    """
    canonical = json.dumps(
        declared.model_dump(mode="python", by_alias=True), sort_keys=True, separators=(",", ":"), default=_as_json
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _as_json(value: object) -> str:
    reveal = getattr(value, "get_secret_value", None)
    if reveal is not None:
        return "secret:" + hashlib.sha256(str(reveal()).encode()).hexdigest()
    return str(value)
