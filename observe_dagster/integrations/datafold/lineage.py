"""Walks Datafold's lineage breadth first, one step a request, so that cycles end and every edge is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observe_dagster.integrations.datafold.client import Datafold, Direction, NodeKind

DEEPEST = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A table or a column: its path as Datafold writes it, and its distance in steps."""

    path: str
    kind: NodeKind
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The nodes, the nearest first, and every step as `(from, to)` in the direction that data flows."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def walk(
    client: Datafold, connection: int, kind: NodeKind, path: str, direction: Direction, *, max_depth: int = 10
) -> Walk:
    """Follow lineage from one table or column; raises PublishError, and ValueError for a depth below 1 or above 99."""
    if not 1 <= max_depth <= DEEPEST:
        raise ValueError(f"max_depth must be 1 to {DEEPEST}, not {max_depth}")
    nodes: dict[tuple[NodeKind, str], Node] = {(kind, path): Node(path=path, kind=kind, depth=0)}
    edges: dict[tuple[str, str], None] = {}
    frontier: list[tuple[NodeKind, str]] = [(kind, path)]
    for depth in range(1, max_depth + 1):
        next_frontier: list[tuple[NodeKind, str]] = []
        for near in frontier:
            for far in _neighbours(client, connection, near[0], near[1], direction):
                edge = (near[1], far[1]) if direction == "downstreams" else (far[1], near[1])
                edges.setdefault(edge)
                if far not in nodes:
                    nodes[far] = Node(path=far[1], kind=far[0], depth=depth)
                    next_frontier.append(far)
        frontier = next_frontier
    return Walk(nodes=tuple(nodes.values())[1:], edges=tuple(edges))


def _neighbours(
    client: Datafold, connection: int, kind: NodeKind, path: str, direction: Direction
) -> list[tuple[NodeKind, str]]:
    answers = client.explore(connection, kind, path, direction, max_depth=1)
    return [node for node in map(_node, answers) if node is not None and node != (kind, path)]


def _node(answer: Mapping[str, Any]) -> tuple[NodeKind, str] | None:
    table = answer.get("table")
    if isinstance(table, Mapping):
        return "columns", quoted_path([*_parts(table), str(answer.get("name", ""))])
    parts = _parts(answer)
    return ("tables", quoted_path(parts)) if parts else None


def _parts(table: Mapping[str, Any]) -> list[str]:
    path = table.get("path")
    return [str(part) for part in path] if isinstance(path, list) else []


def quoted_path(parts: Sequence[str]) -> str:
    """Join the parts of a path; a part that holds a dot or a quote is quoted."""
    return ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' if {".", '"'} & set(part) else part for part in parts)
