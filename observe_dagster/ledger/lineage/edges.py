"""Write where data comes from and goes to: addresses, edges between them, and edges between their columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import among
from observe_dagster.ledger.declared.queries import pipeline_pk
from observe_dagster.ledger.lineage.rows import AddressRef, LineageEdge
from observe_dagster.ledger.schema.declared import pipeline
from observe_dagster.ledger.schema.lineage import address, address_column, address_lineage, address_type, column_lineage

_Pair = tuple[int, int]


def replace_lineage(db: sa.Connection, pipeline_id: str, edges: Iterable[LineageEdge]) -> None:
    """Make these the pipeline's edges; other pipelines keep theirs, also when they are the same."""
    pk, edges = pipeline_pk(db, pipeline_id, lock=True), list(edges)
    addresses = upsert_addresses(db, [end for edge in edges for end in (edge.source, edge.target)])
    write_edges(db, "pipeline_pk", pk, edges, addresses)
    db.execute(sa.update(pipeline).where(pipeline.c.id == pk, pipeline.c.load_lineage).values(load_lineage=False))


def write_edges(
    db: sa.Connection, owner: str, owner_pk: int, edges: Iterable[LineageEdge], addresses: Mapping[str, int]
) -> None:
    """Make these the edges of a pipeline (`pipeline_pk`) or a script (`script_id`); those that exist stay."""
    requested: dict[_Pair, set[tuple[str, str]]] = {}
    for edge in edges:
        pair = (addresses[edge.source.name], addresses[edge.target.name])
        requested.setdefault(pair, set()).update(edge.columns)
    columns = address_lineage.c
    mine = columns[owner] == owner_pk
    known = {
        (row.source_address_id, row.target_address_id): row.id
        for row in db.execute(sa.select(columns.id, columns.source_address_id, columns.target_address_id).where(mine))
    }
    gone = [known[pair] for pair in known.keys() - requested.keys()]
    if gone:
        db.execute(sa.delete(address_lineage).where(among(columns.id, gone, sa.BigInteger)))
    fresh = sorted(requested.keys() - known.keys())
    if fresh:
        rows = [{owner: owner_pk, "source_address_id": source, "target_address_id": target} for source, target in fresh]
        written = sa.insert(address_lineage).returning(columns.id, columns.source_address_id, columns.target_address_id)
        for row in db.execute(written, rows):
            known[row.source_address_id, row.target_address_id] = row.id
    _write_columns(db, {known[pair]: (pair, names) for pair, names in requested.items()})


def _write_columns(db: sa.Connection, edges: Mapping[int, tuple[_Pair, set[tuple[str, str]]]]) -> None:
    named: dict[int, set[str]] = {}
    for (source, target), names in edges.values():
        for left, right in names:
            named.setdefault(source, set()).add(left)
            named.setdefault(target, set()).add(right)
    column_ids = upsert_columns(db, named)
    requested = {
        (edge, column_ids[source, left], column_ids[target, right])
        for edge, ((source, target), names) in edges.items()
        for left, right in names
    }
    columns = column_lineage.c
    stored = db.execute(
        sa.select(columns.id, columns.address_lineage_id, columns.source_column_id, columns.target_column_id).where(
            among(columns.address_lineage_id, edges, sa.BigInteger)
        )
    )
    known = {(edge, source, target): row_id for row_id, edge, source, target in stored}
    gone = [known[key] for key in known.keys() - requested]
    if gone:
        db.execute(sa.delete(column_lineage).where(among(columns.id, gone, sa.BigInteger)))
    rows = [
        {"address_lineage_id": edge, "source_column_id": source, "target_column_id": target}
        for edge, source, target in sorted(requested - known.keys())
    ]
    if rows:
        db.execute(sa.insert(column_lineage), rows)


def upsert_columns(db: sa.Connection, named: Mapping[int, Iterable[str]]) -> dict[tuple[int, str], int]:
    """Write columns of addresses that are new, and return the ids of all columns of these addresses."""
    if not named:
        return {}
    columns = address_column.c
    known = sa.select(columns.address_id, columns.name, columns.id).where(
        among(columns.address_id, named, sa.BigInteger)
    )
    ids = {(row.address_id, row.name): row.id for row in db.execute(known)}
    requested = sorted({(address_id, name) for address_id, names in named.items() for name in names} - ids.keys())
    if not requested:
        return ids
    rows = [{"address_id": address_id, "name": name} for address_id, name in requested]
    db.execute(insert(address_column).on_conflict_do_nothing(), rows)
    return {(row.address_id, row.name): row.id for row in db.execute(known)}


def upsert_addresses(db: sa.Connection, ends: Sequence[AddressRef]) -> dict[str, int]:
    """Write addresses that are new or differ and return all their ids by name."""
    if not ends:
        return {}
    by_name = {end.name: end for end in ends}
    groups = {end.type_name: end.type_group_name for end in by_name.values()}
    types = _upsert(db, address_type, [{"name": name, "group_name": group} for name, group in sorted(groups.items())])
    rows = [
        {
            "name": end.name,
            "address_type_id": types[end.type_name],
            "database_name": end.database_name,
            "schema_name": end.schema_name,
            "table_name": end.table_name,
            "primary_key": end.primary_key,
            "address_metadata": None if end.address_metadata is None else dict(end.address_metadata),
        }
        for _, end in sorted(by_name.items())
    ]
    return _upsert(db, address, rows)


def _upsert(db: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Write rows by their unique name, in the order of the names so that no deadlock arises between two writers."""
    statement = insert(table)
    changed = [name for name in rows[0] if name != "name"]
    differs = sa.or_(*(table.c[name].is_distinct_from(statement.excluded[name]) for name in changed))
    values = {**{name: statement.excluded[name] for name in changed}, "updated_at": sa.func.now()}
    db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values, where=differs), rows)
    named = sa.select(table.c.name, table.c.id).where(among(table.c.name, [row["name"] for row in rows]))
    return {row.name: row.id for row in db.execute(named)}
