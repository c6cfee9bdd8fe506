"""Engines: one adapter each behind a small set of protocols."""

from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.load import Load, LoadColumn
from observe_dagster.warehouse.port.query_log import QueryRecorder
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import RowStream, Selection, Source
from observe_dagster.warehouse.port.warehouse import OpenOptions, Warehouse
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
