"""The JSON schema of the Component's attributes: what `dg check yaml` checks and editors complete."""

from collections.abc import Mapping
from typing import Any

from observe_dagster.config import ProjectDocument
from observe_dagster.config.models.connections import PROVIDER_NAMES

_SPELLINGS = {
    **{name: [name, spelt] for name, spelt in PROVIDER_NAMES.items()},
    "on_demand": ["on_demand", "on-demand"],
}


def attributes_schema() -> dict[str, Any]:
    """The declared models' schema, which also lets through what the loader reads: templates and other spellings."""
    return _lenient(ProjectDocument.model_json_schema())


def _lenient(node: Any) -> Any:
    if isinstance(node, list):
        return [_lenient(inner) for inner in node]
    if not isinstance(node, Mapping):
        return node
    if isinstance(node.get("discriminator"), Mapping):
        return _by_discriminator(node["discriminator"])
    schema = {key: _lenient(inner) for key, inner in node.items()}
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = rf"(?:{schema['pattern']})|\{{\{{"
    if isinstance(schema.get("const"), str):
        schema["enum"] = _spellings(schema.pop("const"))
    return schema


def _by_discriminator(discriminator: Mapping[str, Any]) -> dict[str, Any]:
    """One schema after another, each applied where its value stands: errors then name the key that is wrong."""
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    spelt = {value: _spellings(value) for value in mapping}
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"enum": [spelling for each in spelt.values() for spelling in each]}},
        "allOf": [
            {"if": {"properties": {name: {"enum": spelt[value]}}, "required": [name]}, "then": {"$ref": reference}}
            for value, reference in mapping.items()
        ],
    }


def _spellings(value: str) -> list[str]:
    return _SPELLINGS.get(value, [value])
