"""`observe lineage`: what a table or column is made from, and what is made from it."""

from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import table, write, write_json
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.ledger import Direction, LineageGraph, LineageNode

_depth = click.option(
    "--max-depth", default=10, show_default=True, type=click.IntRange(1, 99), help="How many edges to follow."
)
_mermaid = click.option("--mermaid", is_flag=True, help="Answer with a Mermaid flowchart.")


@click.group()
def lineage() -> None:
    """What tables and columns come from.

    And what is made from them. A path is such as db.schema.table or db.schema.table.column, where db is the
    connection's id or the platform. It is case sensitive; a part with a dot stands in quotes: db.schema."my.table".
    Leading parts may be left out.
    """


@lineage.command()
@click.argument("path", metavar="TABLE|COLUMN")
@_depth
@_mermaid
@common
@click.pass_obj
def upstream(context: Context, path: str, *, max_depth: int, mermaid: bool) -> None:
    """List what TABLE or COLUMN is made from."""
    _answer(context, path, "upstream", max_depth, mermaid=mermaid)


@lineage.command()
@click.argument("path", metavar="TABLE|COLUMN")
@_depth
@_mermaid
@common
@click.pass_obj
def downstream(context: Context, path: str, *, max_depth: int, mermaid: bool) -> None:
    """List what is made from TABLE or COLUMN."""
    _answer(context, path, "downstream", max_depth, mermaid=mermaid)


def _answer(context: Context, path: str, direction: "Direction", max_depth: int, *, mermaid: bool) -> None:
    graph = context.ledger.lineage.explore(path, direction, max_depth=max_depth)
    if mermaid:
        click.echo(flowchart(graph))
    elif context.as_json:
        write_json(document(graph))
    elif not graph.nodes:
        click.echo(f"{_name(graph.start)} has nothing {direction}.")
    else:
        columns = [("Depth", "right"), ("Table" if graph.start.column is None else "Column", "left"), ("In", "left")]
        write(table(columns, ((str(node.depth), _name(node), node.type_name) for node in graph.nodes)))


def document(graph: "LineageGraph") -> Document:
    """The graph with each node in the form of the Datafold document, its depth, and the edges between paths."""
    names = {node.id: _path(node) for node in (graph.start, *graph.nodes)}
    return {
        "primary": _node(graph.start),
        "direction": graph.direction,
        "max_depth": graph.max_depth,
        "nodes": [_node(node) for node in graph.nodes],
        "edges": [{"source": list(names[source]), "target": list(names[target])} for source, target in graph.edges],
    }


def flowchart(graph: "LineageGraph") -> str:
    """The graph as a Mermaid flowchart from left to right; columns stand in their tables."""
    from observe_dagster.config.models.paths import path_text

    nodes = (graph.start, *graph.nodes)
    names = {node.id: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    if graph.start.column is None:
        lines += [f'    {names[node.id]}["{_escaped(_name(node))}"]' for node in nodes]
    else:
        tables = dict.fromkeys(node.path for node in nodes)
        for number, path in enumerate(tables):
            lines.append(f'    subgraph t{number}["{_escaped(path_text(path))}"]')
            inside = (node for node in nodes if node.path == path)
            lines += [f'        {names[node.id]}["{_escaped(node.column or "")}"]' for node in inside]
            lines.append("    end")
    lines += [f"    {names[source]} --> {names[target]}" for source, target in graph.edges]
    lines.append(f"    style {names[graph.start.id]} stroke-width:3px")
    return "\n".join(lines)


def _node(node: "LineageNode") -> Document:
    path = list(node.path)
    if node.column is not None:
        return {"type": "Column", "name": node.column, "table": {"name": path[-1], "path": path}, "depth": node.depth}
    columns = [{"name": name} for name in node.columns]
    return {"type": "Table", "name": path[-1], "path": path, "columns": columns, "depth": node.depth}


def _path(node: "LineageNode") -> tuple[str, ...]:
    return node.path if node.column is None else (*node.path, node.column)


def _name(node: "LineageNode") -> str:
    from observe_dagster.config.models.paths import path_text

    return path_text(_path(node))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
