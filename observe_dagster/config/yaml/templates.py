"""Renders `{{ env.NAME }}` and `{{ env.NAME or 'default' }}` in what a user wrote."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean

_ANY = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ENV = re.compile(r"""\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:or\s+(?:'([^']*)'|"([^"]*)")\s*)?""")

Report = Callable[[Path, str], None]


def render(value: Any, environment: Mapping[str, str], report: Report, path: Path = ()) -> Any:
    """Give `value` with every template replaced; what cannot be replaced is reported and left as it is."""
    if isinstance(value, str):
        return _render_text(value, environment, report, path) if "{{" in value else value
    if isinstance(value, Mapping):
        return {key: render(inner, environment, report, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render(inner, environment, report, (*path, number)) for number, inner in enumerate(value)]
    return value


def _render_text(text: str, environment: Mapping[str, str], report: Report, path: Path) -> str:
    def replace(match: re.Match[str]) -> str:
        template = _ENV.fullmatch(match[1])
        if template is None:
            report(path, f"{match[0]!r} is not understood; write {{{{ env.NAME }}}} or {{{{ env.NAME or 'default' }}}}")
            return match[0]
        name, default = template[1], template[2] if template[2] is not None else template[3]
        value = environment.get(name)
        if value is None and default is None:
            hint = did_you_mean(name, environment)
            report(path, f"the environment variable {name} is not set{hint}")
            return match[0]
        return value or default or ""

    return _ANY.sub(replace, text)


def has_template(value: object) -> bool:
    """Tell whether a text holds a template."""
    return isinstance(value, str) and _ANY.search(value) is not None


def literal_part(text: str, placeholder: str = "") -> str:
    """The text without its templates: each becomes its default, or `placeholder` when it has none."""

    def default(match: re.Match[str]) -> str:
        template = _ENV.fullmatch(match[1])
        return placeholder if template is None else template[2] or template[3] or placeholder

    return _ANY.sub(default, text)


def as_written(message: str, raw: object, rendered: object) -> str:
    """Put back what was written wherever a message quotes what a template was rendered to."""
    for before, after in _rendered_texts(raw, rendered):
        message = message.replace(repr(after), repr(before))
    return message


def _rendered_texts(raw: object, rendered: object) -> Iterator[tuple[str, str]]:
    if isinstance(raw, str) and isinstance(rendered, str):
        if raw != rendered:
            yield raw, rendered
    elif isinstance(raw, Mapping) and isinstance(rendered, Mapping):
        for key in raw:
            yield from _rendered_texts(raw[key], rendered.get(key))
    elif isinstance(raw, list) and isinstance(rendered, list):
        for before, after in zip(raw, rendered, strict=False):
            yield from _rendered_texts(before, after)
