"""Reading from PostgreSQL: one read-only snapshot, streamed as binary COPY or as Arrow batches."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from observe_dagster.datatypes import DataType, Kind
from observe_dagster.errors import ConnectionFailedError
from observe_dagster.records import Column
from observe_dagster.warehouse.load.infinity import POSTGRES_TO_ARROW, remapped
from observe_dagster.warehouse.port.source import Format, RowStream, Selection
from observe_dagster.warehouse.postgres.dialect import DIALECT
from observe_dagster.warehouse.postgres.session import PostgresSession
from observe_dagster.warehouse.postgres.types import data_type_of, sent_as_text
from observe_dagster.warehouse.selection import selected_rows

if TYPE_CHECKING:
    import pyarrow as pa

_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BATCH_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 256 * 1024
_POLL_SECONDS = 0.05
# In the planner's units, some milliseconds.
_CHEAP = 1000.0

_OPEN_TRANSACTIONS = """
SELECT least(clock_timestamp(),
             (SELECT min(xact_start) FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND backend_type NOT IN ('autovacuum worker', 'walsender')),
             (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database())),
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND query = '<insufficient privilege>')
"""

_TYPES = """
SELECT g.i, format_type(g.oid, CASE WHEN t.typtype = 'd' THEN NULL ELSE g.modifier END),
       t.typtype::text, t.typbasetype::int8, t.typtypmod, t.typelem::int8, t.typcategory::text, t.oid::int8
FROM unnest(%s::int8[]::oid[], %s::int4[]) WITH ORDINALITY AS g(oid, modifier, i)
JOIN pg_type t ON t.oid = g.oid ORDER BY g.i
"""


class PostgresSource:
    """A read-only session."""

    dialect = DIALECT
    formats: tuple[Format, ...] = ("pgcopy", "arrow")

    def __init__(self, session: PostgresSession) -> None:
        self.session = session
        self.queries = session.queries
        self.notes: list[str] = []
        self._snapshot: str | None = None

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when PostgreSQL rejects it."""
        return describe(self.session, f"SELECT * FROM (\n{query}\n) AS model LIMIT 0")

    def commit_horizon(self) -> datetime:
        """The start of the oldest open transaction of this database, or the server's clock.

        A row stamped by the server with its transaction's time is at or after that, if it is not visible yet.
        """
        settled, hidden = self.session.fetch(_OPEN_TRANSACTIONS)[0]
        if hidden:
            self.notes.append(
                f"{hidden} sessions hide their transactions from this user; grant pg_read_all_stats, or declare a lag, "
                "so that rows committed late are not missed."
            )
        return settled.astimezone(UTC)

    def open_snapshot(self, *, settle_seconds: float | None = None) -> None:
        """Fix what the session sees.

        With `settle_seconds`, first wait that long for the transactions open now to end; raises WarehouseError when
        they do not.
        """
        if settle_seconds is not None:
            self._await_open_transactions(settle_seconds)
        self.session.execute(f"BEGIN {_SNAPSHOT}")
        self._snapshot = str(self.session.fetch("SELECT pg_export_snapshot()")[0][0])

    def max_value(self, query: str, iterator: str) -> int | None:
        """The greatest whole number in a SELECT's iterator column."""
        (greatest,) = self.session.ask(f"SELECT max({DIALECT.quote(iterator)})::text FROM (\n{query}\n) AS model")[0]
        return None if greatest is None else int(greatest)

    def count(self, selection: Selection) -> int:
        """How many rows a selection has."""
        return int(self.session.fetch(f"SELECT count(*) FROM {selected_rows(DIALECT, selection)}")[0][0])

    def known_empty(self, selection: Selection) -> bool:
        """Whether a selection has no rows; asked only where the planner expects that to be cheap, as with an index."""
        text = f"SELECT FROM {selected_rows(DIALECT, selection)}"
        ((plan,),) = self.session.ask(f"EXPLAIN (FORMAT JSON) {text}")
        if plan[0]["Plan"]["Total Cost"] > _CHEAP:
            return False
        return not self.session.ask(f"SELECT EXISTS ({text})")[0][0]

    def read(self, selection: Selection, row_format: Format, *, batch_rows: int) -> RowStream:
        """Stream a selection's rows in bounded memory, as COPY blocks or Arrow batches of a bounded size in bytes."""
        del batch_rows
        if row_format != "pgcopy":
            return self._arrow_out(selection)
        fields = ", ".join(f"{DIALECT.quote(column.name)}::{column.native}" for column in selection.columns)
        text = f"COPY (SELECT {fields} FROM {selected_rows(DIALECT, selection)}) TO STDOUT (FORMAT BINARY)"
        stream = RowStream(format="pgcopy", columns=selection.columns)
        stream.blocks = self._blocks(text, stream)
        return stream

    def _blocks(self, text: str, stream: RowStream) -> Iterator[bytes]:
        with self.session.recorded(text) as record:
            cursor = self.session.driver.cursor()
            with cursor.copy(text.encode()) as copy:
                for block in _joined(copy):
                    stream.bytes += len(block)
                    yield block
            stream.sent = record.rows = cursor.rowcount

    def _arrow_out(self, selection: Selection) -> RowStream:
        import pyarrow as pa
        from adbc_driver_postgresql import dbapi

        fields = ", ".join(f"{_carried(column)} AS c{position}" for position, column in enumerate(selection.columns))
        text = f"SELECT {fields} FROM {selected_rows(DIALECT, selection)}"
        stream = RowStream(format="arrow", columns=selection.columns)
        try:
            driver = dbapi.connect(self.session.dsn)
        except dbapi.Error as error:
            raise self.session.arrow_error(error) from None
        cursor = driver.cursor(adbc_stmt_kwargs={"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
        try:
            cursor.execute(f"SET TRANSACTION {_SNAPSHOT}")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
            with self.session.queries.statement(self.session.connection_id, text, self.session.user) as record:
                cursor.execute(text)
                reader = cursor.fetch_record_batch()
        except dbapi.Error as error:
            driver.close()
            raise self.session.arrow_error(error) from None
        stream.schema = reader.schema.remove_metadata()

        def batches() -> "Iterator[pa.RecordBatch]":
            try:
                for batch in reader:
                    stream.sent += batch.num_rows
                    stream.bytes += batch.nbytes
                    record.rows = stream.sent
                    yield remapped(batch, stream.schema, POSTGRES_TO_ARROW)
            except (dbapi.Error, OSError, pa.ArrowException) as error:
                raise self.session.arrow_error(error) from None

        def release() -> None:
            reader.close()
            cursor.close()
            driver.close()

        stream.release = release
        stream.batches = batches()
        return stream

    def _await_open_transactions(self, seconds: float) -> None:
        held = {row[0] for row in self.session.fetch(_TRANSACTION_IDS)}
        deadline = time.monotonic() + seconds
        while held:
            held &= {row[0] for row in self.session.fetch(_TRANSACTION_IDS)}
            if held and time.monotonic() > deadline:
                raise ConnectionFailedError(
                    self.session.connection_id,
                    f"{len(held)} transactions that were open when the run began are still open after {seconds:g} s; "
                    "what they wrote could be missed.",
                    transient=True,
                )
            if held:
                time.sleep(_POLL_SECONDS)


_TRANSACTION_IDS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid()
  AND pid IN (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND backend_type NOT IN ('autovacuum worker', 'walsender'))
"""


def describe(session: PostgresSession, query: str) -> tuple[Column, ...]:
    """The columns of a query that returns no rows; raises WarehouseError where the text is more than one statement."""
    with session.recorded(query):
        # Asked for in binary, the query travels by the protocol that takes a single statement only.
        cursor = session.driver.execute(query.encode(), binary=True)
        result = cursor.pgresult
    if result is None:
        return ()
    oids = [result.ftype(i) for i in range(result.nfields)]
    modifiers = [result.fmod(i) for i in range(result.nfields)]
    names = [(result.fname(i) or b"").decode() for i in range(result.nfields)]
    types = session.fetch(_TYPES, (oids, modifiers))
    return tuple(
        _column(session, name, modifier, row) for name, modifier, row in zip(names, modifiers, types, strict=True)
    )


def _column(session: PostgresSession, name: str, modifier: int, row: tuple[object, ...]) -> Column:
    _, native, typtype, base_oid, base_modifier, element_oid, category, oid = row
    if typtype == "d":
        inner = session.fetch(_TYPES, ([base_oid], [base_modifier]))[0]
        return _column(session, name, int(str(base_modifier)), inner)
    if typtype == "e":
        return Column(name=name, native="text", data_type=DataType(kind=Kind.TEXT))
    element = int(str(element_oid)) if category == "A" else 0
    return Column(name=name, native=str(native), data_type=data_type_of(int(str(oid)), modifier, element))


def _joined(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Join rows, which the server sends one by one, to blocks that are worth sending on."""
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(bytes(row))
        size += len(held[-1])
        if size >= _BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _carried(column: Column) -> str:
    field, data_type = DIALECT.quote(column.name), column.data_type
    if data_type is None:
        return f"{field}::text"
    array = data_type.kind is Kind.ARRAY
    kind = data_type.element.kind if array and data_type.element is not None else data_type.kind
    if sent_as_text(data_type) or kind is Kind.TEXT:
        return f"{field}::{'text[]' if array else 'text'}"
    return f"{field}::int8" if kind is Kind.BIGINT and not array else field
