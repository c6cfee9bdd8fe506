"""The same tables twice: as YAML for this package, and as what somebody would write in bare Dagster."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg

CHECKS = ("freshness", "timeliness", "total_rows_anomaly", "duration_seconds_anomaly")
COLUMNS = "id, customer, reference, note, amount, quantity, paid, weight, created_at, updated_at"
SQL = "SELECT {columns}\nFROM sales.{name}"
_PER_FILE = 50

_COMMON = """\
type: observe_dagster.WarehouseSync
attributes:
  connections:
    - {id: source, name: Source, service_provider: postgres, config: {url: "postgresql://observe@127.0.0.1/source"}}
    - {id: target, name: Target, service_provider: postgres, config: {url: "postgresql://observe@127.0.0.1/target"}}
  pipeline_types:
    - {name: extraction, timeliness_number: 30, timeliness_datepart: minute}
"""
_DATA_MODEL = """\
    - id: {name}
      name: Orders {number}
      config:
        sql_query: |
          SELECT {columns}
          FROM sales.{name}
"""
_PIPELINE = """\
    - id: {name}
      name: Orders {number}
      pipeline_type_name: extraction
      connection_id: source
      data_model_id: {name}
      destination: {{connection_id: target, schema: analytics, table: {name}, primary_key: [id]}}
      sync_mode: {{type: incremental, iterator_field: updated_at, iterator_data_type: timestamptz}}
      schedule: {{type: interval, frequency: hourly, delay: 5m, start: "2024-01-01T00:00:00Z"}}
      freshness_number: 3
      freshness_datepart: hour
      anomaly_detection_rules:
        - {{metric_field: total_rows}}
        - {{metric_field: duration_seconds}}
      owners: ["team:sales"]
      group: domain_{domain}
"""


def names(size: int) -> list[str]:
    """The tables."""
    return [f"orders_{number:05}" for number in range(size)]


def write_yaml(folder: Path, size: int) -> None:
    """Declare a pipeline for each table, some in each file."""
    (folder / "common.yaml").write_text(_COMMON)
    every = names(size)
    for first in range(0, size, _PER_FILE):
        told = [
            {"name": name, "number": first + place, "domain": first // _PER_FILE, "columns": COLUMNS}
            for place, name in enumerate(every[first : first + _PER_FILE])
        ]
        parts = [
            "type: observe_dagster.WarehouseSync\nattributes:\n  data_models:\n",
            *(_DATA_MODEL.format(**each) for each in told),
            "  pipelines:\n",
            *(_PIPELINE.format(**each) for each in told),
        ]
        (folder / f"domain_{first // _PER_FILE:03}.yaml").write_text("".join(parts))


def bare_definitions(size: int) -> dg.Definitions:
    """An asset with four checks and a schedule for each table, beside the source table that it is made from."""
    tables = [_table(name, number) for number, name in enumerate(names(size))]
    sources = [
        dg.AssetSpec(
            ["source", "sales", name],
            description=f"Table `sales.{name}` of **Source**.",
            group_name="source",
            kinds={"postgres"},
            metadata={"dagster/table_name": f"source.sales.{name}"},
        )
        for name in names(size)
    ]
    job = dg.define_asset_job("sync", selection=dg.AssetSelection.assets(*(table.key for table in tables)))
    return dg.Definitions(
        assets=[*tables, *sources],
        jobs=[job],
        schedules=list(_schedules(names(size))),
        resources={"warehouse": "postgresql://observe@127.0.0.1/target"},
        executor=dg.in_process_executor,
    )


def _table(name: str, number: int) -> dg.AssetsDefinition:
    key, sql = _key(name), SQL.format(columns=COLUMNS, name=name)

    @dg.asset(
        key=key,
        deps=[["source", "sales", name]],
        description=f"**Orders {number}**\n\nUpserts what is new in `sales.{name}` every hour.\n\n```sql\n{sql}\n```",
        group_name=f"domain_{number // _PER_FILE}",
        kinds={"postgres"},
        owners=["team:sales"],
        metadata={"dagster/table_name": f"target.analytics.{name}", "primary_key": "id", "write_mode": "upsert"},
        check_specs=[dg.AssetCheckSpec(check, asset=key, description=f"{check} of {name}") for check in CHECKS],
    )
    def table(warehouse: dg.ResourceParam[str]) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield dg.MaterializeResult(asset_key=key, metadata={"sql": sql, "warehouse": warehouse})
        for check in CHECKS:
            yield dg.AssetCheckResult(asset_key=key, check_name=check, passed=True)

    return table


def _schedules(tables: Iterable[str]) -> Iterator[dg.ScheduleDefinition]:
    for name in tables:
        yield _schedule(name)


def _schedule(name: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{name}_schedule",
        job_name="sync",
        cron_schedule="5 * * * *",
        execution_timezone="UTC",
        description=f"Syncs {name} every hour.",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(run_key=f"{name}/{tick}", asset_selection=[_key(name)], tags={"table": name})

    return hourly


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["target", "analytics", name])
