"""Walks the declared models along a pydantic error's location, to learn the path a user knows and what is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from observe_dagster.config.yaml.nodes import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in the declared models: its path without pydantic's own steps, the model around it, and its type."""

    path: Path
    around: type[BaseModel] | None
    annotation: Any


def field_names(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a user may write in a model."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def walk(annotation: Any, location: Sequence[str | int]) -> Spot:
    """Follow `location` from `annotation`, leaving out the tags and union members that pydantic adds."""
    path: list[str | int] = []
    around: type[BaseModel] | None = None
    for step in location:
        annotation = _bare(annotation)
        members = _members(annotation)
        if members:
            chosen = next((member for member in members if step in _tags(member)), None)
            if chosen is None:
                break
            annotation = chosen
            continue
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            around = annotation
            annotation = next((f.annotation for n, f in annotation.model_fields.items() if step in (f.alias, n)), None)
        elif get_origin(annotation) in (dict, tuple) and step != "[key]":
            arguments = get_args(annotation)
            around, annotation = None, arguments[1] if get_origin(annotation) is dict else arguments[0]
        else:
            break
        path.append(step)
    return Spot(path=tuple(path), around=around, annotation=annotation)


def allowed(annotation: Any) -> tuple[str, ...]:
    """The values that fit a Literal, or the tags that fit a union of models."""
    annotation = _bare(annotation)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return tuple(str(tag) for member in _members(annotation) for tag in _tags(member))


def discriminator(annotation: Any) -> str:
    """The key that tells a union's models apart."""
    return next((name for member in _members(_bare(annotation)) for name in _discriminators(member)), "type")


def _bare(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            left = [member for member in get_args(annotation) if member is not NoneType]
            if len(left) > 1:
                return annotation
            annotation = left[0]
        else:
            return annotation


def _members(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [member for member in get_args(annotation) if isinstance(member, type) and issubclass(member, BaseModel)]


def _discriminators(model: type[BaseModel]) -> list[str]:
    return [
        name
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is Literal and field.is_required() and len(get_args(field.annotation)) == 1
    ]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    return tuple(tag for name in _discriminators(model) for tag in get_args(model.model_fields[name].annotation))
