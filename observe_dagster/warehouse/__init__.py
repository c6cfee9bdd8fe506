"""Engines: one adapter each behind a small set of protocols."""

from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.destination import Destination
from observe_dagster.warehouse.port.query_log import QueryRecorder
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Source
from observe_dagster.warehouse.port.warehouse import OpenOptions, Warehouse
from observe_dagster.warehouse.registry import dialect_of, open_warehouse

__all__ = [
    "Destination",
    "Dialect",
    "OpenOptions",
    "QueryRecorder",
    "Reader",
    "Source",
    "Warehouse",
    "dialect_of",
    "open_warehouse",
]
