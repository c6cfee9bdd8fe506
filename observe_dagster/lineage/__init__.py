"""SQL to lineage: which tables and columns a statement reads, which it writes, and which of them comes from which."""

from observe_dagster.lineage.dialects import known_dialect
from observe_dagster.lineage.edges import QueryLineage, ScriptLineage, TablePath, Unresolved
from observe_dagster.lineage.script import query_lineage, script_lineage
from observe_dagster.lineage.tables import output_columns, source_tables

__all__ = [
    "QueryLineage",
    "ScriptLineage",
    "TablePath",
    "Unresolved",
    "known_dialect",
    "output_columns",
    "query_lineage",
    "script_lineage",
    "source_tables",
]
