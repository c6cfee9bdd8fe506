"""The declared items of all documents: rendered, validated one by one, and kept with the file and line they come from.

One wrong item does not hide the problems of another, nor of what refers to it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from observe_dagster.config.documents.document import Document
from observe_dagster.config.documents.problems import problems_of
from observe_dagster.config.models.alerts import Alerting, literal_urls
from observe_dagster.config.models.base import SLUG, Declared, Slug, format_duration
from observe_dagster.config.models.connections import Connection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.monitors import Monitor
from observe_dagster.config.models.pipeline import Pipeline, PipelineType
from observe_dagster.config.secrets import literal_secrets
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.config.yaml.templates import as_written, render
from observe_dagster.errors import Problem


class ProjectDocument(Declared):
    """The `attributes` of a document of type `observe_dagster.WarehouseSync`."""

    connections: tuple[Connection, ...] = ()
    data_models: tuple[DataModel, ...] = ()
    pipeline_types: tuple[PipelineType, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    monitors: dict[Slug, Monitor] = Field(default_factory=dict)
    alerts: Alerting = Field(default_factory=Alerting)


KINDS: Mapping[str, tuple[str, Any]] = {
    "connections": ("connection", Connection),
    "data_models": ("data model", DataModel),
    "pipeline_types": ("pipeline type", PipelineType),
    "pipelines": ("pipeline", Pipeline),
    "monitors": ("monitor", Monitor),
    "alerts": ("alerts", Alerting),
}
"""Each key of a document: what one of its items is called, and its model.

`monitors` is a mapping of items by their slug, `alerts` one item, the others are lists.
"""

_adapters: dict[str, TypeAdapter[Any]] = {}

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[M]):
    """One item of a document; `declared` is None when it is not valid, `key` is its id or name if that is a text."""

    document: Document
    kind: str
    path: Path
    key: str | None
    raw: Any
    rendered: Any
    declared: M | None

    @property
    def place(self) -> str:
        """The file and line, for a message about another item."""
        return self.place_of(())

    @property
    def valid(self) -> M:
        """The item itself, where it is known to be valid."""
        assert self.declared is not None
        return self.declared

    def place_of(self, path: Path) -> str:
        """The file and line of a path below the item."""
        if self.document.node is None:
            return self.document.file
        return f"{self.document.file}:{self.document.line((*self.path, *path))}"

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """Report what is wrong at a path below the item."""
        return self.document.problem((*self.path, *path), as_written(message, self.raw, self.rendered), key=key)


def read_items(document: Document, environment: Mapping[str, str]) -> tuple[list[Item[Any]], list[Problem]]:
    """Validate every item of a document."""
    problems: list[Problem] = []
    attributes = written(document.attributes)
    for name in attributes:
        if name not in KINDS:
            hint = did_you_mean(str(name), KINDS)
            message = f"unknown key{hint}; allowed: {', '.join(KINDS)}"
            problems.append(document.problem((str(name),), message, key=True))
    items = [
        _item(document, path, raw, environment, problems)
        for kind in KINDS
        if kind in attributes
        for path, raw in _listed(document, kind, attributes[kind], problems)
    ]
    return items, problems


def _listed(document: Document, kind: str, value: Any, problems: list[Problem]) -> Iterator[tuple[Path, Any]]:
    if kind == "alerts":
        yield (kind,), value
    elif kind == "monitors":
        if not isinstance(value, Mapping):
            problems.append(document.problem((kind,), "must be a mapping of monitors by their slugs"))
            return
        for slug, raw in value.items():
            if re.fullmatch(SLUG, str(slug)) is None:
                message = f"{slug!r} is not a slug; write letters, digits, _ and -"
                problems.append(document.problem((kind, str(slug)), message, key=True))
            yield (kind, str(slug)), raw
    elif isinstance(value, list | tuple):
        yield from (((kind, index), raw) for index, raw in enumerate(value))
    else:
        problems.append(document.problem((kind,), f"must be a list of {KINDS[kind][0]}s"))


def _item(
    document: Document, base: Path, raw: Any, environment: Mapping[str, str], problems: list[Problem]
) -> Item[Any]:
    kind = str(base[0])
    before = len(problems)
    rendered = raw
    if document.templated:
        rendered = render(raw, environment, lambda path, text: problems.append(document.problem((*base, *path), text)))
    secrets = {"connections": literal_secrets, "alerts": literal_urls}.get(kind)
    if secrets is not None:
        problems.extend(document.problem((*base, *path), text) for path, text in secrets(raw))
    declared = None
    if len(problems) == before:
        declared = _validated(document, base, raw, rendered, problems)
    return Item(
        document=document,
        kind=kind,
        path=base,
        key=_key(kind, base, rendered),
        raw=raw,
        rendered=rendered,
        declared=declared,
    )


def _key(kind: str, base: Path, rendered: Any) -> str | None:
    if kind == "monitors":
        return str(base[-1])
    key = rendered.get("name" if kind == "pipeline_types" else "id") if isinstance(rendered, Mapping) else None
    return key if isinstance(key, str) else None


def _validated(document: Document, base: Path, raw: Any, rendered: Any, problems: list[Problem]) -> Any:
    kind = str(base[0])
    model = KINDS[kind][1]
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(model)
    try:
        return _adapters[kind].validate_python(rendered)
    except ValidationError as error:
        problems.extend(problems_of(error, model, document=document, base=base, raw=raw, rendered=rendered))
        return None


def written(value: Any) -> Any:
    """Give attributes that a program made (dates, durations, secrets, tuples) as a user would have written them."""
    if isinstance(value, Mapping):
        return {key: written(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [written(inner) for inner in value]
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, datetime):
        return value.isoformat()
    return format_duration(value) if isinstance(value, timedelta) else value
