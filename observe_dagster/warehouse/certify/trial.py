"""What a case works with: a table of its own, and short ways to load it and to read it, all through the port."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from observe_dagster.datatypes import widens
from observe_dagster.records import Counts, RunType, SyncRange, TableName
from observe_dagster.warehouse.certify.expectations import CaseFailedError, NotOfferedError, require
from observe_dagster.warehouse.certify.sandbox import Sandbox
from observe_dagster.warehouse.certify.values import Row, TypedField, columns_of, comparable, rows_of, stream_of
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.destination import Destination, noop
from observe_dagster.warehouse.port.load import (
    REJECTED_SUFFIX,
    LoadColumn,
    LoadPlan,
    LoadRules,
    LoadRun,
    LoadSchema,
    LoadTarget,
    Staged,
)
from observe_dagster.warehouse.port.reader import Reader
from observe_dagster.warehouse.port.source import Selection, Source
from observe_dagster.warehouse.port.warehouse import OpenOptions

MOST_ROWS = 10_000
_LOCK_WAIT_SECONDS = 20.0
_FOREIGN = Dialect()
"""The dialect rows come from: no engine's, so that every column gets the type of its meaning."""


class Trial:
    """One case's table; `number` keeps it apart from those of other cases, `part` from others of its own."""

    def __init__(self, sandbox: Sandbox, number: int, *, part: int = 0, staged: list[int] | None = None) -> None:
        self.sandbox, self.warehouse = sandbox, sandbox.warehouse
        self.dialect, self.capabilities = self.warehouse.dialect, self.warehouse.dialect.capabilities
        self.table = TableName(schema=sandbox.schema, table=f"certify_{number:03d}_{part}")
        self.pipeline_id = f"certify-{number:03d}-{part}"
        self._number, self._staged = number, [] if staged is None else staged
        self._runs = itertools.count(1)

    def sibling(self, part: int) -> "Trial":
        """The same for another table of the same case."""
        return Trial(self.sandbox, self._number, part=part, staged=self._staged)

    # Sessions

    def destination(self) -> AbstractContextManager[Destination]:
        """Open a session that writes."""
        return self.warehouse.destination(OpenOptions(lock_wait_seconds=_LOCK_WAIT_SECONDS))

    def source(self) -> AbstractContextManager[Source]:
        """Open a read-only session."""
        return self.warehouse.source(OpenOptions(lock_wait_seconds=_LOCK_WAIT_SECONDS))

    def reader(self) -> AbstractContextManager[Reader]:
        """Open a session that only asks."""
        return self.warehouse.reader(OpenOptions(lock_wait_seconds=_LOCK_WAIT_SECONDS))

    def require_concurrent_sessions(self) -> None:
        """Leave a case out that needs another session beside one that writes; raises NotOfferedError."""
        if self.capabilities.single_writer:
            raise NotOfferedError("single_writer: work on the database queues, so that no other session is open")

    # Loading

    def plan(
        self,
        destination: Destination,
        fields: Sequence[TypedField],
        *,
        written: Sequence[TypedField] | None = None,
        constants: Mapping[TypedField, Any] | None = None,
        iterator: str | None = None,
        table: TableName | None = None,
        run: Mapping[str, Any] | None = None,
        moves_watermark: bool = True,
        write_mode: str = "upsert",
        primary_key: Sequence[str] = ("id",),
        **rules: Any,
    ) -> LoadPlan:
        """Plan a run that stages `fields` and writes `written` (default: all), by name, and constants.

        `run` overrides values of the LoadRun, which follows the pipeline's last commit; other values are of the rules.
        """
        table = self.table if table is None else table
        written = fields if written is None else written
        positions = {each.name: position for position, each in enumerate(fields)}
        existing = destination.table_columns(table)
        held = {self.dialect.fold(column.name): column for column in existing or ()}
        columns: list[LoadColumn] = []
        added: list[LoadColumn] = []
        widened: list[LoadColumn] = []
        for each, constant in (*((each, None) for each in written), *(constants or {}).items()):
            (described,) = columns_of([each])
            column = LoadColumn(
                name=each.name,
                native=destination.native_type(described, source=_FOREIGN),
                data_type=each.data_type,
                position=positions.get(each.name),
                constant=constant,
            )
            old = held.get(self.dialect.fold(each.name))
            if old is not None and (old.data_type is None or widens(each.data_type, old.data_type)):
                column = LoadColumn(
                    name=column.name,
                    native=old.native,
                    data_type=old.data_type,
                    position=column.position,
                    constant=constant,
                )
            elif existing is not None:
                (added if old is None else widened).append(column)
            columns.append(column)
        number = next(self._runs)
        identity: dict[str, Any] = {
            "pipeline_id": self.pipeline_id,
            "execution_key": f"{self.pipeline_id}-{number}",
            **(run or {}),
        }
        last = destination.last_commit(identity["pipeline_id"], table)
        watermarks: dict[str, Any] = {
            "expected_watermark": None if last is None else last.watermark,
            "watermark": f"{number:04d}" if moves_watermark else None,
        }
        return LoadPlan(
            run=LoadRun(**{**watermarks, **identity}, range=_covering(number, moves_watermark=moves_watermark)),
            target=LoadTarget(table=table, existing=existing),
            schema=LoadSchema(
                staged=columns_of(fields),
                columns=tuple(columns),
                added=tuple(added),
                widened=tuple(widened),
                iterator_position=None if iterator is None else positions[iterator],
                iterator_column=iterator,
            ),
            rules=LoadRules(write_mode=write_mode, primary_key=tuple(primary_key), **rules),  # pyright: ignore[reportArgumentType] (one of the four)
        )

    def stage(
        self, destination: Destination, plan: LoadPlan, fields: Sequence[TypedField], rows: Sequence[Row]
    ) -> Staged:
        """Stage rows; every one of them must arrive."""
        self._staged.append(len(rows))
        if sum(self._staged) > MOST_ROWS:
            raise CaseFailedError(f"a case may stage {MOST_ROWS} rows in all")
        stream = stream_of(fields, rows)
        require(destination.stage(plan, stream), len(rows), "rows that arrived in the stage")
        return Staged(rows=len(rows), bytes=stream.bytes)

    def commit(
        self,
        destination: Destination,
        plan: LoadPlan,
        staged: Staged | None,
        *,
        on_commit: Callable[[], None] = noop,
    ) -> Counts:
        """Commit what was staged and prepared; the counts must add up."""
        counts = destination.commit(plan, staged, now=datetime.now(UTC), on_commit=on_commit)
        if plan.rules.write_mode != "mirror":
            parts = counts.inserts + counts.updates + counts.unchanged + counts.soft_deletes + counts.rejected
            require(parts, counts.total_rows, "inserts + updates + unchanged + soft_deletes + rejected")
        return counts

    def load(self, fields: Sequence[TypedField], rows: Sequence[Row], **options: Any) -> Counts:
        """Stage, prepare and commit rows in a session of their own, as a run does; `options` are those of `plan`."""
        with self.destination() as destination:
            plan = self.plan(destination, fields, **options)
            staged = self.stage(destination, plan, fields, rows)
            destination.prepare(plan, staged)
            counts = self.commit(destination, plan, staged)
            destination.drop_stage(plan)
            return counts

    # Reading

    def read(self, fields: Sequence[TypedField], *, sql: str | None = None, **selection: Any) -> list[Row]:
        """The table's rows, or a query's, in the fields' columns, as a run would read them."""
        with self.source() as source:
            query = self.select(fields) if sql is None else sql
            columns = source.describe(query)
            require([column.name for column in columns], [each.name for each in fields], "names of the columns")
            source.open_snapshot()
            stream = source.read(Selection(sql=query, columns=columns, **selection), "arrow", batch_rows=1_000)
            try:
                return comparable(rows_of(fields, list(stream.batches or ())), fields)
            finally:
                stream.release()

    def select(self, fields: Sequence[TypedField]) -> str:
        """The query for the fields' columns of the table."""
        names = ", ".join(self.dialect.quote(each.name) for each in fields)
        return f"SELECT {names} FROM {self.dialect.table(self.table)}"

    def require_rows(self, fields: Sequence[TypedField], rows: Sequence[Row]) -> None:
        """The table must have these rows and no others, as a reader gives them."""
        actual = comparable(self.ask(self.select(fields)), fields)
        require(actual, comparable(rows, fields), "rows of the table")

    def require_counts(self, counts: Counts, **expected: int) -> None:
        """The counts must be these, and zero where none is named; `bytes` is not looked at."""
        names = ("total_rows", "inserts", "updates", "unchanged", "soft_deletes", "rejected", "superseded", "late")
        actual = {name: getattr(counts, name) for name in (*names, *expected)}
        require({name: value for name, value in actual.items() if value or name in expected}, expected, "counts")

    def ask(self, query: str) -> list[Row]:
        """A query's rows, as a check would read them."""
        with self.reader() as reader:
            return reader.rows(query)

    def rejected(self) -> list[Row]:
        """The reasons and occurrences in the table's quarantine, in order; none where there is no quarantine."""
        quarantine = TableName(schema=self.table.schema, table=self.dialect.suffixed(self.table.table, REJECTED_SUFFIX))
        with self.reader() as reader:
            if reader.columns(quarantine) is None:
                return []
            rows = reader.rows(f"SELECT reason, occurrences FROM {self.dialect.table(quarantine)}")
            return sorted((reason, int(occurrences)) for reason, occurrences in rows)

    def table_names(self, schema: str | None = None) -> set[str]:
        """The tables and views of a schema."""
        return {name for (name,) in self.ask(self.dialect.table_names(schema or self.table.schema))}


def _covering(number: int, *, moves_watermark: bool) -> SyncRange:
    return SyncRange(
        start=f"{number - 1:04d}",
        end=f"{number:04d}",
        read_from=None,
        read_until=None,
        logical_date=datetime(2024, 1, 1, tzinfo=UTC),
        run_type=RunType.SCHEDULED if moves_watermark else RunType.BACKFILL,
        moves_watermark=moves_watermark,
    )
