"""Keep verdicts, and let pipelines be observed that were not declared here."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"


_MOMENT = sa.TIMESTAMP(timezone=True)
_JSON: Any = postgresql.JSONB()
_DECLARED = (
    "connection_id",
    "data_model_id",
    "destination_connection_id",
    "destination_schema",
    "destination_table",
)
_STATUS = "status IN ('pass', 'warn', 'fail', 'learning', 'skipped', 'error')"


def upgrade() -> None:
    """Go to this revision."""
    _allow_observed_pipelines()
    _mark_judged_executions()
    _create_results()
    _create_standings()


def downgrade() -> None:
    """Go back to the revision before; what was observed of others' pipelines is lost."""
    op.drop_table("check_standing", schema="observe")
    op.drop_table("check_result", schema="observe")
    for name in ("baseline", "unjudged", "untimed"):
        op.drop_index(f"ix_pipeline_execution_{name}", table_name="pipeline_execution", schema="observe")
    op.drop_column("pipeline_execution", "anomaly_judged_at", schema="observe")
    op.drop_column("pipeline_execution", "timeliness_judged_at", schema="observe")
    _forget_observed_pipelines()
    op.drop_constraint(op.f("ck_pipeline_managed"), "pipeline", schema="observe")
    op.drop_column("pipeline", "managed", schema="observe")
    for name in _DECLARED:
        op.alter_column("pipeline", name, nullable=False, schema="observe")


def _allow_observed_pipelines() -> None:
    op.add_column(
        "pipeline", sa.Column("managed", sa.Boolean(), server_default=sa.text("true"), nullable=False), schema="observe"
    )
    for name in _DECLARED:
        op.alter_column("pipeline", name, nullable=True, schema="observe")
    op.create_check_constraint(
        op.f("ck_pipeline_managed"),
        "pipeline",
        f"NOT managed OR num_nulls({', '.join(_DECLARED)}) = 0",
        schema="observe",
    )


def _mark_judged_executions() -> None:
    """Runs that ended before there were verdicts count as judged."""
    for name in ("timeliness_judged_at", "anomaly_judged_at"):
        op.add_column("pipeline_execution", sa.Column(name, _MOMENT, nullable=True), schema="observe")
    op.execute(
        "UPDATE observe.pipeline_execution SET timeliness_judged_at = end_date, anomaly_judged_at = end_date"
        " WHERE end_date IS NOT NULL"
    )
    op.create_index(
        "ix_pipeline_execution_baseline", "pipeline_execution", ["pipeline_id", "start_date"], schema="observe"
    )
    op.create_index(
        "ix_pipeline_execution_untimed",
        "pipeline_execution",
        ["pipeline_id", "end_date"],
        schema="observe",
        postgresql_where=sa.text("end_date IS NOT NULL AND timeliness_judged_at IS NULL"),
    )
    op.create_index(
        "ix_pipeline_execution_unjudged",
        "pipeline_execution",
        ["end_date"],
        schema="observe",
        postgresql_where=sa.text("completed_successfully AND anomaly_judged_at IS NULL"),
    )


def _create_results() -> None:
    op.create_table(
        "check_result",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("lower_bound", sa.Double(), nullable=True),
        sa.Column("upper_bound", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", _JSON, nullable=True),
        sa.Column("judged_at", _MOMENT, nullable=False),
        sa.Column("evaluated_at", _MOMENT, nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=True),
        sa.Column("flagged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(_STATUS, name=op.f("ck_check_result_status")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_check_result_pipeline_id")),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_check_result_pipeline_execution_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_result")),
        schema="observe",
    )
    op.create_index(
        "ix_check_result_history", "check_result", ["asset", "check_name", "judged_at", "id"], schema="observe"
    )
    op.create_index(
        "ux_check_result_execution",
        "check_result",
        ["pipeline_execution_id", "check_name"],
        unique=True,
        schema="observe",
        postgresql_where=sa.text("kind IN ('anomaly', 'timeliness') AND pipeline_execution_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_check_result_pipeline_execution_id"), "check_result", ["pipeline_execution_id"], schema="observe"
    )
    op.create_index(op.f("ix_check_result_evaluated_at"), "check_result", ["evaluated_at"], schema="observe")


def _create_standings() -> None:
    op.create_table(
        "check_standing",
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("judged_at", _MOMENT, nullable=False),
        sa.Column("last_evaluated_at", _MOMENT, nullable=False),
        sa.Column("last_reported_at", _MOMENT, nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=True),
        sa.Column("pipeline_execution_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(_STATUS, name=op.f("ck_check_standing_status")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["observe.pipeline.id"], name=op.f("fk_check_standing_pipeline_id")),
        sa.ForeignKeyConstraint(
            ["pipeline_execution_id"],
            ["observe.pipeline_execution.id"],
            name=op.f("fk_check_standing_pipeline_execution_id"),
        ),
        sa.PrimaryKeyConstraint("asset", "check_name", name=op.f("pk_check_standing")),
        schema="observe",
    )
    for name in ("pipeline_id", "pipeline_execution_id"):
        op.create_index(op.f(f"ix_check_standing_{name}"), "check_standing", [name], schema="observe")


def _forget_observed_pipelines() -> None:
    """Delete the pipelines that the older schema has no place for, with all that refers to them."""
    observed = "SELECT id FROM observe.pipeline WHERE NOT managed"
    runs = f"SELECT id FROM observe.pipeline_execution WHERE pipeline_id IN ({observed})"  # noqa: S608 (our own text)
    of_runs = (
        "anomaly_detection_result",
        "timeliness_pipeline_execution_log",
        "query_log",
        "schema_change",
        "publication",
    )
    for table in of_runs:
        op.execute(f"DELETE FROM observe.{table} WHERE pipeline_execution_id IN ({runs})")  # noqa: S608 (our own text)
    for end in ("parent", "child"):
        # S608: the text is our own.
        op.execute(f"DELETE FROM observe.pipeline_execution_closure WHERE {end}_execution_id IN ({runs})")  # noqa: S608
    # S608: the text is our own.
    op.execute(f"UPDATE observe.pipeline_execution SET parent_id = NULL WHERE parent_id IN ({runs})")  # noqa: S608
    of_pipelines = (
        "pipeline_execution",
        "anomaly_detection_rule",
        "freshness_pipeline_log",
        "address_lineage",
        "alert",
    )
    for table in of_pipelines:
        op.execute(f"DELETE FROM observe.{table} WHERE pipeline_id IN ({observed})")  # noqa: S608 (text of our own)
    op.execute("DELETE FROM observe.pipeline WHERE NOT managed")
