"""What is declared and recorded, in the field names, enums and paging envelope of the Warehouse Sync API document.

Pure: what was declared and rows of the ledger in, documents ready for JSON out. Times are ISO 8601 in UTC; ranges and
watermarks are as they were recorded, for an integer iterator a number. What the document does not know (counts,
watermark, destination) comes beside what it does.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from observe_dagster.records import Counts
from observe_dagster.service.context import Document
from observe_dagster.service.times import in_utc

if TYPE_CHECKING:
    from observe_dagster.config import Connection, DataModel, Pipeline
    from observe_dagster.ledger import ConnectionRow, DataModelRow, ExecutionRow, Page, PipelineRow


def connection_document(declared: "Connection", row: "ConnectionRow") -> Document:
    """One connection; secrets are masked."""
    return _resource(declared, row)


def data_model_document(declared: "DataModel", row: "DataModelRow") -> Document:
    """One data model; `config.sql_query` holds the SQL, wherever it was written."""
    document = _resource(declared, row)
    return {**document, "config": {"sql_query": declared.sql}}


def pipeline_document(declared: "Pipeline", row: "PipelineRow") -> Document:
    """One pipeline as it is declared, with how it stands and how far it has read."""
    document = _resource(declared, row)
    if row.paused:
        document["state"] = "paused"
    return {**document, "watermark": row.watermark}


def run_document(execution: "ExecutionRow") -> Document:
    """One run with its counts; `successful_records` is what was read and not rejected."""
    counts = execution.counts or Counts()
    return {
        "id": execution.id,
        "pipeline_id": execution.pipeline_id,
        "type": str(execution.type),
        "status": str(execution.status),
        "errors": _errors(execution.errors),
        "logical_date": in_utc(execution.logical_date),
        "started_on": in_utc(execution.start_date),
        "ended_on": in_utc(execution.end_date),
        "range_start": execution.range_start,
        "range_end": execution.range_end,
        "successful_records": counts.total_rows - counts.rejected,
        "failed_records": counts.rejected,
        **asdict(counts),
        "watermark": execution.reached_watermark,
        "attempts": execution.attempts,
        "retry_errors": _errors(execution.retry_errors),
        "dagster_run_id": execution.dagster_run_id,
    }


def runs_document(page: "Page[ExecutionRow]") -> Document:
    """One page of runs in the document's paging envelope."""
    return {
        "items": [run_document(execution) for execution in page.items],
        "current_page": page.current_page,
        "page_size": page.page_size,
        "total_pages": page.total_pages,
        "total_items": page.total_items,
        "has_previous_page": page.has_previous_page,
        "has_next_page": page.has_next_page,
    }


def report_document(
    pipeline: "PipelineRow",
    connection: "ConnectionRow",
    data_model: "DataModelRow",
    *,
    latest: "ExecutionRow | None",
    latest_successful_id: int | None,
) -> Document:
    """How a pipeline, its connection and its data model stand, and its latest run by logical date."""
    return {
        "pipeline_id": pipeline.pipeline_id,
        "status": str(pipeline.status),
        "errors": _errors(pipeline.errors),
        "connection_status": str(connection.status),
        "connection_errors": _errors(connection.errors),
        "data_model_status": str(data_model.status),
        "data_model_errors": _errors(data_model.errors),
        "latest_successful_pipeline_run_id": latest_successful_id,
        "latest_pipeline_run": None if latest is None else run_document(latest),
        "watermark": pipeline.watermark,
    }


def _resource(
    declared: "Connection | DataModel | Pipeline", row: "ConnectionRow | DataModelRow | PipelineRow"
) -> Document:
    from observe_dagster.config.secrets import masked

    fields = masked(declared)
    head = {name: fields.pop(name) for name in ("id", "name", "state")}
    return {
        **head,
        "status": str(row.status),
        "errors": _errors(row.errors),
        **fields,
        "created_on": in_utc(row.created_at),
        "last_modified_on": in_utc(row.updated_at),
    }


def _errors(messages: Iterable[str]) -> list[dict[str, str]]:
    return [{"message": message} for message in messages]
