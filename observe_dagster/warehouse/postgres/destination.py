"""Writing to PostgreSQL: stage beside the table, then merge and record the run in one transaction."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from observe_dagster.datatypes import DataType
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column, TableName
from observe_dagster.warehouse.load.destination import MergingDestination, WrittenRows
from observe_dagster.warehouse.load.infinity import ARRIVED_INFINITY, ARROW_TO_POSTGRES, has_positive_infinity, remapped
from observe_dagster.warehouse.load.merge import MergeStatements
from observe_dagster.warehouse.load.run_record import create_sync_run
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, CommitOutcome, LoadPlan, NotCommitted, Running, Staged
from observe_dagster.warehouse.port.source import Format, RowStream
from observe_dagster.warehouse.postgres.dialect import DIALECT
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.source import describe
from observe_dagster.warehouse.postgres.stage import PostgresMerge, PostgresStage, stage_name, stage_prefix
from observe_dagster.warehouse.postgres.types import arrow_transport_type, native_of
from observe_dagster.warehouse.postgres.unstorable import marked

if TYPE_CHECKING:
    import pyarrow as pa

_COUNTED_EXACTLY_UP_TO = 1_000_000


class PostgresDestination(MergingDestination):
    """A session that writes."""

    dialect = DIALECT
    formats: tuple[Format, ...] = ("pgcopy", "arrow")

    def __init__(self, session: PostgresSession) -> None:
        super().__init__(session)
        self.session = session
        self.queries = session.queries
        self._stage_may_become_table = False
        self._types: tuple[str, ...] | None = None

    def exists(self, table: TableName) -> bool:
        """Whether there is a table or view of that name."""
        return bool(self.session.fetch("SELECT to_regclass(%s) IS NOT NULL", (DIALECT.table(table),))[0][0])

    def table_columns(self, table: TableName) -> tuple[Column, ...] | None:
        """The columns of a table as it stands, None where there is no such table."""
        self.require_short("schema", table.schema)
        self.require_short("table", table.table)
        if not self.exists(table):
            return None
        return describe(self.session, f"SELECT * FROM {DIALECT.table(table)} LIMIT 0")

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """PostgreSQL's spelling of a type; it has one for each."""
        del column
        return native_of(data_type)

    def outcome(self, pipeline_id: str, execution_key: str, table: TableName) -> CommitOutcome:
        """What became of a run whose commit got no answer: while the server works on one, its lock is held."""
        free = self.session.fetch(f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})", (_lock_name(pipeline_id),))
        outcome = super().outcome(pipeline_id, execution_key, table)
        return Running() if isinstance(outcome, NotCommitted) and not free[0][0] else outcome

    # Staging

    def stage(self, plan: LoadPlan, stream: RowStream) -> int:
        """Put a stream's rows in a table beside the destination; return how many arrived.

        It is unlogged, unless it may become the destination itself.
        """
        self.ensure_schema(plan.target.table.schema)
        self.drop_stage(plan)
        copied = stream.format == "pgcopy"
        stage = PostgresStage(plan, _staged_types(plan, stream.format))
        self._stage_may_become_table = copied and stage.may_become_table() and not self._is_publisher()
        self.session.execute(stage.create(as_table=self._stage_may_become_table))
        self._types = stage.types if copied else self._described_types(stage)
        return self._copy_in(stage, stream) if copied else self._ingest(stage, stream)

    def _described_types(self, stage: PostgresStage) -> tuple[str, ...]:
        """The stage's types as PostgreSQL spells them, so that they can be told from the table's."""
        rows = self.session.fetch(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND attname <> 'rejected' ORDER BY attnum",
            (stage.table,),
        )
        return tuple(name for (name,) in rows)

    def drop_stage(self, plan: LoadPlan) -> None:
        """Remove what was staged for the pipeline, by this run or by one that crashed."""
        schema = plan.target.table.schema
        names = self.session.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) "
            "AND relkind = 'r' AND starts_with(relname, %s)",
            (schema, stage_prefix(plan.run.pipeline_id)),
        )
        for (name,) in names:
            self.session.execute(f"DROP TABLE IF EXISTS {DIALECT.quote(schema, name)}")

    def _is_publisher(self) -> bool:
        """Whether rows are replicated from here, in which case subscribers must not meet them under another name."""
        return bool(self.session.fetch("SELECT EXISTS (SELECT FROM pg_publication)")[0][0])

    def _copy_in(self, stage: PostgresStage, stream: RowStream) -> int:
        names = ", ".join(f"c{i}" for i in range(len(stage.types)))
        text = f"COPY {stage.table} ({names}) FROM STDIN (FORMAT BINARY)"
        with self.session.recorded(text) as record:
            cursor = self.session.driver.cursor()
            with cursor.copy(text.encode()) as copy:
                for block in stream.blocks or ():
                    copy.write(block)
            record.rows = cursor.rowcount
            return cursor.rowcount

    def _ingest(self, stage: PostgresStage, stream: RowStream) -> int:
        import pyarrow as pa
        from adbc_driver_postgresql import dbapi

        plan = stage.plan
        schema = (stream.schema or pa.schema([])).append(pa.field("rejected", pa.string()))
        names = [column.name for column in plan.schema.staged]
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
        text = f"COPY {stage.table} FROM STDIN (FORMAT BINARY)"
        try:
            with (
                self.queries.statement(self.session.connection_id, text, self.session.user) as record,
                dbapi.connect(self.session.dsn) as driver,
                driver.cursor() as cursor,
            ):
                cursor.adbc_ingest(stage_name(plan), reader, mode="append", db_schema_name=plan.target.table.schema)
                driver.commit()
                record.rows = stream.sent
        except dbapi.Error as error:
            raise self.session.arrow_error(error) from None
        arrived = DIALECT.string(ARRIVED_INFINITY)
        for position, in_arrays in infinite.items():
            field = f"c{position}"
            value = f"array_replace({field}, {arrived}, 'infinity')" if in_arrays else "'infinity'"
            holds = f"{arrived} = ANY ({field})" if in_arrays else f"{field} = {arrived}"
            self.session.execute(f"UPDATE {stage.table} SET {field} = {value} WHERE {holds}")
        return int(self.session.fetch(f"SELECT count(*) FROM {stage.table}")[0][0])

    # Preparing

    def create_schema(self, schema: str) -> None:
        """Make the schema and in it the record of committed runs; many may do so at once."""
        with self.session.transaction():
            self.session.execute(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})", (f"observe-schema:{schema}",))
            if not self.session.fetch("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)):
                self.session.execute(f"CREATE SCHEMA {DIALECT.quote(schema)}")
            if not self.exists(TableName(schema=schema, table=SYNC_RUN_TABLE)):
                self.session.execute(create_sync_run(schema, DIALECT))

    def prepare(self, plan: LoadPlan, staged: Staged | None) -> None:
        """Make what the commit writes to, and check the staged rows."""
        if self._stage_may_become_table and not self._name_columns(plan):
            self._stage_may_become_table = False
            self.session.execute(self._stage(plan).add_rejected())
        if staged is not None and not self._stage_may_become_table:
            marking = self._stage(plan).mark_rejected()
            if marking is not None:
                self.session.execute(marking)
        super().prepare(plan, None if self._stage_may_become_table else staged)

    def _name_columns(self, plan: LoadPlan) -> bool:
        """Make the stage what the table is to be; false where a row cannot stay in it, so that each is checked."""
        stage = self._stage(plan)
        rejects = stage.has_null_iterator()
        if rejects is not None and self.session.fetch(rejects)[0][0]:
            return False
        try:
            with self.session.transaction():
                for statement in stage.name_columns():
                    self.session.execute(statement)
        except WarehouseError as error:
            if error.transient:
                raise
            # A key that is NULL or comes twice.
            return False
        return True

    def adopts_stage(self, plan: LoadPlan) -> bool:
        """A first load of copied rows that all may stay."""
        del plan
        return self._stage_may_become_table

    # Committing

    def check_rows(self, plan: LoadPlan, statements: MergeStatements) -> tuple[int, int]:
        """Quarantine rejected rows and drop older ones of a key; a stage that is to be the table has neither."""
        return (0, 0) if self._stage_may_become_table else super().check_rows(plan, statements)

    def statements(self, plan: LoadPlan) -> PostgresMerge:
        """The statements of a load from its stage."""
        return PostgresMerge(plan, DIALECT, self._stage(plan))

    def become_table(self, plan: LoadPlan) -> Sequence[str]:
        """Make the stage the table."""
        return self._stage(plan).become_table()

    def lock_pipeline(self, pipeline_id: str) -> None:
        """Keep other commits of the pipeline out until the transaction ends."""
        self.session.execute(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})", (_lock_name(pipeline_id),))

    def upsert(self, plan: LoadPlan, statements: MergeStatements, staged: Staged) -> WrittenRows:
        """Insert new keys, update changed rows and leave equal ones."""
        del staged
        assert isinstance(statements, PostgresMerge)
        written, rules = WrittenRows(), plan.rules
        if rules.soft_delete_field is not None or rules.late_before is not None:
            _, _, written.read_deletes, written.late = self.session.fetch(statements.classify())[0]
        written.inserts, updated = self.session.fetch(statements.upsert())[0]
        written.updates = updated - written.read_deletes
        return written

    def table_rows(
        self, plan: LoadPlan, statements: MergeStatements, staged: Staged | None, written: WrittenRows
    ) -> int:
        """How many rows the table has now; those of a large one are counted on from the last run."""
        if self.adopts_stage(plan):
            return written.inserts
        known = plan.target.previous_rows
        if known is not None:
            many = known > _COUNTED_EXACTLY_UP_TO and plan.rules.write_mode in ("upsert", "mirror")
            if many or staged is None:
                return known + written.inserts
        return super().table_rows(plan, statements, staged, written)

    def table_bytes(self, table: TableName) -> int | None:
        """How much room a table takes, with its indexes and its long values."""
        return self.session.fetch("SELECT pg_total_relation_size(to_regclass(%s))", (DIALECT.table(table),))[0][0]

    def _stage(self, plan: LoadPlan) -> PostgresStage:
        return PostgresStage(plan, _staged_types(plan, "pgcopy") if self._types is None else self._types)


_LOCK_KEY = "hashtextextended(%s, 0)"


def _lock_name(pipeline_id: str) -> str:
    return f"observe:{pipeline_id}"


def _staged_types(plan: LoadPlan, row_format: Format) -> tuple[str, ...]:
    if row_format == "pgcopy":
        return tuple(column.native for column in plan.schema.staged)
    return tuple(
        "text" if column.data_type is None else arrow_transport_type(column.data_type) for column in plan.schema.staged
    )
