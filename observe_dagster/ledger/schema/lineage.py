"""The tables of addresses, the edges between them, and ingested scripts."""

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json, Moment, created_at, identity, metadata
from observe_dagster.ledger.schema.declared import pipeline

address_type = sa.Table(
    "address_type",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("group_name", sa.Text, nullable=False),
    created_at(),
    sa.Column("updated_at", Moment),
)

address = sa.Table(
    "address",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("address_type_id", sa.BigInteger, sa.ForeignKey(address_type.c.id), nullable=False, index=True),
    sa.Column("database_name", sa.Text),
    sa.Column("schema_name", sa.Text),
    sa.Column("table_name", sa.Text),
    sa.Column("primary_key", sa.Text),
    sa.Column("address_metadata", Json),
    created_at(),
    sa.Column("updated_at", Moment),
)

script = sa.Table(
    "script",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("extra_config", Json, nullable=False),
    created_at(),
    sa.Column("updated_at", Moment),
)

address_lineage = sa.Table(
    "address_lineage",
    metadata,
    identity(),
    sa.Column("pipeline_pk", sa.BigInteger, sa.ForeignKey(pipeline.c.id)),
    sa.Column("script_id", sa.BigInteger, sa.ForeignKey(script.c.id)),
    sa.Column("source_address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False, index=True),
    sa.Column("target_address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False, index=True),
    created_at(),
    sa.UniqueConstraint("pipeline_pk", "source_address_id", "target_address_id", name="ux_address_lineage_edge"),
    sa.UniqueConstraint("script_id", "source_address_id", "target_address_id", name="ux_address_lineage_script_edge"),
    sa.CheckConstraint("num_nonnulls(pipeline_pk, script_id) = 1", name="owner"),
)

address_column = sa.Table(
    "address_column",
    metadata,
    identity(),
    sa.Column("address_id", sa.BigInteger, sa.ForeignKey(address.c.id), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.UniqueConstraint("address_id", "name"),
)

column_lineage = sa.Table(
    "column_lineage",
    metadata,
    identity(),
    sa.Column(
        "address_lineage_id", sa.BigInteger, sa.ForeignKey(address_lineage.c.id, ondelete="CASCADE"), nullable=False
    ),
    sa.Column("source_column_id", sa.BigInteger, sa.ForeignKey(address_column.c.id), nullable=False, index=True),
    sa.Column("target_column_id", sa.BigInteger, sa.ForeignKey(address_column.c.id), nullable=False, index=True),
    sa.UniqueConstraint("address_lineage_id", "source_column_id", "target_column_id", name="ux_column_lineage_edge"),
)
