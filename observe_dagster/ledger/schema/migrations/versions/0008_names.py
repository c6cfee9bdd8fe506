"""Name a pipeline's declared id `pipeline_id` and references to its row `pipeline_pk`; call statuses by their name.

Nothing but the few alerts about sensors and schedules is written: all else is renamed in the catalog.
"""

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"

_REFERRING = (
    "pipeline_execution",
    "address_lineage",
    "anomaly_detection_rule",
    "freshness_pipeline_log",
    "timeliness_pipeline_execution_log",
    "check_result",
    "check_standing",
    "alert",
)
_CONSTRAINTS = (
    *((table, f"fk_{table}_", "") for table in _REFERRING),
    ("anomaly_detection_rule", "ux_anomaly_detection_rule_", "_metric_field"),
    ("freshness_pipeline_log", "ux_freshness_pipeline_log_", "_last_dml_timestamp"),
)
_INDEXES = ("ix_alert_", "ix_check_standing_", "ix_timeliness_pipeline_execution_log_")
_OF_STATUS_TABLE = ("pk_{}", "ck_{}_status", "fk_{}_pipeline_pk", "fk_{}_pipeline_execution_id")
_INDEXES_OF_STATUS_TABLE = ("ix_{}_pipeline_pk", "ix_{}_pipeline_execution_id")


def upgrade() -> None:
    """Go to this revision."""
    _lock("check_standing")
    _rename_references("pipeline_id", "pipeline_pk")
    _rename_column("pipeline", "slug", "pipeline_id")
    _rename_constraint("pipeline", "ux_pipeline_slug", "ux_pipeline_pipeline_id")
    _rename_status_table("check_standing", "check_status")
    _rename_alerts("tick", "automation")


def downgrade() -> None:
    """Go back to the revision before."""
    _lock("check_status")
    _rename_alerts("automation", "tick")
    _rename_status_table("check_status", "check_standing")
    _rename_constraint("pipeline", "ux_pipeline_pipeline_id", "ux_pipeline_slug")
    _rename_column("pipeline", "pipeline_id", "slug")
    _rename_references("pipeline_pk", "pipeline_id")


def _lock(status_table: str) -> None:
    """Lock all tables at once, pipelines first as everybody does, so that no deadlock arises on the way."""
    tables = ("pipeline", *(status_table if table == "check_standing" else table for table in _REFERRING))
    op.execute(f"LOCK TABLE {', '.join(f'observe.{table}' for table in tables)} IN ACCESS EXCLUSIVE MODE")


def _rename_references(old: str, new: str) -> None:
    for table in _REFERRING:
        _rename_column(table, old, new)
    for table, before, after in _CONSTRAINTS:
        _rename_constraint(table, f"{before}{old}{after}", f"{before}{new}{after}")
    for index in _INDEXES:
        _rename_index(f"{index}{old}", f"{index}{new}")


def _rename_status_table(old: str, new: str) -> None:
    op.execute(f"ALTER TABLE observe.{old} RENAME TO {new}")
    for name in _OF_STATUS_TABLE:
        _rename_constraint(new, name.format(old), name.format(new))
    for name in _INDEXES_OF_STATUS_TABLE:
        _rename_index(name.format(old), name.format(new))


def _rename_alerts(old: str, new: str) -> None:
    op.execute(
        f"UPDATE observe.alert SET check_name = '{new}', details = details || '{{\"kind\": \"{new}\"}}'"  # noqa: S608
        f" WHERE check_name = '{old}' AND details ->> 'kind' = '{old}'"
    )


def _rename_column(table: str, old: str, new: str) -> None:
    op.execute(f"ALTER TABLE observe.{table} RENAME COLUMN {old} TO {new}")


def _rename_constraint(table: str, old: str, new: str) -> None:
    op.execute(f"ALTER TABLE observe.{table} RENAME CONSTRAINT {old} TO {new}")


def _rename_index(old: str, new: str) -> None:
    op.execute(f"ALTER INDEX observe.{old} RENAME TO {new}")
