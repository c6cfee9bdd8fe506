"""Writing to PostgreSQL: stage beside the table, then merge and record the run in one transaction."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg import sql

from observe_dagster.datatypes import DataType
from observe_dagster.errors import UnsupportedTypeError, WarehouseError, WatermarkConflictError
from observe_dagster.records import Column, CommittedRun, Counts, TableName
from observe_dagster.warehouse.load.infinity import ARRIVED_INFINITY, ARROW_TO_POSTGRES, has_positive_infinity, remapped
from observe_dagster.warehouse.load.run_record import check_deletes, committed_run
from observe_dagster.warehouse.port.destination import noop
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, Load
from observe_dagster.warehouse.port.source import Format, RowStream
from observe_dagster.warehouse.postgres.names import LONGEST_NAME, qualified, stage_name, stage_prefix
from observe_dagster.warehouse.postgres.run_record import add_run, create_sync_run, newest_run
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.source import describe
from observe_dagster.warehouse.postgres.statements import LoadStatements
from observe_dagster.warehouse.postgres.types import arrow_transport_type, native_of
from observe_dagster.warehouse.postgres.unstorable import marked

if TYPE_CHECKING:
    import pyarrow as pa

_COUNTED_EXACTLY_UP_TO = 1_000_000
_NOTHING_WRITTEN = {"inserts": 0, "updates": 0, "read_deletes": 0, "gone": 0, "late": 0}
_INFINITE = sql.SQL("UPDATE {} SET {field} = 'infinity' WHERE {field} = {arrived}")
_INFINITE_ELEMENTS = sql.SQL(
    "UPDATE {} SET {field} = array_replace({field}, {arrived}, 'infinity') WHERE {arrived} = ANY ({field})"
)


class PostgresDestination:
    """A session that writes."""

    engine = "postgres"
    formats: tuple[Format, ...] = ("pgcopy", "arrow")

    def __init__(self, session: PostgresSession) -> None:
        self.session = session
        self.queries = session.queries
        self._staged_as_table = False

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        self._require_short("schema", table.schema)
        self._require_short("table", table.table)
        if not self._exists(table):
            return None
        query = sql.SQL("SELECT * FROM {} LIMIT 0").format(qualified(table))
        return describe(self.session, self.session.text(query))

    def native_type(self, column: Column, *, source_engine: str) -> str:
        """The type a new column gets: the same in PostgreSQL's own rows, else our type's spelling."""
        self._require_short("column", column.name)
        if source_engine == "postgres":
            return column.native
        if column.data_type is None:
            raise UnsupportedTypeError(
                self.session.connection_id, column.name, column.native, "PostgreSQL cannot hold it; cast it or drop it."
            )
        return self.native_of(column.data_type, column=column.name)

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """PostgreSQL's spelling of a type; it has one for each."""
        del column
        return native_of(data_type)

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        if not self._exists(table) or not self._exists(TableName(schema=table.schema, table=SYNC_RUN_TABLE)):
            return None
        condition = sql.SQL("moves_watermark AND pipeline_id = {} AND table_name = {}")
        return self._run(table, condition.format(sql.Literal(pipeline_id), sql.Literal(table.table)))

    def committed(self, execution_key: str, table: TableName) -> CommittedRun | None:
        """The run of that key, if its rows are in the table."""
        if not self._exists(TableName(schema=table.schema, table=SYNC_RUN_TABLE)):
            return None
        return self._run(table, sql.SQL("execution_key = {}").format(sql.Literal(execution_key)))

    def stage(self, load: Load, stream: RowStream) -> int:
        """Put a stream's rows in a table beside the destination; return how many arrived.

        It is unlogged, unless it may become the destination itself.
        """
        self._prepare_schema(load.table.schema)
        self._drop_stages(load)
        statements = self._statements(load, self._staged_types(load, stream.format))
        copied = stream.format == "pgcopy"
        self._staged_as_table = copied and statements.may_become_table() and not self._is_publisher()
        self.session.execute(statements.create_stage(as_table=self._staged_as_table))
        return self._copy_in(load, stream) if copied else self._ingest(load, stream)

    def commit(self, load: Load, *, now: datetime, on_commit: Callable[[], None] = noop) -> Counts:
        """Merge the staged rows and record the run, in one transaction."""
        types = self._staged_types(load, "pgcopy") if load.unstaged else self._stage_types(load)
        statements = self._statements(load, types)
        if load.unstaged and load.expected_watermark is None:
            self._prepare_schema(load.table.schema)
        with self.session.transaction():
            self.session.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"observe:{load.pipeline_id}",)
            )
            self._compare_watermark(load)
            total, rejected, superseded = load.rows, 0, 0
            became_table = self._staged_as_table and self._become_table(statements)
            if became_table:
                written = _NOTHING_WRITTEN | {"inserts": total}
            else:
                rejected, superseded = (0, 0) if load.unstaged else self._check_rows(load, statements)
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
                table_rows=total if became_table else self._table_rows(load, inserted=written["inserts"]),
            )
            self.session.execute(add_run(load, counts, now))
            if not became_table and not load.unstaged:
                self.session.execute(sql.SQL("DROP TABLE {}").format(self._stage(load)))
            on_commit()
        return counts

    def drop_stage(self, load: Load) -> None:
        """Remove what was staged, if anything."""
        self._drop_stages(load)

    def table_bytes(self, table: TableName) -> int | None:
        """How much room a table takes, with its indexes and its long values."""
        name = qualified(table).as_string(self.session.driver)
        return self.session.fetch("SELECT pg_total_relation_size(to_regclass(%s))", (name,))[0][0]

    def _require_short(self, what: str, name: str) -> None:
        """Refuse a name that PostgreSQL would cut, for what is left may be another's; raises WarehouseError."""
        if len(name.encode()) > LONGEST_NAME:
            raise WarehouseError(
                self.session.connection_id,
                f"the {what} name {name!r} is longer than the {LONGEST_NAME} bytes that PostgreSQL keeps; "
                "give it a shorter one.",
            )

    # Staging

    def _prepare_schema(self, schema: str) -> None:
        with self.session.transaction():
            self.session.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"observe-schema:{schema}",))
            if not self.session.fetch("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)):
                self.session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            if not self._exists(TableName(schema=schema, table=SYNC_RUN_TABLE)):
                self.session.execute(create_sync_run(schema))

    def _drop_stages(self, load: Load) -> None:
        prefix = stage_prefix(load.pipeline_id)
        found = self.session.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) "
            "AND relkind = 'r' AND starts_with(relname, %s)",
            (load.table.schema, prefix),
        )
        for (name,) in found:
            self.session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(load.table.schema, name)))

    def _is_publisher(self) -> bool:
        """Whether rows are replicated from here, in which case subscribers must not meet them under another name."""
        return bool(self.session.fetch("SELECT EXISTS (SELECT FROM pg_publication)")[0][0])

    def _statements(self, load: Load, staged_types: tuple[str, ...]) -> LoadStatements:
        return LoadStatements(load, stage=self._stage(load), staged_types=staged_types)

    def _stage(self, load: Load) -> sql.Identifier:
        return sql.Identifier(load.table.schema, stage_name(load))

    def _staged_types(self, load: Load, row_format: Format) -> tuple[str, ...]:
        if row_format == "pgcopy":
            return tuple(column.native for column in load.staged)
        return tuple(
            "text" if column.data_type is None else arrow_transport_type(column.data_type) for column in load.staged
        )

    def _stage_types(self, load: Load) -> tuple[str, ...]:
        rows = self.session.fetch(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND attname <> 'rejected' ORDER BY attnum",
            (self._stage(load).as_string(self.session.driver),),
        )
        return tuple(name for (name,) in rows)

    def _copy_in(self, load: Load, stream: RowStream) -> int:
        names = sql.SQL(", ").join(sql.Identifier(f"c{i}") for i in range(len(load.staged)))
        text = self.session.text(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(self._stage(load), names))
        with self.session.recorded(text) as record:
            cursor = self.session.driver.cursor()
            with cursor.copy(text.encode()) as copy:
                for block in stream.blocks or ():
                    copy.write(block)
            record.rows = cursor.rowcount
            return cursor.rowcount

    def _ingest(self, load: Load, stream: RowStream) -> int:
        import pyarrow as pa
        from adbc_driver_postgresql import dbapi

        stage = stage_name(load)
        text = self.session.text(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(self._stage(load)))
        schema = (stream.schema or pa.schema([])).append(pa.field("rejected", pa.string()))
        names = [column.name for column in load.staged]
        infinite: dict[int, bool] = {}

        def batches() -> "Iterator[pa.RecordBatch]":
            for batch in stream.batches or ():
                infinite.update(
                    (i, pa.types.is_list(column.type))
                    for i, column in enumerate(batch.columns)
                    if has_positive_infinity(column)
                )
                rows, reasons = marked(remapped(batch, batch.schema, ARROW_TO_POSTGRES), names)
                yield pa.RecordBatch.from_arrays([*rows.columns, reasons], schema=schema)

        reader = pa.RecordBatchReader.from_batches(schema, batches())
        try:
            with (
                self.queries.statement(self.session.connection_id, text, self.session.user) as record,
                dbapi.connect(self.session.dsn) as driver,
                driver.cursor() as cursor,
            ):
                cursor.adbc_ingest(stage, reader, mode="append", db_schema_name=load.table.schema)
                driver.commit()
                record.rows = stream.sent
        except dbapi.Error as error:
            raise self.session.arrow_error(error) from None
        for position, in_arrays in infinite.items():
            field = sql.Identifier(f"c{position}")
            change = _INFINITE_ELEMENTS if in_arrays else _INFINITE
            self.session.execute(change.format(self._stage(load), field=field, arrived=sql.Literal(ARRIVED_INFINITY)))
        return int(self.session.fetch(sql.SQL("SELECT count(*) FROM {}").format(self._stage(load)))[0][0])

    # Merging

    def _become_table(self, statements: LoadStatements) -> bool:
        """Make the stage the table; where a row cannot stay in it, prepare it to be checked row by row and say so."""
        rejects = statements.has_null_iterator()
        if rejects is None or not self.session.fetch(rejects)[0][0]:
            self.session.execute("SAVEPOINT as_table")
            try:
                for statement in statements.become_table():
                    self.session.execute(statement)
            except WarehouseError as error:
                if error.transient:
                    raise
                # A key that is null or comes twice.
                self.session.execute("ROLLBACK TO SAVEPOINT as_table")
            else:
                return True
        self.session.execute(statements.add_rejected())
        return False

    def _compare_watermark(self, load: Load) -> None:
        if not load.range.moves_watermark:
            return
        found = self.last_commit(load.pipeline_id, load.table)
        watermark = None if found is None else found.watermark
        if watermark != load.expected_watermark:
            raise WatermarkConflictError(load.pipeline_id, expected=load.expected_watermark, found=watermark)

    def _check_rows(self, load: Load, statements: LoadStatements) -> tuple[int, int]:
        marking, superseded = statements.mark_rejected(), 0
        if marking is not None:
            self.session.execute(marking)
        rejected = int(self.session.fetch(statements.count_rejected())[0][0])
        if rejected:
            self.session.execute(statements.create_quarantine())
            self.session.execute(statements.quarantine())
        if load.primary_key and self.session.fetch(statements.has_duplicates())[0][0]:
            superseded = self.session.execute(statements.mark_superseded())
        return rejected, superseded

    def _write(self, load: Load, statements: LoadStatements, *, staged: int) -> dict[str, int]:
        done = dict(_NOTHING_WRITTEN)
        if load.existing is None:
            self.session.execute(statements.create_table())
        for statement in statements.alter() if load.existing is not None else ():
            self.session.execute(statement)
        if load.write_mode == "mirror":
            self.session.execute(statements.add_deleted_at())
            done["gone"] = self._delete_gone(load, statements)
        if load.write_mode == "replace" and load.existing is not None:
            self.session.execute(sql.SQL("DELETE FROM {}").format(statements.table))
        if load.delete_from is not None or load.delete_until is not None:
            self.session.execute(statements.delete_range())
        if load.existing is None or load.write_mode in ("append", "replace"):
            done["inserts"] = self.session.execute(statements.insert()) if staged else 0
        elif not load.unstaged:
            self._upsert(load, statements, done)
        if load.existing is None and load.primary_key:
            self.session.execute(statements.add_key())
        return done

    def _upsert(self, load: Load, statements: LoadStatements, done: dict[str, int]) -> None:
        if load.soft_delete_field is not None or load.late_before is not None:
            done["read_deletes"], done["late"] = self.session.fetch(statements.count_special())[0]
        inserted, updated = self.session.fetch(statements.upsert())[0]
        done["inserts"], done["updates"] = inserted, updated - done["read_deletes"]

    def _delete_gone(self, load: Load, statements: LoadStatements) -> int:
        if load.existing is None:
            return 0
        gone, live = self.session.fetch(statements.count_gone())[0]
        check_deletes(load, gone=gone, live=live)
        return self.session.execute(statements.delete_gone()) if gone else 0

    def _table_rows(self, load: Load, *, inserted: int) -> int:
        known = load.previous_table_rows
        many = known is not None and known > _COUNTED_EXACTLY_UP_TO and load.write_mode in ("upsert", "mirror")
        if known is not None and (many or load.unstaged):
            return known + inserted
        return int(self.session.fetch(sql.SQL("SELECT count(*) FROM {}").format(qualified(load.table)))[0][0])

    # The record of committed runs

    def _run(self, table: TableName, condition: sql.Composable) -> CommittedRun | None:
        rows = self.session.fetch(newest_run(table, condition))
        return committed_run(rows[0]) if rows else None

    def _exists(self, table: TableName) -> bool:
        name = qualified(table).as_string(self.session.driver)
        return bool(self.session.fetch("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0])
