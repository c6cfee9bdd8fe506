"""The names of tables and of what is staged in PostgreSQL, which keeps a certain length of a name and no more."""

import hashlib

from psycopg import sql

from observe_dagster.records import TableName
from observe_dagster.warehouse.port.load import Load

LONGEST_NAME = 63
"""The bytes of a name that PostgreSQL keeps."""


def qualified(table: TableName, suffix: str = "") -> sql.Identifier:
    """A table's quoted name, with an optional suffix to its last part, which is shortened where both are too long."""
    return sql.Identifier(table.schema, _shortened(table.table, suffix))


def _shortened(name: str, suffix: str) -> str:
    """PostgreSQL cuts a name that is too long, and with it the suffix that tells it from another table's."""
    if not suffix or len((name + suffix).encode()) <= LONGEST_NAME:
        return name + suffix
    suffix = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
    return name.encode()[: LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix


def staged(position: int) -> sql.Identifier:
    """A staged column, as `s.cN`."""
    return sql.Identifier("s", f"c{position}")


def stage_prefix(pipeline_id: str) -> str:
    """How the staged tables of a pipeline begin."""
    return f"_observe_stage_{hashlib.sha256(pipeline_id.encode()).hexdigest()[:12]}_"


def stage_name(load: Load) -> str:
    """The staged table of one run."""
    return stage_prefix(load.pipeline_id) + hashlib.sha256(load.execution_key.encode()).hexdigest()[:12]
