"""Keep what a run saw: the statements it sent, the columns that changed, where its rows come from and go."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from observe_dagster.ledger.database import storable
from observe_dagster.ledger.declared import not_found
from observe_dagster.ledger.rows import AddressRef, LineageEdge
from observe_dagster.ledger.tables import pipeline
from observe_dagster.ledger.tables_observed import address, address_lineage, address_type, query_log, schema_change
from observe_dagster.records import QueryLog, SchemaChange


def record_queries(db: sa.Connection, execution_id: int, queries: Sequence[QueryLog]) -> None:
    """Keep the statements of one execution; one that is there already stays as it is."""
    rows = [
        {
            "pipeline_execution_id": execution_id,
            "connection_id": query.connection_id,
            "query_id": query.query_id,
            "query_text": storable(query.text),
            "user_name": query.user,
            "started_at": query.started_at,
            "ended_at": query.ended_at,
            "returned_rows": query.rows,
        }
        for query in queries
    ]
    if rows:
        db.execute(insert(query_log).on_conflict_do_nothing(), rows)


def record_schema_changes(db: sa.Connection, execution_id: int, changes: Sequence[SchemaChange]) -> None:
    """Keep the schema changes of one execution; one that is there already stays as it is."""
    rows = [
        {
            "pipeline_execution_id": execution_id,
            "column_name": change.column,
            "change": change.change,
            "old_type": change.old_type,
            "new_type": change.new_type,
            "action": change.action,
        }
        for change in changes
    ]
    if rows:
        db.execute(insert(schema_change).on_conflict_do_nothing(), rows)


def replace_lineage(db: sa.Connection, pipeline_id: str, edges: Iterable[LineageEdge]) -> None:
    """Make these the pipeline's edges; other pipelines keep theirs, also when they are the same."""
    wanted = set(edges)
    number = db.execute(
        sa.select(pipeline.c.id).where(pipeline.c.slug == pipeline_id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if number is None:
        raise not_found(db, "pipeline", pipeline.c.slug, pipeline_id)
    numbers = _upsert_addresses(db, {end.name: end for edge in wanted for end in (edge.source, edge.target)})
    pairs = {(numbers[edge.source.name], numbers[edge.target.name]) for edge in wanted}
    columns = address_lineage.c
    ends = sa.tuple_(columns.source_address_id, columns.target_address_id)
    db.execute(sa.delete(address_lineage).where(columns.pipeline_id == number, ends.not_in(sorted(pairs))))
    rows = [
        {"pipeline_id": number, "source_address_id": source, "target_address_id": target}
        for source, target in sorted(pairs)
    ]
    if rows:
        db.execute(insert(address_lineage).on_conflict_do_nothing(), rows)
    db.execute(sa.update(pipeline).where(pipeline.c.id == number, pipeline.c.load_lineage).values(load_lineage=False))


def _upsert_addresses(db: sa.Connection, ends: dict[str, AddressRef]) -> dict[str, int]:
    """Write addresses that are new or differ and return all their numbers by name."""
    if not ends:
        return {}
    groups = {end.type_name: end.type_group_name for end in ends.values()}
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
        for _, end in sorted(ends.items())
    ]
    return _upsert(db, address, rows)


def _upsert(db: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Write rows by their unique name, in the order of the names so that two writers cannot wait in a circle."""
    statement = insert(table)
    changed = [name for name in rows[0] if name != "name"]
    differs = sa.or_(*(table.c[name].is_distinct_from(statement.excluded[name]) for name in changed))
    values = {**{name: statement.excluded[name] for name in changed}, "updated_at": sa.func.now()}
    db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values, where=differs), rows)
    names = [row["name"] for row in rows]
    found = db.execute(sa.select(table.c.name, table.c.id).where(table.c.name.in_(names)))
    return {row.name: row.id for row in found}
