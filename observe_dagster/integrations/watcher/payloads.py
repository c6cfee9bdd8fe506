"""Payloads for a Watcher server: pipelines, rules, starts and ends of executions, addresses and lineage. Pure.

Watcher writes names in lower case and keeps counts as 32-bit numbers: what does not fit is sent as metadata instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from observe_dagster.config.models.pipeline import AnomalyDetectionRule, Expectations, Pipeline
from observe_dagster.config.project import Project
from observe_dagster.integrations.facts import Table
from observe_dagster.ledger import ExecutionRow, PipelineRow
from observe_dagster.records import Counts

Record = dict[str, Any]

LARGEST_COUNT = 2**31 - 1
LONGEST_NAME = 150
LONGEST_PART = 50
DEFAULT_TYPE = "warehouse sync"
OBSERVED_TYPE = "observed asset"
METRICS = ("duration_seconds", "inserts", "updates", "soft_deletes", "total_rows", "throughput")
"""The metrics that Watcher has rules for."""

_EXPECTED = tuple(Expectations.model_fields)


def pipeline_record(pipeline: Pipeline, project: Project) -> Record:
    """A pipeline as it is declared; what is not declared is sent as null, for Watcher keeps what is left out."""
    own = {name: getattr(pipeline, name) for name in _EXPECTED}
    return {
        "pipeline": identity(pipeline),
        "settings": {
            **own,
            "pipeline_metadata": {
                "observe_name": pipeline.name,
                "connection_id": pipeline.connection_id,
                "data_model_id": pipeline.data_model_id,
                "destination": ".".join(pipeline.table_key),
                "environment": pipeline.environment,
                "owners": list(pipeline.owners),
                **pipeline.pipeline_metadata,
            },
            "active": pipeline.state == "active",
        },
        "type_settings": _type_settings(pipeline, project),
    }


def identity(pipeline: Pipeline) -> Record:
    """What Watcher finds a pipeline by."""
    return {"name": pipeline.id, "pipeline_type_name": pipeline.pipeline_type_name or DEFAULT_TYPE}


def observed_record(asset: PipelineRow) -> Record:
    """An asset that others make, as the ledger knows it, in the form of a pipeline."""
    expected = {name: getattr(asset, name) for name in _EXPECTED}
    return {
        "pipeline": observed_identity(asset),
        "settings": {
            **expected,
            "pipeline_metadata": {"observe_name": asset.name, "asset_key": asset.pipeline_id},
            "active": asset.active,
        },
        "type_settings": None,
    }


def observed_identity(asset: PipelineRow) -> Record:
    """What Watcher finds the pipeline of an observed asset by."""
    return {"name": asset.pipeline_id[:LONGEST_NAME], "pipeline_type_name": OBSERVED_TYPE}


def rules_record(
    pipeline: Record, rules: Sequence[AnomalyDetectionRule], before: Mapping[str, Any] | None = None
) -> Record:
    """The anomaly rules of a pipeline; those that were in the record `before` and are no more are sent as inactive."""
    names = ("metric_field", "z_threshold", "lookback_days", "minimum_executions", "active")
    now = {rule.metric_field: {name: getattr(rule, name) for name in names} for rule in rules}
    known = {metric: rule for metric, rule in now.items() if metric in METRICS}
    gone = [rule for rule in (before or {}).get("rules", ()) if rule["metric_field"] not in known]
    all_rules = [*known.values(), *({**rule, "active": False} for rule in gone)]
    return {"pipeline": pipeline, "rules": sorted(all_rules, key=lambda rule: str(rule["metric_field"]))}


def _type_settings(pipeline: Pipeline, project: Project) -> Record | None:
    for declared in project.pipeline_types:
        if declared.name == pipeline.pipeline_type_name:
            return {"name": declared.name, **{name: getattr(declared, name) for name in _EXPECTED}}
    return None


def start_record(execution: ExecutionRow, pipeline: Record) -> Record:
    """The start of an execution of the pipeline of that identity; its parent is named by our number."""
    return {
        "verb": "start",
        "execution_id": execution.id,
        "parent_execution_id": execution.parent_id,
        "pipeline": pipeline,
        "start_date": execution.start_date.isoformat(),
        "watermark": short(execution.watermark),
        "next_watermark": short(execution.next_watermark),
    }


def end_record(execution: ExecutionRow, pipeline: Record) -> Record:
    """The end of an execution. A success moves Watcher's watermark to the one sent before."""
    assert execution.end_date is not None
    counts = execution.counts
    moved = execution.moves_watermark and execution.completed_successfully
    return {
        "verb": "end",
        "execution_id": execution.id,
        "pipeline": pipeline,
        "next_watermark": short(execution.reached_watermark) if moved else None,
        "end": {
            "end_date": execution.end_date.isoformat(),
            "completed_successfully": bool(execution.completed_successfully),
            **_counts(counts),
            "execution_metadata": _metadata(execution, counts),
        },
    }


def lineage_record(pipeline: Pipeline, sources: Sequence[Table], target: Table, platforms: Mapping[str, str]) -> Record:
    """Where a pipeline's table comes from; `platforms` are the engines of connections, by id."""
    return {
        "pipeline": identity(pipeline),
        "source_addresses": [address(source, platforms) for source in sources],
        "target_addresses": [
            address(target, platforms, primary_key=", ".join(pipeline.destination.primary_key) or None)
        ],
    }


def address(table: Table, platforms: Mapping[str, str], *, primary_key: str | None = None) -> Record:
    """A table as Watcher keeps it; a part that is too long is left out, the name is cut."""
    parts = {"database_name": table.database, "schema_name": table.schema, "table_name": table.name}
    fitting = {name: part for name, part in parts.items() if part and len(part) <= LONGEST_PART}
    if primary_key is not None and len(primary_key) <= LONGEST_PART:
        fitting["primary_key"] = primary_key
    name = ".".join(part for part in parts.values() if part)[:LONGEST_NAME]
    platform = platforms.get(table.connection_id or "", "other")
    return {"name": name, "address_type_name": platform, "address_type_group_name": "database", **fitting}


def short(watermark: str | None) -> str | None:
    """A watermark that Watcher can keep; one that is too long is left out."""
    return watermark if watermark is not None and len(watermark) <= LONGEST_PART else None


def _counts(counts: Counts | None) -> Record:
    if counts is None:
        return {}
    counts_by_name = {
        "total_rows": counts.total_rows,
        "inserts": counts.inserts,
        "updates": counts.updates,
        "soft_deletes": counts.soft_deletes,
    }
    return {name: count for name, count in counts_by_name.items() if count <= LARGEST_COUNT}


def _metadata(execution: ExecutionRow, counts: Counts | None) -> Record:
    facts: Record = {
        "observe_execution_id": execution.id,
        "type": str(execution.type),
        "status": str(execution.status),
        "logical_date": execution.logical_date.isoformat(),
        "range_start": execution.range_start,
        "range_end": execution.range_end,
        "attempts": execution.attempts,
        "errors": list(execution.errors),
        "dagster_run_id": execution.dagster_run_id,
    }
    if counts is not None:
        facts |= {
            "total_rows": counts.total_rows,
            "unchanged": counts.unchanged,
            "failed_records": counts.rejected,
            "bytes": counts.bytes,
        }
    return {name: value for name, value in facts.items() if value not in (None, [])}
