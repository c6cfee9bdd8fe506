"""Everything declared, loaded and checked: what the rest of the package works from."""

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from observe_dagster.errors import NotFoundError
from observe_dagster.spec.connection import Connection
from observe_dagster.spec.data_model import DataModel
from observe_dagster.spec.pipeline import Pipeline, PipelineType


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where something was declared: the file and its line, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """All connections, data models, pipeline types and pipelines; ids are unique and references resolve."""

    connections: tuple[Connection, ...] = ()
    data_models: tuple[DataModel, ...] = ()
    pipeline_types: tuple[PipelineType, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    origins: dict[str, Origin] | None = None

    def connection(self, connection_id: str) -> Connection:
        """The connection of that id; raises NotFoundError."""
        return _find("connection", self.connections, connection_id)

    def data_model(self, data_model_id: str) -> DataModel:
        """The data model of that id; raises NotFoundError."""
        return _find("data model", self.data_models, data_model_id)

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """The pipeline of that id; raises NotFoundError."""
        return _find("pipeline", self.pipelines, pipeline_id)

    def origin(self, kind: str, declared_id: str) -> Origin | None:
        """Where `kind` `declared_id` was written, if from a file.

        `kind` is connection, data_model, pipeline_type (by name) or pipeline; `sql_file` is a data model's .sql file.
        """
        return (self.origins or {}).get(f"{kind}:{declared_id}")


_Item = TypeVar("_Item", bound="Connection | DataModel | Pipeline")


def _find(kind: str, declared: Sequence[_Item], wanted: str) -> _Item:
    for item in declared:
        if item.id == wanted:
            return item
    close = difflib.get_close_matches(wanted, [item.id for item in declared], n=1)
    raise NotFoundError(kind, wanted, close[0] if close else None)


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
