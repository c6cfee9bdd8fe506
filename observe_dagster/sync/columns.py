"""How a data model's columns become a table's: transformation, types, and the policy for schema changes. Pure."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.datatypes import DataType, Kind, parse_data_type, widens
from observe_dagster.errors import SchemaChangedError, SyncError
from observe_dagster.records import Column, SchemaChange
from observe_dagster.warehouse.dialects import Dialect
from observe_dagster.warehouse.port.load import DELETED_AT, LoadColumn, LoadSchema

_TEXT_LIMIT = re.compile(r"character varying\((\d+)\)")


class TypeNames(Protocol):
    """The part of a destination that names types."""

    dialect: Dialect

    def native_type(self, column: Column, *, source: Dialect) -> str:
        """The type a new column gets."""
        ...

    def native_of(self, data_type: DataType, *, column: str) -> str:
        """The engine's spelling of a type."""
        ...


def plan_columns(
    pipeline: Pipeline,
    source: Sequence[Column],
    existing: Sequence[Column] | None,
    *,
    names: TypeNames,
    dialect: Dialect,
    previous: Mapping[str, str] | None,
) -> tuple[LoadSchema, tuple[SchemaChange, ...]]:
    """Plan the columns of one run, and list how they differ from the table's and from the last run's.

    `dialect` is the source's. `existing` is the table as it stands, None before the first run; `previous` are the
    source's columns (name to type) of the last run, None if not known. Raises UnsupportedTypeError,
    SchemaChangedError, or SyncError when the pipeline names a column that is not there.
    """
    transformation, iterator = pipeline.field_transformation, pipeline.sync_mode.iterator_field
    _require_known(pipeline, source, iterator)
    staged = tuple(column for column in source if column.name not in transformation.drop or column.name == iterator)
    written = _written(pipeline, staged, names=names, source=dialect)
    _require_targets(pipeline, written, names.dialect)
    position = next((i for i, column in enumerate(staged) if column.name == iterator), None)
    columns, added, widened, changes = _against_table(pipeline, written, existing, names)
    known = {column.name for column in source}
    action = "refused" if pipeline.destination.schema_change == "freeze" else "kept"
    gone = {name: native for name, native in (previous or {}).items() if name not in known}
    changes += [_change(name, "removed", native, None, action) for name, native in gone.items()]
    _refuse(pipeline, changes)
    _require_kept(pipeline, columns)
    iterator_column = next(
        (column.name for column in columns if position is not None and column.position == position), None
    )
    schema = LoadSchema(
        staged=staged,
        columns=columns,
        added=added,
        widened=widened,
        iterator_position=position,
        iterator_column=iterator_column,
    )
    return schema, tuple(changes)


def _require_known(pipeline: Pipeline, source: Sequence[Column], iterator: str | None) -> None:
    known = [column.name for column in source]
    named = [("sync_mode.iterator_field", iterator)] if iterator is not None else []
    named += [("field_transformation.drop", name) for name in pipeline.field_transformation.drop]
    named += [("field_transformation.rename", name) for name in pipeline.field_transformation.rename]
    for where, name in named:
        if name not in known:
            raise SyncError(
                pipeline.id, f"{where} names {name!r}, which the data model does not give{_hint(name, known)}"
            )


def _written(
    pipeline: Pipeline, staged: Sequence[Column], *, names: TypeNames, source: Dialect
) -> tuple[LoadColumn, ...]:
    transformation = pipeline.field_transformation
    written: list[LoadColumn] = []
    for position, column in enumerate(staged):
        if column.name in transformation.drop:
            continue
        name = transformation.rename.get(column.name, column.name)
        cast = transformation.cast.get(name)
        data_type = column.data_type if cast is None else parse_data_type(cast)
        native = (
            names.native_type(column, source=source)
            if cast is None or data_type is None
            else names.native_of(data_type, column=name)
        )
        written.append(LoadColumn(name=name, native=native, data_type=data_type, position=position))
    for name, value in transformation.constant.items():
        cast = transformation.cast.get(name)
        data_type = _type_of_constant(value) if cast is None else parse_data_type(cast)
        native = names.native_of(data_type, column=name)
        written.append(LoadColumn(name=name, native=native, data_type=data_type, position=None, constant=value))
    return tuple(written)


def _type_of_constant(value: object) -> DataType:
    if isinstance(value, bool):
        return DataType(kind=Kind.BOOLEAN)
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return DataType(kind=Kind.BIGINT)
        return DataType(kind=Kind.DECIMAL, precision=len(str(abs(value))), scale=0)
    return DataType(kind=Kind.DOUBLE if isinstance(value, float) else Kind.TEXT)


def _require_targets(pipeline: Pipeline, written: Sequence[LoadColumn], dialect: Dialect) -> None:
    known = [column.name for column in written]
    folded = [dialect.fold(name) for name in known]
    if twice := [name for name in known if folded.count(dialect.fold(name)) > 1]:
        raise SyncError(
            pipeline.id, f"The destination would get two columns named {twice[0]!r}; rename or drop one of them."
        )
    destination = pipeline.destination
    if destination.write_mode == "mirror" and dialect.fold(DELETED_AT) in folded:
        raise SyncError(
            pipeline.id, f"A mirror keeps the column {DELETED_AT!r} for itself; rename or drop the source's."
        )
    named = [("destination.primary_key", name) for name in destination.primary_key]
    named += [("destination.soft_delete_field", name) for name in [destination.soft_delete_field] if name is not None]
    named += [("field_transformation.cast", name) for name in pipeline.field_transformation.cast]
    for where, name in named:
        if name not in known:
            raise SyncError(pipeline.id, f"{where} names {name!r}, which is not written{_hint(name, known)}")


def _against_table(
    pipeline: Pipeline, written: Sequence[LoadColumn], existing: Sequence[Column] | None, names: TypeNames
) -> tuple[tuple[LoadColumn, ...], tuple[LoadColumn, ...], tuple[LoadColumn, ...], list[SchemaChange]]:
    if existing is None:
        return tuple(written), (), (), []
    table = {names.dialect.fold(column.name): column for column in existing}
    columns: list[LoadColumn] = []
    added: list[LoadColumn] = []
    widened: list[LoadColumn] = []
    changes: list[SchemaChange] = []
    policy = pipeline.destination.schema_change
    for column in written:
        held = table.get(names.dialect.fold(column.name))
        if held is None:
            action = {"evolve": "altered", "freeze": "refused", "discard": "discarded"}[policy]
            changes.append(_change(column.name, "added", None, column.native, action))
            if policy == "evolve":
                added.append(column)
                columns.append(column)
            continue
        kept = replace(column, native=held.native, data_type=held.data_type)
        if _holds(held, column):
            columns.append(kept)
            continue
        grows = _is_longer(column.native, held.native) or (
            held.data_type is not None and column.data_type is not None and widens(held.data_type, column.data_type)
        )
        action = {"evolve": "altered" if grows else "refused", "freeze": "refused", "discard": "kept"}[policy]
        changes.append(_change(column.name, "type_changed", held.native, column.native, action))
        if action == "altered":
            widened.append(column)
        columns.append(column if action == "altered" else kept)
    return tuple(columns), tuple(added), tuple(widened), changes


def _holds(held: Column, column: LoadColumn) -> bool:
    if held.native == column.native:
        return True
    if _is_longer(column.native, held.native):
        return False
    if held.data_type is None or column.data_type is None:
        return False
    return widens(column.data_type, held.data_type)


def _is_longer(native: str, held: str) -> bool:
    """Tell whether a text type takes longer values than another of the same engine."""
    limit, held_limit = _TEXT_LIMIT.fullmatch(native), _TEXT_LIMIT.fullmatch(held)
    if held_limit is None:
        return False
    return native in ("text", "character varying") or (limit is not None and int(limit[1]) > int(held_limit[1]))


def _require_kept(pipeline: Pipeline, columns: Sequence[LoadColumn]) -> None:
    """A column that is discarded because the table does not have it may be one that cannot be done without."""
    destination, kept = pipeline.destination, {column.name for column in columns}
    needed = [("destination.primary_key", name) for name in destination.primary_key]
    needed += [("destination.soft_delete_field", name) for name in [destination.soft_delete_field] if name is not None]
    for where, name in needed:
        if name not in kept:
            raise SyncError(
                pipeline.id,
                f"{where} names {name!r}, which {destination.table!r} does not have and schema_change discard leaves "
                "out; add the column, or set schema_change to evolve.",
            )


def _refuse(pipeline: Pipeline, changes: Sequence[SchemaChange]) -> None:
    refused = [change for change in changes if change.action == "refused"]
    if not refused:
        return
    lines = "; ".join(_in_words(change) for change in refused)
    frozen = pipeline.destination.schema_change == "freeze"
    way_out = (
        "change the table or set schema_change to evolve or discard"
        if frozen
        else "declare a cast for it, change the table, or set schema_change to discard"
    )
    raise SchemaChangedError(
        pipeline.id,
        f"The source's columns do not fit {pipeline.destination.table!r}: {lines}. Nothing was changed; {way_out}.",
    )


def _in_words(change: SchemaChange) -> str:
    if change.change == "added":
        return f"{change.column!r} ({change.new_type}) is new"
    if change.change == "removed":
        return f"{change.column!r} ({change.old_type}) is gone"
    return f"{change.column!r} was {change.old_type} and is now {change.new_type}"


def _change(column: str, change: str, old: str | None, new: str | None, action: str) -> SchemaChange:
    return SchemaChange(column=column, change=change, old_type=old, new_type=new, action=action)


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(map(repr, known))}."
