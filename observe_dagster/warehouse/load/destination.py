"""Preparing and committing a load by SQL: what is the same for every engine that merges what was staged."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from observe_dagster.datatypes import DataType
from observe_dagster.errors import UnsupportedTypeError, WarehouseError, WatermarkConflictError
from observe_dagster.records import Column, CommittedRun, Counts, TableName
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.load import tables
from observe_dagster.warehouse.load.merge import MergeStatements
from observe_dagster.warehouse.load.run_record import add_run, check_deletes, committed_run, create_sync_run, newest_run
from observe_dagster.warehouse.port.destination import noop
from observe_dagster.warehouse.port.load import SYNC_RUN_TABLE, CommitOutcome, Committed, LoadPlan, NotCommitted, Staged
from observe_dagster.warehouse.port.warehouse import Session


@dataclass(slots=True, kw_only=True)
class WrittenRows:
    """How many rows a load changed; `gone` are those that a mirror no longer found at the source."""

    inserts: int = 0
    updates: int = 0
    read_deletes: int = 0
    gone: int = 0
    late: int = 0


class MergingDestination(ABC):
    """A session that writes; an engine adds how it stages, and overrides what it does better its own way."""

    dialect: Dialect

    def __init__(self, session: Session) -> None:
        self._sql = session
        self._schemas: set[str] = set()

    # What is there

    @abstractmethod
    def exists(self, table: TableName) -> bool:
        """Whether there is a table or view of that name."""

    @abstractmethod
    def native_of(self, data_type: DataType, *, column: str) -> str:
        """This engine's spelling of a type; raises UnsupportedTypeError where it has none."""

    def native_type(self, column: Column, *, source: Dialect) -> str:
        """The type a new column gets: the same in the engine's own rows, else our type's spelling."""
        self.require_short("column", column.name)
        if source is self.dialect:
            return column.native
        if column.data_type is None:
            raise UnsupportedTypeError(
                self._sql.connection_id,
                column.name,
                column.native,
                f"{self.dialect.title} cannot hold it; cast it or drop it.",
            )
        return self.native_of(column.data_type, column=column.name)

    def require_short(self, what: str, name: str) -> None:
        """Refuse a name that the engine would cut, for what is left may be another's; raises WarehouseError."""
        longest = self.dialect.capabilities.longest_name_bytes
        if longest is not None and len(name.encode()) > longest:
            raise WarehouseError(
                self._sql.connection_id,
                f"the {what} name {name!r} is longer than the {longest} bytes that {self.dialect.title} keeps; "
                "give it a shorter one.",
            )

    def last_commit(self, pipeline_id: str, table: TableName) -> CommittedRun | None:
        """The newest run of a pipeline that moved its watermark in a table that still exists."""
        if not self.exists(table):
            return None
        return self._newest(table, moves_watermark=True, pipeline_id=pipeline_id, table_name=table.table)

    def outcome(self, pipeline_id: str, execution_key: str, table: TableName) -> CommitOutcome:
        """What became of a run whose commit got no answer."""
        del pipeline_id
        committed = self._newest(table, execution_key=execution_key)
        return NotCommitted() if committed is None else Committed(run=committed)

    def _newest(self, table: TableName, **conditions: str | bool) -> CommittedRun | None:
        if not self.exists(TableName(schema=table.schema, table=SYNC_RUN_TABLE)):
            return None
        rows = self._sql.fetch(newest_run(table.schema, self.dialect, **conditions))
        return committed_run(rows[0]) if rows else None

    # Preparing

    def prepare(self, plan: LoadPlan, staged: Staged | None) -> None:
        """Make what the commit writes to: schema, run record, table, columns, quarantine."""
        if staged is not None or plan.run.expected_watermark is None:
            self.ensure_schema(plan.target.table.schema)
        if plan.schema.added or plan.schema.widened:
            self.before_changes(plan)
        if plan.target.existing is not None:
            for statement in tables.alter(plan, self.dialect):
                self._sql.execute(statement)
        elif not self.adopts_stage(plan):
            self._sql.execute(tables.create_table(plan, self.dialect))
        if plan.rules.write_mode == "mirror" and not self.adopts_stage(plan):
            self._sql.execute(tables.add_deleted_at(plan, self.dialect))
        if staged is not None and self._count(self.statements(plan).count_rejected()):
            self._sql.execute(tables.create_quarantine(plan, self.dialect))

    def ensure_schema(self, schema: str) -> None:
        """Make the schema and in it the record of committed runs, once in a session."""
        if schema not in self._schemas:
            self.create_schema(schema)
            self._schemas.add(schema)

    def create_schema(self, schema: str) -> None:
        """Make the schema and in it the record of committed runs, where they are not there yet."""
        self._sql.execute(f"CREATE SCHEMA IF NOT EXISTS {self.dialect.quote(schema)}")
        self._sql.execute(create_sync_run(schema, self.dialect))

    def adopts_stage(self, plan: LoadPlan) -> bool:
        """Whether a first load's stage becomes the table."""
        del plan
        return False

    def before_changes(self, plan: LoadPlan) -> None:
        """Make room for statements that change many rows."""
        del plan

    # Committing

    @abstractmethod
    def statements(self, plan: LoadPlan) -> MergeStatements:
        """The statements of a load from its stage."""

    def become_table(self, plan: LoadPlan) -> Sequence[str]:
        """Make the stage the table, without the rows that are rejected, where `adopts_stage` says so."""
        raise NotImplementedError(plan)

    def commit(
        self, plan: LoadPlan, staged: Staged | None, *, now: datetime, on_commit: Callable[[], None] = noop
    ) -> Counts:
        """Write the staged rows and record the run, in one transaction."""
        statements = self.statements(plan)
        with self._sql.transaction():
            self.lock_pipeline(plan.run.pipeline_id)
            self._compare_watermark(plan)
            total, rejected, superseded = 0, 0, 0
            if staged is not None:
                total, (rejected, superseded) = staged.rows, self.check_rows(plan, statements)
            written = self._write(plan, statements, staged, loadable=total - rejected - superseded)
            counts = Counts(
                total_rows=total,
                rejected=rejected,
                superseded=superseded,
                unchanged=total - rejected - written.inserts - written.updates - written.read_deletes,
                inserts=written.inserts,
                updates=written.updates,
                soft_deletes=written.read_deletes + written.gone,
                late=written.late,
                bytes=0 if staged is None else staged.bytes,
                table_rows=self.table_rows(plan, statements, staged, written),
            )
            self._sql.execute(add_run(plan, counts, now, self.dialect))
            on_commit()
        return counts

    def lock_pipeline(self, pipeline_id: str) -> None:
        """Keep other commits of the pipeline out until the transaction ends, where the engine would let them in."""
        del pipeline_id

    def table_rows(
        self, plan: LoadPlan, statements: MergeStatements, staged: Staged | None, written: WrittenRows
    ) -> int:
        """How many rows the table has now."""
        del plan, staged, written
        return self._count(statements.count_rows())

    def upsert(self, plan: LoadPlan, statements: MergeStatements, staged: Staged) -> WrittenRows:
        """Insert new keys, update changed rows and leave equal ones."""
        inserted, changed, deleted, late = self._sql.fetch(statements.classify())[0]
        if inserted or changed:
            self.merge(plan, statements, staged, changed=changed)
        return WrittenRows(inserts=inserted, updates=changed - deleted, read_deletes=deleted, late=late)

    def merge(self, plan: LoadPlan, statements: MergeStatements, staged: Staged, *, changed: int) -> None:
        """Bring new and changed rows into the table."""
        del staged, changed
        self.before_changes(plan)
        self._sql.execute(statements.merge())

    def _compare_watermark(self, plan: LoadPlan) -> None:
        run = plan.run
        if not run.range.moves_watermark:
            return
        last = self.last_commit(run.pipeline_id, plan.target.table)
        watermark = None if last is None else last.watermark
        if watermark != run.expected_watermark:
            raise WatermarkConflictError(run.pipeline_id, expected=run.expected_watermark, found=watermark)

    def check_rows(self, plan: LoadPlan, statements: MergeStatements) -> tuple[int, int]:
        """Quarantine the staged rows that are rejected and drop older ones of a key; return how many of each."""
        rejected, superseded = self._count(statements.count_rejected()), 0
        if rejected:
            self._sql.execute(statements.quarantine())
        if plan.rules.primary_key and self._sql.fetch(statements.has_duplicates())[0][0]:
            self.before_changes(plan)
            superseded = self._sql.changed(statements.delete_superseded())
        return rejected, superseded

    def _write(
        self, plan: LoadPlan, statements: MergeStatements, staged: Staged | None, *, loadable: int
    ) -> WrittenRows:
        """Write the staged rows that can be loaded."""
        rules, exists = plan.rules, plan.target.existing is not None
        if self.adopts_stage(plan):
            for statement in self.become_table(plan):
                self._sql.execute(statement)
            return WrittenRows(inserts=loadable)
        gone = self._delete_gone(plan, statements) if rules.write_mode == "mirror" and exists else 0
        if rules.write_mode == "replace" and exists:
            self._sql.execute(statements.clear())
        if rules.deletes_range:
            self._sql.execute(statements.delete_range())
        if staged is None or not loadable:
            return WrittenRows(gone=gone)
        if not exists or rules.write_mode in ("append", "replace"):
            return WrittenRows(inserts=self._sql.changed(statements.insert()), gone=gone)
        written = self.upsert(plan, statements, staged)
        written.gone = gone
        return written

    def _delete_gone(self, plan: LoadPlan, statements: MergeStatements) -> int:
        gone, live = self._sql.fetch(statements.count_gone())[0]
        check_deletes(plan, gone=gone, live=live)
        if not gone:
            return 0
        self.before_changes(plan)
        return self._sql.changed(statements.delete_gone())

    def _count(self, query: str) -> int:
        return int(self._sql.fetch(query)[0][0])
