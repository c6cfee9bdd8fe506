"""Engines: one adapter each behind a small set of protocols."""

from observe_dagster.warehouse.port import (
    Destination,
    Load,
    LoadColumn,
    OpenOptions,
    Reader,
    RowStream,
    Selection,
    Source,
    Warehouse,
)
from observe_dagster.warehouse.query_log import QueryRecorder
from observe_dagster.warehouse.registry import open_warehouse

__all__ = [
    "Destination",
    "Load",
    "LoadColumn",
    "OpenOptions",
    "QueryRecorder",
    "Reader",
    "RowStream",
    "Selection",
    "Source",
    "Warehouse",
    "open_warehouse",
]
