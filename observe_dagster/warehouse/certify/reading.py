"""Sources and readers give what is there, at one moment, and change nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from observe_dagster.datatypes import Kind
from observe_dagster.errors import WarehouseError
from observe_dagster.records import TableName
from observe_dagster.warehouse.certify.cases import case
from observe_dagster.warehouse.certify.expectations import CaseFailedError, NotOfferedError, require
from observe_dagster.warehouse.certify.trial import Trial
from observe_dagster.warehouse.certify.values import ID, field
from observe_dagster.warehouse.port.source import Selection

_N, _NAME = field("n", Kind.BIGINT), field("name", Kind.TEXT)
_FIELDS = [ID, _N, _NAME]
_ROWS = [*((number, number * 10, f"row {number}") for number in range(1, 6)), (6, None, None)]
_MOST_BATCH_BYTES = 8_000_000
_LONG_ROWS, _LONG_TEXT = 6_000, 2_000


def _require_refused(what: str, run: Callable[[], object]) -> None:
    try:
        run()
    except WarehouseError:
        return
    raise CaseFailedError(f"{what} was not refused")


@case
def a_query_is_described_with_the_types_of_its_columns(trial: Trial) -> str:
    """Without its rows being read; a query that is wrong is an error of the warehouse."""
    trial.load(_FIELDS, _ROWS)
    query = trial.select(_FIELDS)
    with trial.source() as source:
        described = source.describe(query)
        _require_refused("a query of a missing column", lambda: source.describe(f"SELECT nope FROM ({query}) AS q"))
    with trial.reader() as reader:
        require([each.name for each in reader.describe(query)], [each.name for each in _FIELDS], "names")
        require(reader.columns(TableName(schema=trial.table.schema, table="no_such")), None, "columns of no table")
    kinds = [None if each.data_type is None else each.data_type.kind for each in described]
    require([kinds[2], len(kinds)], [Kind.TEXT, 3], "kind of the text column, and columns")
    return ", ".join(f"{each.name} {each.native}" for each in described)


@case
def a_selection_reads_from_its_first_value_up_to_and_without_its_last(trial: Trial) -> str:
    """Rows whose iterator is null are read only where they are asked for."""
    trial.load(_FIELDS, _ROWS)
    bounds: dict[str, Any] = {"iterator": "n", "read_from": 20, "read_until": 40}
    require([row[0] for row in trial.read(_FIELDS, **bounds)], [2, 3], "ids in [20, 40)")
    ids = [row[0] for row in trial.read(_FIELDS, **bounds, include_null_iterator=True)]
    require(ids, [2, 3, 6], "ids in [20, 40) and without an iterator")
    require(len(trial.read(_FIELDS, iterator="n", read_until=40)), 3, "rows before 40")
    require(len(trial.read(_FIELDS, iterator="n", read_from=40)), 2, "rows from 40")
    require(len(trial.read(_FIELDS, iterator="n")), 6, "rows without bounds")
    return "[20, 40) of 10 to 50 and NULL"


@case
def bounds_in_time_are_instants(trial: Trial) -> str:
    """To the microsecond, whatever zone they are written in."""
    fields = [ID, field("at", Kind.TIMESTAMPTZ)]
    edge = datetime(2024, 3, 10, 2, 30, tzinfo=UTC)
    trial.load(fields, [(1, edge - timedelta(microseconds=1)), (2, edge), (3, edge + timedelta(hours=1))])
    bounds: dict[str, Any] = {"iterator": "at", "read_from": edge, "read_until": edge + timedelta(hours=1)}
    require([row[0] for row in trial.read(fields, **bounds)], [2], "ids")
    return "1 of 3 rows"


@case
def rows_are_counted_and_the_greatest_iterator_is_known(trial: Trial) -> str:
    """Of a selection, and of a query without rows."""
    trial.load(_FIELDS, _ROWS)
    query = trial.select(_FIELDS)
    with trial.source() as source:
        selection = Selection(sql=query, columns=source.describe(query), iterator="n", read_from=20)
        source.open_snapshot()
        require(source.count(selection), 4, "rows from 20")
        require(source.max_value(query, "n"), 50, "greatest value")
        require(source.max_value(f"{query} WHERE 1 = 0", "n"), None, "greatest of none")
        require(
            source.known_empty(selection), expected=False, what="whether a selection with rows is known to be empty"
        )
    return "4 rows, at most 50"


@case
def a_query_may_join_and_comment(trial: Trial) -> str:
    """Also at its beginning and its end."""
    trial.load(_FIELDS, _ROWS)
    name = trial.dialect.table(trial.table)
    query = (
        f"-- first\nSELECT a.id, a.n + b.n AS n, b.name FROM {name} AS a "
        f"JOIN {name} AS b ON a.id = b.id WHERE a.id < 3 -- last"
    )
    require(trial.read(_FIELDS, sql=query), [(1, 20, "row 1"), (2, 40, "row 2")], "rows")
    return "a join with comments"


@case
def rows_come_in_batches_of_bounded_size(trial: Trial) -> str:
    """From a source by rows or by bytes, from a reader by rows."""
    fields = [ID, _NAME]
    trial.load(fields, [(number, f"{number:06d}" * (_LONG_TEXT // 6)) for number in range(_LONG_ROWS)])
    query, batch_rows = trial.select(fields), 1_000
    with trial.source() as source:
        selection = Selection(sql=query, columns=source.describe(query))
        source.open_snapshot()
        stream = source.read(selection, "arrow", batch_rows=batch_rows)
        try:
            sizes = [(batch.num_rows, batch.nbytes) for batch in stream.batches or ()]
        finally:
            stream.release()
        require((sum(rows for rows, _ in sizes), stream.sent), (_LONG_ROWS, _LONG_ROWS), "rows, and rows sent")
    large = [size for size in sizes if size[0] > batch_rows and size[1] > _MOST_BATCH_BYTES]
    require((large, len(sizes) > 1), ([], True), "batches that are too large, and whether there are several")
    with trial.reader() as reader:
        lengths = [len(batch) for batch in reader.stream(query, batch_rows=500)]
    require((sum(lengths), max(lengths) <= 500), (_LONG_ROWS, True), "rows, and whether batches have at most 500")
    return f"{len(sizes)} batches, the largest of {max(size for _, size in sizes)} bytes"


@case
def a_stream_that_is_given_up_leaves_the_session_usable(trial: Trial) -> str:
    """After its first batch."""
    trial.load([ID], [(number,) for number in range(5_000)])
    query = trial.select([ID])
    with trial.source() as source:
        selection = Selection(sql=query, columns=source.describe(query))
        source.open_snapshot()
        stream = source.read(selection, "arrow", batch_rows=100)
        next(iter(stream.batches or ()))
        stream.release()
        require(source.count(selection), 5_000, "rows counted afterwards")
    return "released after 1 batch"


@case
def a_session_sees_one_moment(trial: Trial) -> str:
    """What is committed meanwhile is seen by the next session only."""
    if trial.capabilities.snapshot != "session":
        raise NotOfferedError(f"snapshot: {trial.capabilities.snapshot}")
    trial.require_concurrent_sessions()
    trial.load(_FIELDS, _ROWS)
    query = trial.select(_FIELDS)
    with trial.source() as source, trial.reader() as reader:
        selection = Selection(sql=query, columns=source.describe(query))
        source.open_snapshot()
        before = (source.count(selection), len(reader.rows(query)))
        trial.load(_FIELDS, [(7, 70, "later")])
        stream = source.read(selection, "arrow", batch_rows=1_000)
        try:
            read = sum(batch.num_rows for batch in stream.batches or ())
        finally:
            stream.release()
        require((source.count(selection), len(reader.rows(query)), read), (*before, before[0]), "rows")
    require(len(trial.read(_FIELDS)), 7, "rows that the next session sees")
    return "6 rows in both, 7 afterwards"


@case
def no_transaction_before_the_commit_horizon_is_open(trial: Trial) -> str:
    """The instant is about now where nothing else goes on, and in UTC."""
    if not trial.capabilities.sees_open_transactions:
        raise NotOfferedError("sees_open_transactions: the engine does not show them")
    with trial.source() as source:
        horizon = source.commit_horizon()
    require(horizon.utcoffset(), timedelta(0), "offset")
    if horizon > datetime.now(UTC) + timedelta(minutes=5):
        raise CaseFailedError(f"the horizon {horizon} is in the future")
    return horizon.isoformat()


@case
def a_second_statement_hidden_in_a_query_is_refused(trial: Trial) -> str:
    """By sources and readers, and the table stays."""
    trial.load(_FIELDS, _ROWS)
    name = trial.dialect.table(trial.table)
    for hidden in (f"SELECT 1 AS n; DROP TABLE {name}", f"SELECT 1 AS n) AS model; DROP TABLE {name}; --"):
        with trial.source() as source:
            _require_refused(f"describing {hidden!r}", lambda text=hidden, at=source: at.describe(text))
        with trial.source() as source:
            _require_refused(f"the maximum of {hidden!r}", lambda text=hidden, at=source: at.max_value(text, "n"))
        with trial.reader() as reader:
            _require_refused(f"asking {hidden!r}", lambda text=hidden, at=reader: at.rows(text))
            _require_refused(f"describing {hidden!r}", lambda text=hidden, at=reader: at.describe(text))
            _require_refused(f"asking {hidden!r}", lambda text=hidden, at=reader: at.rows(text, limit=1))
    require(len(trial.read(_FIELDS)), 6, "rows afterwards")
    return "2 texts, 5 ways"


@case
def a_session_that_reads_cannot_write(trial: Trial) -> str:
    """Whatever it is asked."""
    trial.load(_FIELDS, _ROWS)
    name = trial.dialect.table(trial.table)
    for text in (f"DELETE FROM {name}", f"DROP TABLE {name}", f"INSERT INTO {name} SELECT * FROM {name}"):
        with trial.reader() as reader:
            _require_refused(text, lambda statement=text, at=reader: at.rows(statement))
    require(len(trial.read(_FIELDS)), 6, "rows afterwards")
    return "DELETE, DROP and INSERT refused"


@case
def a_failed_statement_spoils_neither_the_readers_session_nor_its_snapshot(trial: Trial) -> str:
    """The next one is answered."""
    trial.load(_FIELDS, _ROWS)
    with trial.reader() as reader:
        query = trial.select(_FIELDS)
        before = len(reader.rows(query))
        _require_refused("a missing function", lambda: reader.rows("SELECT no_such_function(1)"))
        require((before, len(reader.rows(query)), len(reader.rows(query, limit=2))), (6, 6, 2), "rows")
    return "6 rows before and after"


@case
def exported_rows_are_csv_that_tells_null_from_empty(trial: Trial) -> str:
    """Every value in quotes, NULL bare."""
    fields = [ID, _NAME]
    trial.load(fields, [(1, 'a "quoted", text'), (2, ""), (3, None), (4, "\\N")])
    with TemporaryDirectory(prefix="observe-certify-") as folder, trial.reader() as reader:
        path = Path(folder) / "rows.csv"
        require(reader.export(f"{trial.select(fields)} ORDER BY 1", path), 4, "rows exported")
        lines = path.read_text().splitlines()
    require(lines, ['"1","a ""quoted"", text"', '"2",""', '"3",\\N', '"4","\\N"'], "lines")
    return "4 rows"
