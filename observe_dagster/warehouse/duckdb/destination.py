"""Writing to DuckDB: stage in a temporary table, then merge and record the run in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from observe_dagster.config.sql.quoting import quoted
from observe_dagster.datatypes import DataType
from observe_dagster.errors import UnsupportedTypeError, WatermarkConflictError
from observe_dagster.records import Column, CommittedRun, Counts, TableName
from observe_dagster.warehouse.duckdb.session import (
    MEGABYTES,
    MEGABYTES_OF_CHANGES,
    MEGABYTES_OF_NEW,
    DuckDBSession,
)
from observe_dagster.warehouse.duckdb.source import describe
from observe_dagster.warehouse.duckdb.statements import ROWS, LoadStatements, create_sync_run, qualified, stage_of
from observe_dagster.warehouse.duckdb.types import WIDEST_DECIMAL, native_of
from observe_dagster.warehouse.load.run_record import COLUMNS, check_deletes, committed_run, values_of
from observe_dagster.warehouse.port.destination import noop
from observe_dagster.warehouse.port.load import DELETED_AT, SYNC_RUN_TABLE, Load
from observe_dagster.warehouse.port.source import Format, RowStream

_TABLE_BYTES = (
    "SELECT used_blocks * block_size * ("
    "SELECT sum(cells) FILTER (lower(schema_name) = lower(?) AND lower(table_name) = lower(?)) / nullif(sum(cells), 0) "
    "FROM (SELECT schema_name, table_name, estimated_size * column_count AS cells FROM duckdb_tables() "
    "WHERE database_name = current_database())"
    ") FROM pragma_database_size() WHERE database_name = current_database()"
)
_MOST_UPDATED_BYTES = 64_000_000
"""Updated rows are held in memory; where there are more, they are deleted and inserted."""

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


class DuckDBDestination:
    """A session that writes."""

    engine = "duckdb"
    formats: tuple[Format, ...] = ("native_arrow", "arrow")

    def __init__(self, session: DuckDBSession) -> None:
        self.session = session
        self.queries = session.queries
        self._there: set[TableName] = set()

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        return describe(self.session, f"DESCRIBE {qualified(table)}") if self._exists(table) else None

    def native_type(self, column: Column, *, source_engine: str) -> str:
        """The type a new column gets: the same in DuckDB's own rows, else our type's spelling."""
        if source_engine == "duckdb":
            return column.native
        if column.data_type is None:
            raise UnsupportedTypeError(
                self.session.connection_id, column.name, column.native, "DuckDB cannot hold it; cast it or drop it."
            )
        return self.native_of(column.data_type, column=column.name)

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """DuckDB's spelling of a type; raises UnsupportedTypeError for a decimal it cannot hold exactly."""
        native = native_of(data_type)
        if native is None:
            raise UnsupportedTypeError(
                self.session.connection_id,
                column,
                str(data_type),
                f"DuckDB's decimals have at most {WIDEST_DECIMAL} digits and a fixed scale; "
                f"declare a cast for it, such as decimal({WIDEST_DECIMAL},9).",
            )
        return native

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        if not self._exists(table) or not self._exists(TableName(schema=table.schema, table=SYNC_RUN_TABLE)):
            return None
        return self._run(table, "moves_watermark AND pipeline_id = ? AND table_name = ?", (pipeline_id, table.table))

    def committed(self, execution_key: str, table: TableName) -> CommittedRun | None:
        """The run of that key, if its rows are in the table."""
        if not self._exists(TableName(schema=table.schema, table=SYNC_RUN_TABLE)):
            return None
        return self._run(table, "execution_key = ?", (execution_key,))

    def stage(self, load: Load, stream: RowStream) -> int:
        """Put a stream's rows in a temporary table, or in one that is to become the destination; return how many."""
        import pyarrow as pa

        statements = LoadStatements(load)
        self.session.allow(MEGABYTES_OF_NEW if load.existing is None else MEGABYTES, columns=len(load.staged))
        if load.existing is None:
            self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(load.table.schema)}")
        reader = pa.RecordBatchReader.from_batches(stream.schema or pa.schema([]), stream.batches or iter(()))
        self.session.driver.register(ROWS, reader)
        try:
            arriving = tuple(row[1] for row in self.session.fetch(f"DESCRIBE SELECT * FROM {ROWS}"))
            self.session.execute(statements.stage(arriving))
        finally:
            self.session.driver.unregister(ROWS)
        return int(self.session.fetch(f"SELECT count(*) FROM {statements.staged}")[0][0])

    def commit(self, load: Load, *, now: datetime, on_commit: Callable[[], None] = noop) -> Counts:
        """Merge the staged rows and record the run, in one transaction."""
        statements = LoadStatements(load)
        with self.session.transaction():
            self.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(load.table.schema)}")
            self.session.execute(create_sync_run(load.table.schema))
            self._compare_watermark(load)
            rejected, superseded = (0, 0) if load.unstaged else self._check_rows(load, statements)
            total = load.rows
            written = self._write(load, statements, staged=total - rejected - superseded)
            counts = Counts(
                total_rows=total,
                rejected=rejected,
                superseded=superseded,
                unchanged=total - rejected - written["inserts"] - written["updates"] - written["read_deletes"],
                inserts=written["inserts"],
                updates=written["updates"],
                soft_deletes=written["read_deletes"] + written["gone"],
                late=written["late"],
                bytes=load.bytes,
                table_rows=int(self.session.fetch(f"SELECT count(*) FROM {statements.table}")[0][0]),
            )
            self._record(load, counts, now)
            on_commit()
        return counts

    def drop_stage(self, load: Load) -> None:
        """Remove what was staged, if anything."""
        self.session.execute(f"DROP TABLE IF EXISTS {stage_of(load)}")

    def table_bytes(self, table: TableName) -> int | None:
        """The table's share of the file's blocks, by its rows and columns: to count its own takes ever longer."""
        found = self.session.fetch(_TABLE_BYTES, (table.schema, table.table))
        return int(found[0][0]) if found and found[0][0] else None

    def _allow_changes(self, load: Load) -> None:
        """Allow what it takes to update and delete many rows."""
        self.session.allow(MEGABYTES_OF_CHANGES, columns=len(load.columns))

    def _compare_watermark(self, load: Load) -> None:
        if not load.range.moves_watermark:
            return
        found = self.last_commit(load.pipeline_id, load.table)
        watermark = None if found is None else found.watermark
        if watermark != load.expected_watermark:
            raise WatermarkConflictError(load.pipeline_id, expected=load.expected_watermark, found=watermark)

    def _check_rows(self, load: Load, statements: LoadStatements) -> tuple[int, int]:
        rejected, superseded = int(self.session.fetch(statements.count_rejected())[0][0]), 0
        if rejected:
            self.session.execute(statements.create_quarantine())
            self.session.execute(statements.quarantine())
        if load.primary_key and self.session.fetch(statements.has_duplicates())[0][0]:
            self._allow_changes(load)
            superseded = self.session.changed(statements.delete_superseded())
        return rejected, superseded

    def _write(self, load: Load, statements: LoadStatements, *, staged: int) -> dict[str, int]:
        done = {"inserts": 0, "updates": 0, "read_deletes": 0, "gone": 0, "late": 0}
        if load.added or load.widened:
            self._allow_changes(load)
        for statement in statements.alter() if load.existing is not None else statements.become_table():
            self.session.execute(statement)
        if load.write_mode == "mirror":
            self.session.execute(statements.add_deleted_at())
            done["gone"] = self._delete_gone(load, statements)
        if load.write_mode == "replace" and load.existing is not None:
            self.session.execute(f"DELETE FROM {statements.table}")
        if load.delete_from is not None or load.delete_until is not None:
            self.session.execute(statements.delete_range())
        if load.existing is None:
            done["inserts"] = staged
        elif load.write_mode in ("append", "replace"):
            done["inserts"] = self.session.changed(statements.insert()) if staged else 0
        elif staged:
            self._upsert(load, statements, done)
        return done

    def _upsert(self, load: Load, statements: LoadStatements, done: dict[str, int]) -> None:
        inserted, changed, deleted, late = self.session.fetch(statements.classify())[0]
        done["inserts"], done["updates"] = inserted, changed - deleted
        done["read_deletes"], done["late"] = deleted, late
        if not inserted and not changed:
            return
        if changed * load.bytes > _MOST_UPDATED_BYTES * load.rows and self._holds_only(load):
            self.session.execute(statements.delete_changed())
            self.session.execute(statements.insert_missing())
        else:
            self._allow_changes(load)
            self.session.execute(statements.merge())

    def _holds_only(self, load: Load) -> bool:
        """Whether rows may be replaced whole: nobody added columns, or keys and indexes, which are checked early."""
        ours = {column.name.lower() for column in load.columns}
        if load.write_mode == "mirror":
            ours.add(DELETED_AT)
        if any(column.name.lower() not in ours for column in load.existing or ()):
            return False
        return not self.session.fetch(_KEYS_AND_INDEXES, (load.table.schema, load.table.table) * 2)[0][0]

    def _delete_gone(self, load: Load, statements: LoadStatements) -> int:
        if load.existing is None:
            return 0
        gone, live = self.session.fetch(statements.count_gone())[0]
        check_deletes(load, gone=gone, live=live)
        self._allow_changes(load)
        return self.session.changed(statements.delete_gone()) if gone else 0

    def _record(self, load: Load, counts: Counts, now: datetime) -> None:
        table = quoted(load.table.schema, SYNC_RUN_TABLE)
        self.session.execute(
            f"INSERT INTO {table} (sequence, {', '.join(COLUMNS)}) SELECT coalesce(max(sequence), 0) + 1, "
            f"{', '.join('?' * len(COLUMNS))} FROM {table} WHERE pipeline_id = ? AND table_name = ?",
            [*values_of(load, counts, now), load.pipeline_id, load.table.table],
        )

    def _run(self, table: TableName, condition: str, parameters: tuple[Any, ...]) -> CommittedRun | None:
        rows = self.session.fetch(
            f"SELECT {', '.join(COLUMNS)} FROM {quoted(table.schema, SYNC_RUN_TABLE)} WHERE {condition} "
            "ORDER BY sequence DESC LIMIT 1",
            parameters,
        )
        return committed_run(rows[0]) if rows else None

    def _exists(self, table: TableName) -> bool:
        """Whether there is a table or view of that name; what was there stays, for nobody else may write the file."""
        if table not in self._there and self._lists(table):
            self._there.add(table)
        return table in self._there

    def _lists(self, table: TableName) -> bool:
        # Many times faster than information_schema.
        return bool(self.session.fetch(_EXISTS, (table.schema, table.table) * 2)[0][0])
