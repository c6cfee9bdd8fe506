"""Take in what a script says of tables: its assets and its edges."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import advisory_key, storable
from observe_dagster.ledger.lineage.edges import upsert_addresses, upsert_columns, write_edges
from observe_dagster.ledger.lineage.rows import IngestReport, Script
from observe_dagster.ledger.schema.lineage import address, address_column, address_lineage, column_lineage, script


def ingest(db: sa.Connection, taken: Script, *, now: datetime) -> IngestReport:
    """Write a script, its assets and its edges; tells which assets are new and which are not as they were."""
    # One at a time: what is new and what is modified is told by looking before and after.
    db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("ingest"))))
    names = [asset.address.name for asset in taken.assets]
    before = _snapshot(db, names)
    numbers = upsert_addresses(db, [asset.address for asset in taken.assets])
    number = _write_script(db, taken, now=now)
    _tell_columns(db, taken, numbers)
    defined = [numbers[asset.address.name] for asset in taken.assets if asset.defined]
    owners = address_lineage.c
    db.execute(
        sa.delete(address_lineage).where(
            owners.script_id != number, owners.target_address_id == sa.any_(_array(defined, sa.BigInteger))
        )
    )
    write_edges(db, "script_id", number, taken.edges, numbers)
    after = _snapshot(db, names)
    return IngestReport(
        assets=tuple(names),
        added=tuple(name for name in names if name not in before),
        modified=tuple(name for name in names if name in before and before[name] != after[name]),
    )


def _write_script(db: sa.Connection, taken: Script, *, now: datetime) -> int:
    values = {
        "platform": taken.platform,
        "content": storable(taken.content),
        "extra_config": taken.extra_config,
    }
    statement = insert(script).values(name=taken.name, **values, created_at=now)
    changed = statement.on_conflict_do_update(index_elements=["name"], set_={**values, "updated_at": now})
    return db.execute(changed.returning(script.c.id)).scalar_one()


def _tell_columns(db: sa.Connection, taken: Script, numbers: dict[str, int]) -> None:
    """Write the columns; a definition's are all there are, except those that other edges still name."""
    named = {numbers[asset.address.name]: asset.columns for asset in taken.assets if asset.columns}
    known = upsert_columns(db, named)
    defined = {
        numbers[asset.address.name]: set(asset.columns) for asset in taken.assets if asset.defined and asset.columns
    }
    gone = [column for (owner, name), column in known.items() if owner in defined and name not in defined[owner]]
    if gone:
        columns, edges = address_column.c, column_lineage.c
        used = sa.exists().where((edges.source_column_id == columns.id) | (edges.target_column_id == columns.id))
        db.execute(sa.delete(address_column).where(columns.id == sa.any_(_array(gone, sa.BigInteger)), sa.not_(used)))


def _snapshot(db: sa.Connection, names: list[str]) -> "dict[str, _Known]":
    """What is known of the tables of these names: their facts, columns, and edges into them, by name."""
    among = address.c.name == sa.any_(_array(names, sa.Text))
    facts = {
        row.id: _Known(row.name, row.address_type_id)
        for row in db.execute(sa.select(address.c.id, address.c.name, address.c.address_type_id).where(among))
    }
    into = address_lineage.c.target_address_id == sa.any_(_array(list(facts), sa.BigInteger))
    of = address_column.c.address_id == sa.any_(_array(list(facts), sa.BigInteger))
    for row in db.execute(sa.select(address_column.c.address_id, address_column.c.name).where(of)):
        facts[row.address_id].columns.add(row.name)
    edges = sa.select(address_lineage.c.source_address_id, address_lineage.c.target_address_id).where(into)
    for row in db.execute(edges):
        facts[row.target_address_id].sources.add(row.source_address_id)
    joined = sa.select(
        address_lineage.c.target_address_id, column_lineage.c.source_column_id, column_lineage.c.target_column_id
    ).join(column_lineage, column_lineage.c.address_lineage_id == address_lineage.c.id)
    for owner, source, target in db.execute(joined.where(into)):
        facts[owner].column_edges.add((source, target))
    return {known.name: known for known in facts.values()}


@dataclass(slots=True)
class _Known:
    name: str
    type_id: int
    columns: set[str] = field(default_factory=set[str])
    sources: set[int] = field(default_factory=set[int])
    column_edges: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


def _array(values: list[Any], kind: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(None, values, type_=sa.ARRAY(kind))
