"""Writing to DuckDB: rows are cast and checked as they are staged, in a temporary table or in the table-to-be.

The stage has the destination's values (`v0`, `v1`, … in the order of the columns), the iterator as it was read
(`iterator`), why a row cannot be loaded (`rejected`) and such a row as JSON (`row_values`).
"""

import hashlib
from collections.abc import Sequence

from observe_dagster.datatypes import DataType
from observe_dagster.errors import UnsupportedTypeError
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse.duckdb.dialect import DIALECT
from observe_dagster.warehouse.duckdb.session import MEGABYTES, MEGABYTES_OF_CHANGES, MEGABYTES_OF_NEW, DuckDBSession
from observe_dagster.warehouse.duckdb.source import describe
from observe_dagster.warehouse.duckdb.types import native_of
from observe_dagster.warehouse.load import tables
from observe_dagster.warehouse.load.destination import MergingDestination
from observe_dagster.warehouse.load.merge import MergeStatements, misfit_reason, null_reasons
from observe_dagster.warehouse.port.load import DELETED_AT, LoadColumn, LoadPlan, Staged
from observe_dagster.warehouse.port.source import Format, RowStream

ROWS = "_observe_rows"
_STAGE = "temp._observe_stage"
_BESIDE_VALUES = ("iterator", "rejected", "row_values")
_MOST_UPDATED_BYTES = 64_000_000
"""Updated rows are held in memory; where there are more, they are deleted and inserted."""

_TABLE_BYTES = (
    "SELECT used_blocks * block_size * ("
    "SELECT sum(cells) FILTER (lower(schema_name) = lower(?) AND lower(table_name) = lower(?)) / nullif(sum(cells), 0) "
    "FROM (SELECT schema_name, table_name, estimated_size * column_count AS cells FROM duckdb_tables() "
    "WHERE database_name = current_database())"
    ") FROM pragma_database_size() WHERE database_name = current_database()"
)
# Many times faster than information_schema.
_EXISTS = (
    "SELECT EXISTS (SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() "
    "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)) "
    "OR EXISTS (SELECT 1 FROM duckdb_views() WHERE database_name = current_database() "
    "AND lower(schema_name) = lower(?) AND lower(view_name) = lower(?))"
)
_KEYS_AND_INDEXES = (
    "SELECT EXISTS (SELECT 1 FROM duckdb_constraints() WHERE database_name = current_database() "
    "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?) AND constraint_type <> 'NOT NULL') "
    "OR EXISTS (SELECT 1 FROM duckdb_indexes() WHERE database_name = current_database() "
    "AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?))"
)


class DuckDBStage:
    """Where the rows of a load are staged: aside, or beside a table that is not there yet, which it then becomes."""

    iterator = "s.iterator"
    row_values = "s.row_values"
    row_hash = f"md5({DIALECT.text('s.row_values')})"

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._position = {column.name: i for i, column in enumerate(plan.schema.columns)}
        name = f"_observe_stage_{hashlib.sha256(plan.run.pipeline_id.encode()).hexdigest()[:12]}"
        self.table = _STAGE if plan.target.existing is not None else DIALECT.quote(plan.target.table.schema, name)

    def value(self, column: LoadColumn) -> str:
        """A column's value."""
        return f"s.v{self._position[column.name]}"

    safe_value = value

    def create(self, arriving: Sequence[str]) -> str:
        """Read the arriving rows, of these types, once: cast them, and give those that cannot be loaded a reason."""
        columns = self._plan.schema.columns
        reasons = null_reasons(self._plan, DIALECT, prefix="c")
        reasons += [
            (
                f"c{column.position} IS NOT NULL AND {_staged_value(column)} IS NULL",
                misfit_reason(DIALECT, column, f"c{column.position}"),
            )
            for column in columns
            if column.position is not None and arriving[column.position] != column.native
        ]
        cases = " ".join(f"WHEN {test} THEN {reason}" for test, reason in reasons)
        position = self._plan.schema.iterator_position
        row = DIALECT.json_object(
            [(column.name, DIALECT.text(f"c{i}")) for i, column in enumerate(self._plan.schema.staged)]
        )
        kind = "TABLE" if self._plan.target.existing is None else "TEMP TABLE"
        return (
            f"CREATE OR REPLACE {kind} {self.table} AS SELECT "
            f"{', '.join(f'{_staged_value(column)} AS v{i}' for i, column in enumerate(columns))}, "
            f"{'NULL' if position is None else f'c{position}'} AS iterator, "
            f"{f'CASE {cases} END' if cases else 'NULL::VARCHAR'} AS rejected, "
            f"CASE WHEN rejected IS NOT NULL THEN {row} END AS row_values FROM {ROWS}"
        )

    def become_table(self) -> list[str]:
        """Make the stage the table; keys are not null, and unique because the merge keeps them so."""
        target, columns = self._plan.target.table, self._plan.schema.columns
        names = {f"v{i}": column.name for i, column in enumerate(columns)}
        if not {name.lower() for name in names.values()}.isdisjoint(names):
            names = {old: f"_observe_{old}" for old in names} | {f"_observe_{old}": new for old, new in names.items()}
        quote, alter = DIALECT.quote, f"ALTER TABLE {self.table}"
        return [
            f"DELETE FROM {self.table} WHERE rejected IS NOT NULL",
            *(f"{alter} DROP COLUMN {name}" for name in _BESIDE_VALUES),
            *(f"{alter} RENAME COLUMN {old} TO {quote(new)}" for old, new in names.items()),
            *(f"{alter} ALTER COLUMN {quote(key)} SET NOT NULL" for key in self._plan.rules.primary_key),
            f"{alter} RENAME TO {quote(target.table)}",
            *([tables.add_deleted_at(self._plan, DIALECT)] if self._plan.rules.write_mode == "mirror" else []),
        ]


class DuckDBDestination(MergingDestination):
    """A session that writes."""

    dialect = DIALECT
    formats: tuple[Format, ...] = ("native_arrow", "arrow")

    def __init__(self, session: DuckDBSession) -> None:
        super().__init__(session)
        self.session = session
        self.queries = session.queries
        self._existing: set[TableName] = set()

    def exists(self, table: TableName) -> bool:
        """Whether there is a table or view of that name; what was there stays, for nobody else may write the file."""
        if table in self._existing:
            return True
        exists = bool(self.session.fetch(_EXISTS, (table.schema, table.table) * 2)[0][0])
        if exists:
            self._existing.add(table)
        return exists

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        return describe(self.session, f"DESCRIBE {DIALECT.table(table)}") if self.exists(table) else None

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """DuckDB's spelling of a type; raises UnsupportedTypeError for a decimal it cannot hold exactly."""
        native, widest = native_of(data_type), DIALECT.capabilities.widest_decimal_digits
        if native is None:
            raise UnsupportedTypeError(
                self.session.connection_id,
                column,
                str(data_type),
                f"DuckDB's decimals have at most {widest} digits and a fixed scale; "
                f"declare a cast for it, such as decimal({widest},9).",
            )
        return native

    def stage(self, plan: LoadPlan, stream: RowStream) -> int:
        """Put a stream's rows in a temporary table, or in one that is to become the destination; return how many."""
        import pyarrow as pa

        stage, first = DuckDBStage(plan), plan.target.existing is None
        self.session.allow(MEGABYTES_OF_NEW if first else MEGABYTES, columns=len(plan.schema.staged))
        if first:
            self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {DIALECT.quote(plan.target.table.schema)}")
        reader = pa.RecordBatchReader.from_batches(stream.schema or pa.schema([]), stream.batches or iter(()))
        self.session.driver.register(ROWS, reader)
        try:
            arriving = [row[1] for row in self.session.fetch(f"DESCRIBE SELECT * FROM {ROWS}")]
            self.session.execute(stage.create(arriving))
        finally:
            self.session.driver.unregister(ROWS)
        return int(self.session.fetch(f"SELECT count(*) FROM {stage.table}")[0][0])

    def statements(self, plan: LoadPlan) -> MergeStatements:
        """The statements of a load from its stage."""
        return MergeStatements(plan, DIALECT, DuckDBStage(plan))

    def adopts_stage(self, plan: LoadPlan) -> bool:
        """Every first load is staged as the table."""
        return plan.target.existing is None

    def become_table(self, plan: LoadPlan) -> Sequence[str]:
        """Make the stage the table."""
        return DuckDBStage(plan).become_table()

    def before_changes(self, plan: LoadPlan) -> None:
        """Allow the memory that updating and deleting many rows takes."""
        self.session.allow(MEGABYTES_OF_CHANGES, columns=len(plan.schema.columns))

    def merge(self, plan: LoadPlan, statements: MergeStatements, staged: Staged, *, changed: int) -> None:
        """Bring new and changed rows into the table; many changed ones are replaced whole."""
        if changed * staged.bytes > _MOST_UPDATED_BYTES * staged.rows and self._holds_only(plan):
            self.session.execute(statements.delete_changed())
            self.session.execute(statements.insert_missing())
        else:
            super().merge(plan, statements, staged, changed=changed)

    def drop_stage(self, plan: LoadPlan) -> None:
        """Remove what was staged, if anything."""
        self.session.execute(f"DROP TABLE IF EXISTS {DuckDBStage(plan).table}")

    def table_bytes(self, table: TableName) -> int | None:
        """The table's share of the file's blocks, by its rows and columns: to count its own takes ever longer."""
        size = self.session.fetch(_TABLE_BYTES, (table.schema, table.table))
        return int(size[0][0]) if size and size[0][0] else None

    def _holds_only(self, plan: LoadPlan) -> bool:
        """Whether rows may be replaced whole: nobody added columns, or keys and indexes, which are checked early."""
        ours = {column.name.lower() for column in plan.schema.columns}
        if plan.rules.write_mode == "mirror":
            ours.add(DELETED_AT)
        if any(column.name.lower() not in ours for column in plan.target.existing or ()):
            return False
        table = plan.target.table
        return not self.session.fetch(_KEYS_AND_INDEXES, (table.schema, table.table) * 2)[0][0]


def _staged_value(column: LoadColumn) -> str:
    if column.position is None:
        return DIALECT.cast(DIALECT.literal(column.constant), column.native)
    return DIALECT.try_cast(f"c{column.position}", column.native)
