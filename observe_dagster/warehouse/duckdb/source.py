"""Reading from DuckDB: one read-only transaction, streamed as Arrow batches."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from observe_dagster.config.sql.quoting import quoted
from observe_dagster.records import Column
from observe_dagster.warehouse.duckdb.session import USER, DuckDBSession, literal
from observe_dagster.warehouse.duckdb.types import arrow_transport_type, data_type_of
from observe_dagster.warehouse.port.source import Format, RowStream, Selection

if TYPE_CHECKING:
    import pyarrow as pa

_VECTOR_ROWS = 2_048
"""As many rows as DuckDB has in hand at once."""

_BATCH_BYTES = 16_000_000


class DuckDBSource:
    """A read-only session."""

    formats: tuple[Format, ...] = ("native_arrow", "arrow")

    def __init__(self, session: DuckDBSession) -> None:
        self.session = session
        self.queries = session.queries
        self.notes: list[str] = []

    def describe(self, query: str) -> tuple[Column, ...]:
        """The columns a SELECT would give; raises WarehouseError when DuckDB rejects it."""
        self.session.require_one_statement(query)
        return describe(self.session, f"DESCRIBE SELECT * FROM (\n{query}\n) AS model")

    def commit_horizon(self) -> datetime:
        """Now: one process writes a DuckDB file, and while it does, no other reads."""
        return datetime.now(UTC)

    def open_snapshot(self, *, settle_seconds: float | None = None) -> None:
        """Fix what the session sees."""
        del settle_seconds
        self.session.execute("BEGIN TRANSACTION READ ONLY")

    def max_value(self, query: str, iterator: str) -> int | None:
        """The greatest whole number in a SELECT's iterator column."""
        self.session.require_one_statement(query)
        (greatest,) = self.session.fetch(f"SELECT max({quoted(iterator)}) FROM (\n{query}\n) AS model")[0]
        return None if greatest is None else int(greatest)

    def count(self, selection: Selection) -> int:
        """How many rows a selection has."""
        return int(self.session.fetch(f"SELECT count(*) FROM {_rows(selection)}")[0][0])

    def known_empty(self, selection: Selection) -> bool:
        """Never told: a query would have to be run for it, which costs as much as reading."""
        del selection
        return False

    def read(self, selection: Selection, row_format: Format, *, batch_rows: int) -> RowStream:
        """Stream a selection's rows in bounded memory, as Arrow batches."""
        import pyarrow as pa

        fields = ", ".join(
            f"{_field(column, row_format)} AS c{position}" for position, column in enumerate(selection.columns)
        )
        text = f"SELECT {fields} FROM {_rows(selection)}"
        stream = RowStream(format=row_format, columns=selection.columns)
        with self.session.queries.statement(self.session.connection_id, text, USER) as record:
            try:
                reader = self.session.driver.sql(text).to_arrow_reader(min(_VECTOR_ROWS, batch_rows))
            except duckdb.Error as error:
                raise self.session.error(error) from None
        stream.schema = reader.schema

        def batches() -> "Iterator[pa.RecordBatch]":
            try:
                for batch in joined(reader, batch_rows):
                    stream.sent += batch.num_rows
                    stream.bytes += batch.nbytes
                    record.rows = stream.sent
                    yield batch
            except (duckdb.Error, OSError, pa.ArrowException) as error:
                raise self.session.error(error) from None

        stream.release = reader.close
        stream.batches = batches()
        return stream


def joined(batches: "Iterable[pa.RecordBatch]", most_rows: int) -> "Iterator[pa.RecordBatch]":
    """The same rows in fewer batches: of about so many rows, or of some megabytes where rows are long."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows + batch.num_rows > most_rows or size >= _BATCH_BYTES:
            yield pa.concat_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_batches(held)


def describe(session: DuckDBSession, text: str) -> tuple[Column, ...]:
    """The columns that a DESCRIBE statement lists."""
    return tuple(
        Column(name=row[0], native=row[1], data_type=data_type_of(row[1]), nullable=row[2] == "YES")
        for row in session.fetch(text)
    )


def _field(column: Column, row_format: Format) -> str:
    if row_format == "native_arrow":
        return quoted(column.name)
    carrier = "VARCHAR" if column.data_type is None else arrow_transport_type(column.data_type)
    return f"CAST({quoted(column.name)} AS {carrier})"


def _rows(selection: Selection) -> str:
    rows = f"(\n{selection.sql}\n) AS model"
    if selection.iterator is None:
        return rows
    field = quoted(selection.iterator)
    bounds = ((">=", selection.read_from), ("<", selection.read_until))
    tests = [f"{field} {sign} {literal(value)}" for sign, value in bounds if value is not None]
    if not tests:
        return rows
    condition = " AND ".join(tests)
    return f"{rows} WHERE " + (f"({condition}) OR {field} IS NULL" if selection.include_null_iterator else condition)
