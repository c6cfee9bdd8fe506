"""What a diff compares: a dataset as a query, and each pair of columns with what was declared about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from observe_dagster.checks.diff import Alignment
from observe_dagster.config.models.diff import ColumnRule, ColumnTolerance, DataDiffConfig, DiffDataset
from observe_dagster.config.sql.quoting import quoted
from observe_dagster.errors import WarehouseError
from observe_dagster.records import Column
from observe_dagster.warehouse import Reader
from observe_dagster.warehouse.diff.comparison import ComparedColumn, Domain, domain_of, is_number, is_whole

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One side: the session that reads it, its SELECT, its columns, and its table's name if it is a whole table."""

    reader: Reader
    query: str
    columns: tuple[Column, ...]
    table: tuple[str, ...] | None


def dataset_of(declared: DiffDataset, reader: Reader) -> Dataset:
    """Open a declared dataset; raises WarehouseError when the engine rejects it."""
    table = None if declared.table is None else table_parts(declared.connection_id, declared.table)
    if table is None:
        query = (declared.query or "").strip().rstrip(";").rstrip()
    else:
        query = f"SELECT * FROM {quoted(*table)}"  # noqa: S608 (a quoted name)
        if declared.filter is not None:
            query += f" WHERE (\n{declared.filter}\n)"
    return Dataset(reader=reader, query=query, columns=reader.describe(query), table=table)


def table_parts(connection_id: str, name: str) -> tuple[str, ...]:
    """The parts of `table`, `schema.table` or `database.schema.table`; a part with a dot is in double quotes."""
    parts: list[str] = []
    at = 0
    while match := _PART.match(name, at):
        parts.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        at = match.end() + 1
        if name[match.end() : at] != ".":
            break
    if at <= len(name) or not 1 <= len(parts) <= 3:
        raise WarehouseError(connection_id, f"{name!r} is not a table; write schema.table.")
    return tuple(parts)


def keys_are_unique(dataset: Dataset, keys: Sequence[str]) -> bool:
    """Whether the engine guarantees that no two rows of a table have the same key."""
    if dataset.table is None:
        return False
    *above, table = dataset.table
    asked = dataset.reader.expressions().unique_keys(above[-1] if above else None, table)
    wanted = {key.lower() for key in keys} if dataset.reader.engine == "duckdb" else set(keys)
    return any(
        {name.lower() if dataset.reader.engine == "duckdb" else name for name in names} <= wanted
        for (names,) in dataset.reader.rows(asked)
    )


def compared(
    config: DataDiffConfig, aligned: Alignment, *, engine: str | None
) -> tuple[tuple[ComparedColumn, ...], tuple[ComparedColumn, ...]]:
    """The keys and the columns as they are compared; `engine` is the one that sees both sides, None if none does."""
    keys = tuple(_paired(a, b, engine) for a, b in aligned.keys)
    columns = tuple(_declared(config, _paired(a, b, engine)) for a, b in aligned.columns)
    return keys, columns


def _paired(a: Column, b: Column, engine: str | None) -> ComparedColumn:
    domain = domain_of(a, b, across=engine is None)
    # DuckDB's decimals of two scales have no common type that holds every value of both.
    portable = engine is None or (engine == "duckdb" and domain is Domain.DECIMAL and a.native != b.native)
    return ComparedColumn(a=a, b=b, domain=domain, portable=portable)


def _declared(config: DataDiffConfig, column: ComparedColumn) -> ComparedColumn:
    text = column.domain is Domain.TEXT
    tolerance = _tolerance(config, column)
    moments = config.tolerance.datetime if config.tolerance is not None else None
    is_moment = column.domain is Domain.TIMESTAMP or (
        column.domain is Domain.NATIVE and "time" in column.a.native.lower() and "[" not in column.a.native
    )
    return replace(
        column,
        tolerance=None if tolerance is None else tolerance.value,
        relative=tolerance is not None and tolerance.type == "relative",
        microseconds=moments.microseconds if moments is not None and is_moment else 0,
        ignore_case=config.ignore_string_case and text,
        null_is_empty=config.null_equals_empty_string and text,
        equal_if=_rule(config.column_rules, column),
    )


def _tolerance(config: DataDiffConfig, column: ComparedColumn) -> ColumnTolerance | None:
    declared = config.tolerance.float_ if config.tolerance is not None else None
    if declared is None:
        return None
    own = declared.column_tolerance.get(column.a.name)
    if column.domain not in (Domain.INTEGER, Domain.DECIMAL, Domain.DOUBLE):
        if own is not None:
            raise WarehouseError(
                config.dataset_a.connection_id,
                f"tolerance.float names {column.a.name!r}, which is {column.a.native} and not a number.",
            )
        return None
    whole = is_whole(column.a) and is_whole(column.b)
    return own or (declared.default if is_number(column.a) and not whole else None)


def _rule(rules: Sequence[ColumnRule], column: ComparedColumn) -> str | None:
    names = {column.a.native.lower(), *([str(column.a.data_type)] if column.a.data_type is not None else [])}
    for rule in rules:
        if rule.column == column.a.name or (rule.type is not None and rule.type.lower() in names):
            return rule.equal_if
    return None
