"""Compares what a sync wrote with the range it read: `verify: diff` of a pipeline.

The data model is queried again for the range, with the pipeline's field transformation applied, and matched by primary
key with the destination's rows of the same range. Of an incremental sync, rows that only the destination has do not
count: they were changed or deleted at the source after they were read. Rows the sync rejects (a null key or iterator)
are left out, and of several rows with one key only the newest is expected. Where a pipeline appends without a key,
whole rows are matched, however often each is there. A mirror's rows that are gone at the source are left out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from observe_dagster.config.models.diff import DataDiffConfig
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IncrementalSync, IteratorDataType
from observe_dagster.config.project import Project
from observe_dagster.config.time.bounds import bound
from observe_dagster.datatypes import Kind, parse_data_type
from observe_dagster.errors import WarehouseError
from observe_dagster.monitoring.diff.compare import DiffResult, diff, outcome_of
from observe_dagster.records import Column, Outcome, Status, SyncRange, TableName
from observe_dagster.warehouse import Dialect, OpenOptions, open_warehouse
from observe_dagster.warehouse.diff.comparison import Expressions
from observe_dagster.warehouse.port.load import DELETED_AT

_MOMENTS: dict[Kind, IteratorDataType] = {
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
}
_NUMBERED = ("timestamp_unixtime_s", "timestamp_unixtime_ms", "integer")


def judge_sync(project: Project, pipeline: Pipeline, synced: SyncRange, *, now: datetime) -> Outcome:
    """Fail when any row differs; a warehouse that cannot be reached is an `error`."""
    try:
        result = verify_sync(project, pipeline, synced, now=now)
    except WarehouseError as error:
        return Outcome(status=Status.ERROR, reason=str(error), evidence={"transient": error.transient})
    return outcome_of(None, result)


def verify_sync(
    project: Project,
    pipeline: Pipeline,
    synced: SyncRange,
    *,
    now: datetime,
    options: OpenOptions | None = None,
    sample_rows: int = 20,
) -> DiffResult:
    """Compare a range of a pipeline's source (a) with its destination (b); raises WarehouseError."""
    opening = options or OpenOptions()
    source = open_warehouse(project.connection(pipeline.connection_id))
    target = open_warehouse(project.connection(pipeline.destination.connection_id))
    model = project.data_model(pipeline.data_model_id).sql
    table = TableName(schema=pipeline.destination.schema_, table=pipeline.destination.table)
    with source.reader(opening) as reader:
        source_columns = reader.describe(f"SELECT * FROM (\n{model}\n) AS model")  # noqa: S608 (a declared query, read-only)
        expressions = reader.expressions()
    with target.reader(opening) as reader:
        dialect = reader.dialect
        target_columns = reader.describe(f"SELECT * FROM {dialect.table(table)}")  # noqa: S608 (a quoted name)
    sources = _sources(pipeline, source_columns, target_columns)
    config = DataDiffConfig.model_validate(
        {
            "primary_key": pipeline.destination.primary_key or tuple(sources),
            "dataset_a": {
                "connection_id": pipeline.connection_id,
                "query": _source_query(pipeline, synced, source_columns, sources, (model, expressions)),
            },
            "dataset_b": {
                "connection_id": pipeline.destination.connection_id,
                "query": _target_query(pipeline, synced, target_columns, sources, dialect),
            },
        }
    )
    result = diff(project, config, now=now, options=options, sample_rows=sample_rows)
    return _without_later_changes(result) if isinstance(pipeline.sync_mode, IncrementalSync) else result


def _sources(pipeline: Pipeline, source_columns: Sequence[Column], target_columns: Sequence[Column]) -> dict[str, str]:
    """Destination column to source column, for those that come from the source."""
    change, existing = pipeline.field_transformation, {column.name.lower() for column in target_columns}
    names = {change.rename.get(c.name, c.name): c.name for c in source_columns if c.name not in change.drop}
    return {target: name for target, name in names.items() if target.lower() in existing}


def _source_query(
    pipeline: Pipeline,
    synced: SyncRange,
    columns: Sequence[Column],
    sources: dict[str, str],
    model_and_expressions: tuple[str, Expressions],
) -> str:
    model, expressions = model_and_expressions
    quoted = expressions.dialect.quote
    fields: list[str] = []
    for target, name in sources.items():
        cast = pipeline.field_transformation.cast.get(target)
        field = f"CAST({quoted(name)} AS {expressions.type_name(parse_data_type(cast))})" if cast else quoted(name)
        fields.append(f"{field} AS {quoted(target)}")
    iterator = pipeline.sync_mode.iterator_field
    tests = _bounds(pipeline, synced, columns, iterator, expressions.dialect)
    keys = [quoted(sources[key]) for key in pipeline.destination.primary_key if key in sources]
    tests += [f"{key} IS NOT NULL" for key in keys]
    rows = f"(\n{model}\n) AS model{_where(tests)}"
    if keys and iterator is not None:
        newest = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {quoted(iterator)} DESC)"
        # S608: names are quoted.
        rows = f"(SELECT *, {newest} AS observe_place FROM {rows}) AS placed WHERE observe_place = 1"  # noqa: S608
    return f"SELECT {', '.join(fields)} FROM {rows}"  # noqa: S608 (names are quoted)


def _target_query(
    pipeline: Pipeline, synced: SyncRange, columns: Sequence[Column], sources: dict[str, str], dialect: Dialect
) -> str:
    table = TableName(schema=pipeline.destination.schema_, table=pipeline.destination.table)
    iterator = next((target for target, name in sources.items() if name == pipeline.sync_mode.iterator_field), None)
    tests = _bounds(pipeline, synced, columns, iterator, dialect)
    if pipeline.destination.write_mode == "mirror":
        tests.append(f"{dialect.quote(DELETED_AT)} IS NULL")
    fields = ", ".join(map(dialect.quote, sources))
    return f"SELECT {fields} FROM {dialect.table(table)}{_where(tests)}"  # noqa: S608 (names are quoted)


def _bounds(
    pipeline: Pipeline, synced: SyncRange, columns: Sequence[Column], iterator: str | None, dialect: Dialect
) -> list[str]:
    column = next((column for column in columns if iterator is not None and column.name == iterator), None)
    if column is None:
        return []
    declared, zone = pipeline.sync_mode.iterator_data_type, pipeline.sync_mode.iterator_timezone
    kind = None if column.data_type is None else column.data_type.kind
    data_type = declared if declared in _NUMBERED or kind is None else _MOMENTS.get(kind)
    if data_type is None:
        return []
    ends = ((">=", synced.read_from), ("<", synced.read_until))
    return [
        f"{dialect.quote(column.name)} {sign} {dialect.literal(bound(value, data_type, zone))}"
        for sign, value in ends
        if value is not None
    ]


def _where(tests: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(tests)}" if tests else ""


def _without_later_changes(result: DiffResult) -> DiffResult:
    pks = result.summary.pks
    kept = replace(pks, exclusives=(pks.exclusives[0], 0), nulls_exclusives=(pks.nulls_exclusives[0], 0))
    return replace(
        result,
        summary=replace(result.summary, pks=kept),
        sample=tuple(row for row in result.sample if row.difference != "only_in_b"),
    )
