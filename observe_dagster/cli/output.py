"""Answers on stdout: one JSON document, or tables that fit 80 columns and carry no colour codes when piped."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from observe_dagster.service.context import Context


def write_json(document: object) -> None:
    """Write one JSON document and nothing else."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def console(*, stderr: bool = False) -> "Console":
    """A console on the stream as it is now; names that look like markup are printed as they are."""
    from rich.console import Console

    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False, markup=False, emoji=False)


def write(*renderables: "RenderableType") -> None:
    """Write each renderable for a human reader."""
    screen = console()
    for renderable in renderables:
        screen.print(renderable)


def answer(context: "Context", document: Mapping[str, Any], sentence: str | None = None) -> None:
    """Answer with a document as JSON, and to a human reader with a sentence, by default with the document's facts."""
    if context.as_json:
        write_json(document)
    elif sentence is not None:
        click.echo(sentence)
    else:
        write(facts(document.items()))


def answer_table(
    context: "Context", documents: Sequence[object], columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Answer with documents as JSON, and to a human reader with a row for each, all columns to the left."""
    if context.as_json:
        write_json(documents)
    else:
        write(table([(heading, "left") for heading in columns], rows))


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> "RenderableType":
    """A table of text; each column is a heading and `left` or `right`. Long cells are folded, never cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, side in columns:
        drawn.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return drawn


def facts(pairs: Iterable[tuple[str, Any]]) -> "RenderableType":
    """Names and values under one another; what is absent is left out, what is nested is indented."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(no_wrap=True, style="bold")
    drawn.add_column(overflow="fold")
    for name, value in flattened(pairs):
        drawn.add_row(Text(name), Text(value, style=_STYLES.get(value, "")))
    return drawn


def flattened(pairs: Iterable[tuple[str, Any]], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Names and values as text, with nested names joined by dots; None and empty values are left out."""
    for name, value in pairs:
        if value is None or value in ("", [], {}, ()):
            continue
        if isinstance(value, dict):
            yield from flattened(value.items(), f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                yield from flattened([(f"{name}.{number}", item)], prefix)
        else:
            yield f"{prefix}{name}", _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


_STYLES = {
    **dict.fromkeys(("healthy", "valid", "success", "idle", "pass"), "green"),
    **dict.fromkeys(("faulted", "invalid", "failed", "fail", "error"), "red"),
    **dict.fromkeys(("running", "retrying", "queued", "learning"), "cyan"),
    **dict.fromkeys(("stopped", "paused", "inactive", "warn"), "yellow"),
}
