"""What a SELECT reads: its source tables, its output columns, and the columns each of them comes from."""

from observe_dagster.lineage.column_lineage import ColumnSource, column_sources
from observe_dagster.lineage.tables import output_columns, source_tables

__all__ = [
    "ColumnSource",
    "column_sources",
    "output_columns",
    "source_tables",
]
