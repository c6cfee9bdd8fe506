"""Rows of lineage: addresses, edges, nodes and graphs, and scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRef:
    """An address that data comes from or goes to; `name` is unique among all addresses."""

    name: str
    type_name: str
    type_group_name: str = "database"
    database_name: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    primary_key: str | None = None
    address_metadata: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge:
    """Data flows from `source` to `target`; `columns` are pairs of a source column and a target column."""

    source: AddressRef
    target: AddressRef
    columns: tuple[tuple[str, str], ...] = ()


Direction = Literal["upstream", "downstream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageNode:
    """A table, or with `column` one of its columns; `path` has the parts of the table.

    `id` is unique among the tables or among the columns. `columns` are those that lineage has named, by name.
    `depth` counts the edges from where the walk began.
    """

    id: int
    path: tuple[str, ...]
    type_name: str
    column: str | None = None
    columns: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageGraph:
    """What is upstream or downstream of `start`: each node once, the nearest first, edges as (source id, target id)."""

    start: LineageNode
    direction: Direction
    max_depth: int
    nodes: tuple[LineageNode, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A table or view that a script names, with the columns the script names of it.

    `defined` means that the script's edges are the asset's complete sources.
    """

    address: AddressRef
    columns: tuple[str, ...] = ()
    defined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """SQL to ingest; ingesting another text of the same `name` replaces the assets and edges of the first."""

    name: str
    platform: str
    content: str
    extra_config: dict[str, Any]
    assets: tuple[Asset, ...]
    edges: tuple[LineageEdge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """The names of a script's assets, and which of them are new or modified."""

    assets: tuple[str, ...]
    added: tuple[str, ...]
    modified: tuple[str, ...]
