"""SQL to lineage: which tables and columns a statement reads, which it writes, and which of them comes from which."""

from observe_dagster.lineage.dialects import known_dialect
from observe_dagster.lineage.edges import (
    ColumnRef,
    Output,
    QueryLineage,
    ScriptLineage,
    StatementLineage,
    TablePath,
    Unresolved,
    Written,
)
from observe_dagster.lineage.names import TableColumns
from observe_dagster.lineage.script import query_lineage, script_lineage
from observe_dagster.lineage.tables import output_columns, source_tables

__all__ = [
    "ColumnRef",
    "Output",
    "QueryLineage",
    "ScriptLineage",
    "StatementLineage",
    "TableColumns",
    "TablePath",
    "Unresolved",
    "Written",
    "known_dialect",
    "output_columns",
    "query_lineage",
    "script_lineage",
    "source_tables",
]
