"""Ingest a script: its assets and its edges."""

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import advisory_key, among, storable
from observe_dagster.ledger.lineage.edges import upsert_addresses, upsert_columns, write_edges
from observe_dagster.ledger.lineage.rows import IngestReport, Script
from observe_dagster.ledger.schema.lineage import address, address_column, address_lineage, column_lineage, script


def ingest(db: sa.Connection, ingested: Script, *, now: datetime) -> IngestReport:
    """Write a script, its assets and its edges; returns which assets are new and which are modified."""
    # One at a time: new and modified assets are those that differ before and after.
    db.execute(sa.select(sa.func.pg_advisory_xact_lock(advisory_key("ingest"))))
    names = [asset.address.name for asset in ingested.assets]
    before = _snapshot(db, names)
    addresses = upsert_addresses(db, [asset.address for asset in ingested.assets])
    script_id = _write_script(db, ingested, now=now)
    _write_columns(db, ingested, addresses)
    defined = [addresses[asset.address.name] for asset in ingested.assets if asset.defined]
    owners = address_lineage.c
    db.execute(
        sa.delete(address_lineage).where(
            owners.script_id != script_id, among(owners.target_address_id, defined, sa.BigInteger)
        )
    )
    write_edges(db, "script_id", script_id, ingested.edges, addresses)
    after = _snapshot(db, names)
    return IngestReport(
        assets=tuple(names),
        added=tuple(name for name in names if name not in before),
        modified=tuple(name for name in names if name in before and before[name] != after[name]),
    )


def _write_script(db: sa.Connection, ingested: Script, *, now: datetime) -> int:
    values = {
        "platform": ingested.platform,
        "content": storable(ingested.content),
        "extra_config": ingested.extra_config,
    }
    statement = insert(script).values(name=ingested.name, **values, created_at=now)
    changed = statement.on_conflict_do_update(index_elements=["name"], set_={**values, "updated_at": now})
    return db.execute(changed.returning(script.c.id)).scalar_one()


def _write_columns(db: sa.Connection, ingested: Script, addresses: dict[str, int]) -> None:
    """Write the columns; a definition's are all there are, except those that other edges still name."""
    named = {addresses[asset.address.name]: asset.columns for asset in ingested.assets if asset.columns}
    known = upsert_columns(db, named)
    defined = {
        addresses[asset.address.name]: set(asset.columns)
        for asset in ingested.assets
        if asset.defined and asset.columns
    }
    gone = [column for (owner, name), column in known.items() if owner in defined and name not in defined[owner]]
    if gone:
        columns, edges = address_column.c, column_lineage.c
        used = sa.exists().where((edges.source_column_id == columns.id) | (edges.target_column_id == columns.id))
        db.execute(sa.delete(address_column).where(among(columns.id, gone, sa.BigInteger), sa.not_(used)))


def _snapshot(db: sa.Connection, names: list[str]) -> "dict[str, _Known]":
    """What is known of the tables of these names: their facts, columns, and edges into them, by name."""
    named = among(address.c.name, names, sa.Text)
    facts = {
        row.id: _Known(row.name, row.address_type_id)
        for row in db.execute(sa.select(address.c.id, address.c.name, address.c.address_type_id).where(named))
    }
    into = among(address_lineage.c.target_address_id, facts, sa.BigInteger)
    of = among(address_column.c.address_id, facts, sa.BigInteger)
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
