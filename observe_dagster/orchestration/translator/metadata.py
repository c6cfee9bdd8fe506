"""What a run did, as the metadata of a materialization: numbers stay numbers, so that Dagster plots them."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from observe_dagster.config.models.paths import path_text
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.project import Project
from observe_dagster.orchestration.translator.keys import instant_text
from observe_dagster.orchestration.translator.specs import TableKeys
from observe_dagster.records import Column, ColumnFlow, SchemaChange, SyncResult

_MOST_ORIGINS = 4


def result_metadata(result: SyncResult, pipeline: Pipeline, project: Project) -> dict[str, Any]:
    """Everything the UI shows of a run that ended well."""
    metadata: dict[str, Any] = {
        **result.metadata,
        **_counts(result),
        **_range(result),
        "observe/execution_id": result.execution_id,
        "observe/run_type": str(result.range.run_type),
    }
    if result.columns:
        metadata["dagster/column_schema"] = column_schema(result.columns, _origins(pipeline, result.lineage))
    lineage = column_lineage(pipeline, project, result.lineage)
    if lineage is not None:
        metadata["dagster/column_lineage"] = lineage
    if result.schema_changes:
        metadata["observe/schema_changes"] = dg.MetadataValue.md(_schema_changes(result.schema_changes))
    if result.notes:
        metadata["observe/notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in result.notes))
    return metadata


def column_schema(columns: Sequence[Column], descriptions: Mapping[str, str]) -> dg.TableSchema:
    """The columns as the destination's engine describes them, and in words where they come from."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.native,
                description=descriptions.get(column.name),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in columns
        ]
    )


def column_lineage(pipeline: Pipeline, project: Project, flows: Sequence[ColumnFlow]) -> dg.TableColumnLineage | None:
    """Which source columns each destination column is made from; None when none could be followed."""
    connection, keys = project.connection(pipeline.connection_id), TableKeys(project)
    deps = {
        flow.column: [
            dg.TableColumnDep(asset_key=keys.key(connection, table), column_name=name) for table, name in flow.sources
        ]
        for flow in flows
    }
    return dg.TableColumnLineage(deps_by_column=deps) if deps else None


def _origins(pipeline: Pipeline, flows: Sequence[ColumnFlow]) -> dict[str, str]:
    """What each column is made from, in the words of `observe lineage`; Dagster's UI draws no lineage of columns."""
    descriptions: dict[str, str] = {}
    for flow in flows:
        paths = [path_text((pipeline.connection_id, table.schema, table.table, name)) for table, name in flow.sources]
        more = f" and {len(paths) - _MOST_ORIGINS} more" if len(paths) > _MOST_ORIGINS else ""
        if paths:
            descriptions[flow.column] = f"From {', '.join(paths[:_MOST_ORIGINS])}{more}"
    return descriptions


def _counts(result: SyncResult) -> dict[str, Any]:
    counts, seconds = result.counts, result.duration_seconds
    metadata: dict[str, Any] = {
        "observe/total_rows": counts.total_rows,
        "observe/inserts": counts.inserts,
        "observe/updates": counts.updates,
        "observe/unchanged": counts.unchanged,
        "observe/soft_deletes": counts.soft_deletes,
        "observe/failed_records": counts.rejected,
        "observe/late": counts.late,
        "observe/bytes": counts.bytes,
        "observe/duration_seconds": round(seconds, 3),
        "observe/throughput_rows_per_second": round(counts.total_rows / seconds, 1) if seconds > 0 else 0.0,
    }
    if counts.table_rows is not None:
        metadata["dagster/row_count"] = counts.table_rows
    return metadata


def _range(result: SyncResult) -> dict[str, Any]:
    texts = {
        "observe/watermark": result.watermark,
        "observe/range_start": result.range.start,
        "observe/range_end": result.range.end,
        "observe/logical_date": instant_text(result.range.logical_date),
    }
    return {key: text for key, text in texts.items() if text is not None}


def _schema_changes(changes: Sequence[SchemaChange]) -> str:
    lines = ["| column | change | was | is | action |", "|---|---|---|---|---|"]
    for change in changes:
        cells = (change.column, change.change, change.old_type or "", change.new_type or "", change.action)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
