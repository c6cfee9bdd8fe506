"""Keep lineage between columns, and edges that ingested SQL tells."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "script",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("extra_config", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script")),
        sa.UniqueConstraint("name", name=op.f("ux_script_name")),
        schema="observe",
    )
    op.create_table(
        "address_column",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("address_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["observe.address.id"], name=op.f("fk_address_column_address_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_column")),
        sa.UniqueConstraint("address_id", "name", name=op.f("ux_address_column_address_id_name")),
        schema="observe",
    )
    _own_edges_by_scripts()
    op.create_table(
        "column_lineage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("address_lineage_id", sa.BigInteger(), nullable=False),
        sa.Column("source_column_id", sa.BigInteger(), nullable=False),
        sa.Column("target_column_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["address_lineage_id"],
            ["observe.address_lineage.id"],
            name=op.f("fk_column_lineage_address_lineage_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_column_id"], ["observe.address_column.id"], name=op.f("fk_column_lineage_source_column_id")
        ),
        sa.ForeignKeyConstraint(
            ["target_column_id"], ["observe.address_column.id"], name=op.f("fk_column_lineage_target_column_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_column_lineage")),
        sa.UniqueConstraint(
            "address_lineage_id", "source_column_id", "target_column_id", name="ux_column_lineage_edge"
        ),
        schema="observe",
    )
    for column in ("source_column_id", "target_column_id"):
        op.create_index(op.f(f"ix_column_lineage_{column}"), "column_lineage", [column], unique=False, schema="observe")
    op.execute("UPDATE observe.pipeline SET load_lineage = true WHERE managed")


def _own_edges_by_scripts() -> None:
    op.alter_column("address_lineage", "pipeline_id", nullable=True, schema="observe")
    op.add_column("address_lineage", sa.Column("script_id", sa.BigInteger(), nullable=True), schema="observe")
    op.create_foreign_key(
        op.f("fk_address_lineage_script_id"),
        "address_lineage",
        "script",
        ["script_id"],
        ["id"],
        source_schema="observe",
        referent_schema="observe",
    )
    op.create_unique_constraint(
        "ux_address_lineage_script_edge",
        "address_lineage",
        ["script_id", "source_address_id", "target_address_id"],
        schema="observe",
    )
    op.create_check_constraint(
        op.f("ck_address_lineage_owner"),
        "address_lineage",
        "num_nonnulls(pipeline_id, script_id) = 1",
        schema="observe",
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("column_lineage", schema="observe")
    op.drop_table("address_column", schema="observe")
    op.execute("DELETE FROM observe.address_lineage WHERE script_id IS NOT NULL")
    op.drop_constraint(op.f("ck_address_lineage_owner"), "address_lineage", schema="observe")
    op.drop_constraint("ux_address_lineage_script_edge", "address_lineage", schema="observe")
    op.drop_column("address_lineage", "script_id", schema="observe")
    op.alter_column("address_lineage", "pipeline_id", nullable=False, schema="observe")
    op.drop_table("script", schema="observe")
