"""What the ledger answers about lineage."""

from dataclasses import dataclass
from typing import Any, Literal

from observe_dagster.ledger.rows import AddressRef, LineageEdge

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
    """What lies up or down from `start`: each node once, the nearest first, and edges as (source id, target id)."""

    start: LineageNode
    direction: Direction
    max_depth: int
    nodes: tuple[LineageNode, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A table or view that a script names, with the columns the script tells of it.

    `defined` tells that the script says all there is to say of where it comes from.
    """

    address: AddressRef
    columns: tuple[str, ...] = ()
    defined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """SQL to take in: taking in another text of the same `name` replaces what the first one said."""

    name: str
    platform: str
    content: str
    extra_config: dict[str, Any]
    assets: tuple[Asset, ...]
    edges: tuple[LineageEdge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """The names of a script's assets, and which of them are new or not as they were."""

    assets: tuple[str, ...]
    added: tuple[str, ...]
    modified: tuple[str, ...]
