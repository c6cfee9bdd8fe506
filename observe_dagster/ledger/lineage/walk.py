"""Find a table or column by its path, and walk the edges up or down from it.

A walk asks once per level for the edges of the nodes that are new in the level before, so that each edge is read
once however many ways and circles lead to it. A recursive query would have to carry the depth in its rows, and so
visit a node of a circle again at each depth.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.functions import Function

from observe_dagster.config.models.paths import parse_path, path_text
from observe_dagster.config.yaml.suggest import closest
from observe_dagster.errors import LedgerError, NotFoundError
from observe_dagster.ledger.database import among
from observe_dagster.ledger.lineage.rows import Direction, LineageGraph, LineageNode
from observe_dagster.ledger.schema.lineage import address, address_column, address_lineage, address_type, column_lineage

DEFAULT_DEPTH = 10
DEEPEST = 99
_SHOWN = 5


def find(db: sa.Connection, text: str) -> LineageNode:
    """The table or column of a path; leading parts may be left out where only one has the rest.

    Raises NotFoundError, and LedgerError where the path may mean several.
    """
    try:
        parts = parse_path(text)
    except ValueError as error:
        raise LedgerError(f"{error}.") from None
    exact = _read_tables(db, address.c.name == text) + _named(db, parts, lambda name: address.c.name == name)
    suffixed = exact or _named(db, parts, lambda name: address.c.name.endswith(f".{name}", autoescape=True))
    matches = {(node.path, node.column): node for node in suffixed}
    if len(matches) == 1:
        return next(iter(matches.values()))
    if not matches:
        names = list(db.execute(sa.select(address.c.name)).scalars())
        raise NotFoundError("table or column with lineage", text, closest(text, names))
    paths = sorted(path_text((*path, column) if column else path) for path, column in matches)
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    raise LedgerError(f"{text!r} may be {', '.join(paths[:_SHOWN])}{more}; write more of its path.")


def walk(db: sa.Connection, start: LineageNode, direction: Direction, max_depth: int = DEFAULT_DEPTH) -> LineageGraph:
    """Everything within `max_depth` edges of a node, 1 to 99, upstream or downstream."""
    if not 1 <= max_depth <= DEEPEST:
        raise ValueError(f"max_depth must be 1 to {DEEPEST}, not {max_depth}")
    table = address_lineage if start.column is None else column_lineage
    ends = (
        ("source_address_id", "target_address_id") if start.column is None else ("source_column_id", "target_column_id")
    )
    near, far = (table.c[name] for name in (ends if direction == "downstream" else reversed(ends)))
    frontier = sa.bindparam("frontier", type_=sa.ARRAY(sa.BigInteger))
    pairs = sa.select(near.label("near"), far.label("far")).distinct().where(near == sa.any_(frontier)).subquery()
    # Two arrays instead of a row for each edge: a tenth of the time, for a level of many edges.
    query = sa.select(_gathered(pairs.c.near), _gathered(pairs.c.far))
    depths = {start.id: 0}
    edges: list[tuple[int, int]] = []
    level = [start.id]
    for depth in range(1, max_depth + 1):
        near_ids, far_ids = (ends or [] for ends in db.execute(query, {"frontier": level}).one())
        edges.extend(
            zip(near_ids, far_ids, strict=True) if direction == "downstream" else zip(far_ids, near_ids, strict=True)
        )
        level = sorted(set(far_ids) - depths.keys())
        depths |= dict.fromkeys(level, depth)
        if not level:
            break
    del depths[start.id]
    read, ids = (_read_tables, address.c.id) if start.column is None else (_read_columns, address_column.c.id)
    nodes = read(db, among(ids, depths, sa.BigInteger), depths=depths)
    return LineageGraph(
        start=start,
        direction=direction,
        max_depth=max_depth,
        nodes=tuple(sorted(nodes, key=lambda node: (node.depth, node.path, node.column or ""))),
        edges=tuple(sorted(edges)),
    )


def _named(
    db: sa.Connection, parts: tuple[str, ...], matches: Callable[[str], sa.ColumnElement[bool]]
) -> list[LineageNode]:
    """The tables whose name matches a path, and the columns of that name in tables that match the rest of it."""
    tables = _read_tables(db, matches(path_text(parts)))
    if len(parts) < 2:
        return tables
    return tables + _read_columns(db, matches(path_text(parts[:-1])), address_column.c.name == parts[-1])


_NEAR: Mapping[int, int] = {}


def _read_tables(
    db: sa.Connection, *where: sa.ColumnElement[bool], depths: Mapping[int, int] = _NEAR
) -> list[LineageNode]:
    named = _gathered(address_column.c.name).filter(address_column.c.name.is_not(None))
    query = sa.select(address.c.id, address.c.name, address_type.c.name, named).join(address_type)
    query = query.outerjoin(address_column, address_column.c.address_id == address.c.id)
    query = query.group_by(address.c.id, address.c.name, address_type.c.name)
    return [
        LineageNode(
            id=node_id,
            path=_path(name),
            type_name=kind,
            columns=tuple(sorted(columns or ())),
            depth=depths.get(node_id, 0),
        )
        for node_id, name, kind, columns in db.execute(query.where(*where)).all()
    ]


def _read_columns(
    db: sa.Connection, *where: sa.ColumnElement[bool], depths: Mapping[int, int] = _NEAR
) -> list[LineageNode]:
    query = sa.select(address_column.c.id, address_column.c.name, address.c.name, address_type.c.name)
    joined = query.join(address, address.c.id == address_column.c.address_id).join(address_type)
    return [
        LineageNode(id=node_id, path=_path(name), type_name=kind, column=column, depth=depths.get(node_id, 0))
        for node_id, column, name, kind in db.execute(joined.where(*where)).all()
    ]


def _gathered(values: sa.ColumnElement[Any]) -> Function[Any]:
    """The values as one list, as the driver makes it: SQLAlchemy's type of arrays would go through each once more."""
    return Function("array_agg", values, type_=sa.types.NullType())


def _path(name: str) -> tuple[str, ...]:
    try:
        return parse_path(name)
    except ValueError:
        return (name,)
