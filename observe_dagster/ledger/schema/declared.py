"""The tables of what is declared."""

from typing import Any

import sqlalchemy as sa

from observe_dagster.ledger.schema.columns import Json, Moment, created_at, flag, identity, metadata, no_errors


def _expectations() -> list[sa.Column[Any]]:
    return [
        sa.Column("freshness_number", sa.BigInteger),
        sa.Column("freshness_datepart", sa.Text),
        flag("mute_freshness_check", default=False),
        sa.Column("timeliness_number", sa.BigInteger),
        sa.Column("timeliness_datepart", sa.Text),
        flag("mute_timeliness_check", default=False),
    ]


def _declared() -> list[sa.Column[Any]]:
    return [
        flag("active", default=True),
        sa.Column("content_hash", sa.Text, nullable=False),
        created_at(),
        sa.Column("updated_at", Moment),
    ]


connection = sa.Table(
    "connection",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="healthy"),
    no_errors(),
    sa.Column("service_provider", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    *_declared(),
    sa.CheckConstraint("status IN ('healthy', 'faulted')", name="status"),
)


data_model = sa.Table(
    "data_model",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="valid"),
    no_errors(),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    *_declared(),
    sa.CheckConstraint("status IN ('valid', 'invalid')", name="status"),
)


pipeline_type = sa.Table(
    "pipeline_type",
    metadata,
    identity(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    *_expectations(),
    *_declared(),
)


pipeline = sa.Table(
    "pipeline",
    metadata,
    identity(),
    sa.Column("pipeline_id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    flag("managed", default=True),
    sa.Column("pipeline_type_id", sa.BigInteger, sa.ForeignKey(pipeline_type.c.id), index=True),
    sa.Column("connection_id", sa.Text, sa.ForeignKey(connection.c.id), index=True),
    sa.Column("data_model_id", sa.Text, sa.ForeignKey(data_model.c.id), index=True),
    sa.Column("destination_connection_id", sa.Text, sa.ForeignKey(connection.c.id)),
    sa.Column("destination_schema", sa.Text),
    sa.Column("destination_table", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    flag("paused_by_user", default=False),
    sa.Column("status", sa.Text, nullable=False, server_default="idle"),
    no_errors(),
    sa.Column("watermark", sa.Text),
    sa.Column("next_watermark", sa.Text),
    sa.Column("last_target_insert", Moment),
    sa.Column("last_target_update", Moment),
    sa.Column("last_target_soft_delete", Moment),
    *_expectations(),
    flag("load_lineage", default=True),
    sa.Column("config", Json, nullable=False),
    sa.Column("pipeline_metadata", Json),
    *_declared(),
    sa.CheckConstraint("state IN ('new', 'active', 'paused')", name="state"),
    sa.CheckConstraint(
        "NOT managed OR num_nulls(connection_id, data_model_id, destination_connection_id,"
        " destination_schema, destination_table) = 0",
        name="managed",
    ),
    sa.CheckConstraint("status IN ('idle', 'running', 'faulted', 'stopped')", name="status"),
    sa.Index("ix_pipeline_destination", "destination_connection_id", "destination_schema", "destination_table"),
)
