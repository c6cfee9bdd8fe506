"""A long event log in Dagster's own table: the rows of one real run, over and over, as runs of many tables."""

import tempfile

import dagster as dg
import sqlalchemy as sa

_RUN_ID, _TABLE = "00000000-0000-0000-0000-000000000000", "table_00000"

# Ids, names and times are in the columns and in the serialized event, so both are replaced.
_REPEAT = """
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT run_id, replace(replace(replace(event, :run_id, run_id), :table, name), told, at::text), dagster_event_type,
           to_timestamp(at) AT TIME ZONE 'UTC', replace(step_key, :table, name), replace(asset_key, :table, name),
           partition
    FROM (
        SELECT t.*, n, 'table_' || lpad((n % :tables)::text, 5, '0') AS name, t.event::json ->> 'timestamp' AS told,
               '00000000-0000-0000-0000-' || lpad(n::text, 12, '0') AS run_id,
               extract(epoch FROM now()) - 3600 - (:runs - n) * 3.0 + place / 100.0 AS at
        FROM generate_series(1, :runs) AS n
        CROSS JOIN (
            SELECT event, dagster_event_type, step_key, asset_key, partition, row_number() OVER (ORDER BY id) AS place
            FROM event_logs WHERE run_id = :run_id
        ) AS t
    ) AS told
    ORDER BY n, place
"""


def write_event_log(instance: dg.DagsterInstance, url: str, *, events: int, tables: int) -> int:
    """Run one asset with a check for real, and repeat what it wrote as often as needed; returns how many rows it is."""
    _run_once(instance)
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as db:
            given = {"run_id": _RUN_ID}
            rows = db.execute(sa.text("SELECT count(*) FROM event_logs WHERE run_id = :run_id"), given).scalar_one()
            runs = max(1, events // rows)
            db.execute(sa.text(_REPEAT), {**given, "table": _TABLE, "tables": tables, "runs": runs})
            db.execute(sa.text("DELETE FROM event_logs WHERE run_id = :run_id"), given)
            db.execute(sa.text("VACUUM ANALYZE event_logs"))
            db.execute(sa.text("CHECKPOINT"))
            return db.execute(sa.text("SELECT count(*) FROM event_logs")).scalar_one()
    finally:
        engine.dispose()


def _run_once(instance: dg.DagsterInstance) -> None:
    key = dg.AssetKey(_TABLE)
    schema = dg.TableSchema(columns=[dg.TableColumn(f"column_{number}", "bigint") for number in range(10)])

    @dg.asset(name=_TABLE, check_specs=[dg.AssetCheckSpec("freshness", asset=key)])
    def table() -> dg.MaterializeResult:
        metadata = {"dagster/row_count": 1000, "dagster/column_schema": schema, "observe/pipeline": _TABLE}
        passed = dg.AssetCheckResult(check_name="freshness", passed=True, metadata={"observe/status": "pass"})
        return dg.MaterializeResult(metadata=metadata, check_results=[passed])

    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with tempfile.TemporaryDirectory() as folder:
        manager = dg.FilesystemIOManager(base_dir=folder)
        job = dg.Definitions(assets=[table], resources={"io_manager": manager}).resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, run_id=_RUN_ID, run_config=config)
