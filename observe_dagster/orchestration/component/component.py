"""The thin Dagster Component: a `dg` project writes the same YAML, and gets the same definitions."""

import os
from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict

from observe_dagster.config import Project, SourceText, load_documents, project_from_attributes
from observe_dagster.errors import SpecError
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.component.json_schema import attributes_schema
from observe_dagster.orchestration.projects import register_project


class Attributes(BaseModel):
    """The attributes as written. Their schema is the declared one; the project's own loader validates them."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:  # noqa: ARG003 - the base's signature
        """The schema that `dg check yaml` and editors work with."""
        return attributes_schema()


class WarehouseSync(dg.Component, dg.Resolvable):
    """Warehouse sync pipelines: connections, data models and pipelines, declared as YAML.

    Every document stands for itself: what its pipelines refer to is declared in it. The same connection may be
    declared in several documents.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The model of `attributes`."""
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Load and check the attributes as the plain loader does; raises SpecError with every problem."""
        file = _file_of(context)
        written = {} if attributes is None else attributes.model_dump()
        try:
            project = project_from_attributes(written, source=str(file), base_dir=file.parent, environment=os.environ)
        except SpecError as error:
            raise _with_lines(error, file) from None
        return cls(project)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Make the assets, schedules and sensors of this document."""
        scope = context.component_path.get_relative_key(context.defs_module_path).removesuffix("[0]")
        return build_definitions(self.project, observe=register_project(scope, self.project), scope=scope)


def _file_of(context: dg.ComponentLoadContext) -> Path:
    """The YAML file being loaded; the context names its folder."""
    names = (context.path / name for name in ("defs.yaml", "component.yaml"))
    return context.path if context.path.is_file() else next(filter(Path.is_file, names), context.path / "defs.yaml")


def _with_lines(error: SpecError, file: Path) -> SpecError:
    """The same problems with their lines, when the file's own text shows them."""
    if not file.is_file():
        return error
    source = SourceText(file=str(file), text=file.read_text(encoding="utf-8"), folder=file.parent)
    try:
        load_documents([source], environment=os.environ)
    except SpecError as with_lines:
        return with_lines
    return error
