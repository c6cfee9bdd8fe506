"""Turns pydantic's errors in a declared item into problems a user can act on.

A value is shown as it was written, so that a rendered template never shows what the environment holds; nothing
below a connection's `config` is shown but the few keys that cannot be secret.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from observe_dagster.config.documents.document import Document, value_at
from observe_dagster.config.documents.shape import Spot, allowed, discriminator, field_names, walk
from observe_dagster.config.models.connections import PROVIDER_NAMES
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.config.yaml.templates import as_written
from observe_dagster.errors import Problem

_SHOWN_IN_CONFIG = frozenset({"port", "sslmode"})
_MUST_BE = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "timezone_aware": "must be a time with its zone, such as 2022-07-01T16:00:00Z",
    "datetime_parsing": "must be a time with its zone, such as 2022-07-01T16:00:00Z",
    "datetime_from_date_parsing": "must be a time with its zone, such as 2022-07-01T16:00:00Z",
    "datetime_object_invalid": "must be a time with its zone, such as 2022-07-01T16:00:00Z",
}
_MAPPINGS = frozenset({"model_type", "dict_type", "model_attributes_type", "mapping_type"})
_LISTS = frozenset({"tuple_type", "list_type"})
_PATTERNS = {
    "id": "letters, digits, _ and -",
    "connection_id": "letters, digits, _ and -",
    "data_model_id": "letters, digits, _ and -",
    "group": "letters, digits and _",
    "port": "a port number such as 5432",
}


def problems_of(
    error: ValidationError, annotation: Any, *, document: Document, base: Path, raw: Any, rendered: Any
) -> Iterator[Problem]:
    """Give one problem for each mistake in the item at `base`; union members that all refuse a value count once."""
    reported: set[Path] = set()
    for details in error.errors(include_url=False, include_input=False):
        spot = walk(annotation, details["loc"])
        path = (*base, *spot.path)
        if path in reported:
            continue
        if len(spot.path) < len(details["loc"]):
            reported.add(path)
        written = value_at(raw, spot.path)
        message = as_written(_message(details, path, written), written, value_at(rendered, spot.path))
        yield _problem(details, spot, document, path, written) or document.problem(path, message)


def _problem(details: ErrorDetails, spot: Spot, document: Document, path: Path, raw: Any) -> Problem | None:
    kind, options = details["type"], allowed(spot.annotation)
    if kind == "missing":
        message = f"is required; use one of {_list(options)}" if options else "is required"
        return document.problem(path, message, at=path[:-1])
    if kind == "string_pattern_mismatch" and details["loc"][-1] == "[key]":
        return document.problem(path, f"must be {_PATTERNS['id']}, not {path[-1]!r}", key=True)
    if kind == "extra_forbidden":
        return document.problem(path, _unknown_key(str(details["loc"][-1]), spot), key=True)
    if kind == "literal_error":
        return document.problem(path, _not_allowed(raw, options))
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        name = discriminator(spot.annotation)
        invalid = kind == "union_tag_invalid"
        message = (
            _not_allowed(value_at(raw, (name,)), options) if invalid else f"is required; use one of {_list(options)}"
        )
        return document.problem((*path, name), message)
    return None


def _unknown_key(key: str, spot: Spot) -> str:
    keys = field_names(spot.around) if spot.around is not None else ()
    return f"unknown key{did_you_mean(key, keys)}; allowed: {_list(keys)}"


def _not_allowed(raw: Any, options: Sequence[str]) -> str:
    hint = did_you_mean(raw, options) if isinstance(raw, str) else ""
    return f"{_shown(raw)} is not allowed{hint}; use one of {_list(options)}"


def _list(options: Sequence[str]) -> str:
    return ", ".join(PROVIDER_NAMES.get(option, option) for option in options)


def _message(details: ErrorDetails, path: Path, raw: Any) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", details["msg"]))
    if kind in _MAPPINGS or kind in _LISTS:
        return f"must be a {'mapping' if kind in _MAPPINGS else 'list'}, not {_type_name(raw)}"
    shown = f", not {_shown(raw)}" if _may_show(path) else ""
    if kind == "string_pattern_mismatch":
        return f"must be {_PATTERNS.get(str(path[-1]), 'spelt otherwise')}{shown}"
    if kind == "string_type" and raw is not None and isinstance(raw, int | float | bool):
        return f"must be text{shown}; quote it"
    return _MUST_BE.get(kind, _own_words(details["msg"])) + shown


def _own_words(message: str) -> str:
    return message.replace("Input should", "must").replace("String should", "must").replace("Value should", "must")


def _may_show(path: Path) -> bool:
    in_config = path[:1] == ("connections",) and path[2:3] == ("config",)
    is_channel = path[:2] == ("alerts", "channels") and path[-1:] == ("url",)
    return not is_channel and (not in_config or path[-1] in _SHOWN_IN_CONFIG)


def _type_name(value: Any) -> str:
    if value is None:
        return "nothing"
    for kinds, name in (((str,), "text"), ((bool,), "a truth value"), ((int, float), "a number"), ((list,), "a list")):
        if isinstance(value, kinds):
            return name
    return "a mapping"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list):
        return _type_name(value)
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
