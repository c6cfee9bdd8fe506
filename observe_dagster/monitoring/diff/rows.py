"""Keeps the differing rows of a diff in a table: `materialize_results` and `materialize_results_to`.

All diffs into one connection share the table `observe_diff_rows` of its default schema: one row for each differing
value, and one for each row that only one side has.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

from observe_dagster.config.models.diff import DataDiffConfig, DiffDataset
from observe_dagster.config.project import Project
from observe_dagster.datatypes import DataType, Kind
from observe_dagster.records import Column, RunType, SyncRange, TableName
from observe_dagster.warehouse import OpenOptions, open_warehouse
from observe_dagster.warehouse.port.load import LoadColumn, LoadPlan, LoadRules, LoadRun, LoadSchema, LoadTarget, Staged
from observe_dagster.warehouse.port.source import RowStream

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "observe_diff_rows"
_TEXT, _TIME = DataType(kind=Kind.TEXT), DataType(kind=Kind.TIMESTAMPTZ)
_COLUMNS = {
    "dataset_a": _TEXT,
    "dataset_b": _TEXT,
    "judged_at": _TIME,
    "key": _TEXT,
    "difference": _TEXT,
    "column_name": _TEXT,
    "a": _TEXT,
    "b": _TEXT,
}
_BATCH_ROWS = 10_000


def materialized_to(config: DataDiffConfig) -> str | None:
    """The connection that gets the differing rows: the one named, else dataset b's; None when none is wanted."""
    wanted = config.materialize_results or config.materialize_results_to is not None
    return (config.materialize_results_to or config.dataset_b.connection_id) if wanted else None


def write_rows(
    project: Project, connection_id: str, config: DataDiffConfig, spool: TextIO, *, now: datetime, options: OpenOptions
) -> str:
    """Append the differing rows in `spool`, lines of JSON, to the table; return the table's name."""
    warehouse = open_warehouse(project.connection(connection_id))
    table = TableName(schema=warehouse.default_schema, table=TABLE)
    columns = tuple(Column(name=name, native="", data_type=data_type) for name, data_type in _COLUMNS.items())
    stream = RowStream(format="arrow", columns=columns, schema=_schema())
    sides = (_named(config.dataset_a), _named(config.dataset_b))
    stream.batches = _batches(spool, stream, [*sides, now])
    with warehouse.destination(options) as destination:
        plan = LoadPlan(
            run=LoadRun(
                pipeline_id="observe_diff",
                execution_key=f"diff-{uuid.uuid4()}",
                range=SyncRange(
                    start=None,
                    end=None,
                    read_from=None,
                    read_until=None,
                    logical_date=now,
                    run_type=RunType.MANUAL,
                    moves_watermark=False,
                ),
            ),
            target=LoadTarget(table=table, existing=destination.table_columns(table)),
            schema=LoadSchema(
                staged=columns,
                columns=tuple(
                    LoadColumn(
                        name=column.name,
                        native=destination.native_of(_COLUMNS[column.name], column=column.name),
                        data_type=column.data_type,
                        position=position,
                    )
                    for position, column in enumerate(columns)
                ),
            ),
            rules=LoadRules(write_mode="append"),
        )
        staged = Staged(rows=destination.stage(plan, stream), bytes=stream.bytes)
        destination.prepare(plan, staged)
        destination.commit(plan, staged, now=now)
        destination.drop_stage(plan)
    return str(table)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    types = {Kind.TEXT: pa.string(), Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC")}
    return pa.schema([pa.field(f"c{i}", types[column.kind]) for i, column in enumerate(_COLUMNS.values())])


def _batches(spool: TextIO, stream: RowStream, same: list[Any]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    spool.seek(0)
    schema = _schema()
    values = _values(spool)
    while rows := [(*same, *row) for row in islice(values, _BATCH_ROWS)]:
        arrays = [
            pa.array(column, type=field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        stream.sent += batch.num_rows
        stream.bytes += batch.nbytes
        yield batch


def _values(spool: TextIO) -> Iterator[tuple[str | None, ...]]:
    for line in spool:
        row = json.loads(line)
        key = json.dumps(row["key"], ensure_ascii=False)
        if row["difference"] != "changed":
            yield key, row["difference"], None, None, None
        for name in row["a"] if row["difference"] == "changed" else ():
            yield key, row["difference"], name, row["a"][name], row["b"][name]


def _named(dataset: DiffDataset) -> str:
    return f"{dataset.connection_id}:{dataset.table or dataset.query}"
