"""Checks the column names a pipeline uses against the columns its data model is known to give."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from observe_dagster.config.documents.items import Item
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.sql.select import same_name
from observe_dagster.config.validation.queries import Query
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.errors import Problem

_Use = tuple[Path, str, Sequence[str], str]


def unknown_columns(pipelines: Iterable[Item[Pipeline]], queries: Mapping[str, Query]) -> list[Problem]:
    """Name every column that a pipeline uses and its data model does not give; a star gives any."""
    problems: list[Problem] = []
    for item in pipelines:
        query = queries.get(item.declared.data_model_id) if item.declared is not None else None
        if item.declared is None or query is None:
            continue
        columns = query.columns
        if columns is None:
            continue
        dialect = next(iter(query.readings))
        for path, name, known, of in _uses(item.declared, columns, dialect):
            if same_name(dialect, name) not in {same_name(dialect, column) for column in known}:
                listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
                message = f"{name!r} is not a column of {of}{did_you_mean(name, known)}; it has {listed}"
                problems.append(item.problem(path, message))
    return problems


def _uses(pipeline: Pipeline, columns: Sequence[str], dialect: str) -> Iterator[_Use]:
    changes, source = pipeline.field_transformation, f"the data model {pipeline.data_model_id!r}"
    for number, name in enumerate(changes.drop):
        yield ("field_transformation", "drop", number), name, columns, source
    for name in changes.rename:
        yield ("field_transformation", "rename", name), name, columns, source
    if pipeline.sync_mode.iterator_field is not None:
        yield ("sync_mode", "iterator_field"), pipeline.sync_mode.iterator_field, columns, source
    written, target = _written(pipeline, columns, dialect), "the destination"
    for name in changes.cast:
        yield ("field_transformation", "cast", name), name, written, target
    for number, name in enumerate(pipeline.destination.primary_key):
        yield ("destination", "primary_key", number), name, written, target
    if pipeline.destination.soft_delete_field is not None:
        yield ("destination", "soft_delete_field"), pipeline.destination.soft_delete_field, written, target


def _written(pipeline: Pipeline, columns: Sequence[str], dialect: str) -> list[str]:
    changes = pipeline.field_transformation
    dropped = {same_name(dialect, name) for name in changes.drop}
    renamed = {same_name(dialect, name): new for name, new in changes.rename.items()}
    kept = [column for column in columns if same_name(dialect, column) not in dropped]
    return [*(renamed.get(same_name(dialect, column), column) for column in kept), *changes.constant]
