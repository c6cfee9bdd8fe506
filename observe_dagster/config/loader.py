"""Loads everything that is declared and reports all that is wrong with it at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from observe_dagster.config.documents.document import Document, read_documents
from observe_dagster.config.documents.files import find_files, read_text
from observe_dagster.config.documents.items import Item, read_items
from observe_dagster.config.models.alerts import Alerting
from observe_dagster.config.project import Origin, Project
from observe_dagster.config.validation.columns import unknown_columns
from observe_dagster.config.validation.monitors import monitors_of
from observe_dagster.config.validation.queries import Query, dialects_used, read_query
from observe_dagster.config.validation.references import (
    inactive,
    own_sources,
    repeated,
    second_alerts,
    shared_tables,
    unreadable_remotely,
    unresolved,
)
from observe_dagster.errors import Problem, SpecError

_ORIGIN_KINDS = {
    "connections": "connection",
    "data_models": "data_model",
    "pipeline_types": "pipeline_type",
    "pipelines": "pipeline",
    "monitors": "monitor",
    "alerts": "alerts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """The text of one YAML file: the name for messages, and the folder its .sql files lie in."""

    file: str
    text: str
    folder: Path


def load_project(path: Path, *, environment: Mapping[str, str]) -> Project:
    """Load a YAML file, or all YAML files of a folder and the folders in it.

    Raises SpecError with every problem of every file. A folder without YAML files is an empty project.
    """
    files, problems = find_files(path)
    sources: list[SourceText] = []
    for file in files:
        text = read_text(file)
        if isinstance(text, Problem):
            problems.append(text)
        else:
            sources.append(SourceText(file=str(file), text=text, folder=file.parent))
    return _load(sources, environment, problems)


def load_documents(sources: Iterable[SourceText], *, environment: Mapping[str, str]) -> Project:
    """Load the documents of texts that were read already; raises SpecError with every problem."""
    return _load(sources, environment, [])


def project_from_attributes(
    attributes: Mapping[str, Any], *, source: str, base_dir: Path, environment: Mapping[str, str]
) -> Project:
    """Load the `attributes` of one document, templates not yet rendered; raises SpecError with every problem.

    `source` names the file in messages; .sql files are looked for in `base_dir`.
    """
    return _project([Document(file=source, folder=base_dir, attributes=attributes)], environment, [])


def _load(sources: Iterable[SourceText], environment: Mapping[str, str], problems: list[Problem]) -> Project:
    documents: list[Document] = []
    for source in sources:
        read, wrong = read_documents(source.file, source.folder, source.text)
        documents.extend(read)
        problems.extend(wrong)
    return _project(documents, environment, problems)


def _project(documents: Sequence[Document], environment: Mapping[str, str], problems: list[Problem]) -> Project:
    items: list[Item[Any]] = []
    for document in documents:
        read, wrong = read_items(document, environment)
        items.extend(read)
        problems.extend(wrong)
    queries = _queries(items, problems)
    problems.extend(_cross_checks(items, queries))
    monitors, wrong = monitors_of(items)
    problems.extend(wrong)
    if problems:
        unique = dict.fromkeys(problems)
        raise SpecError(sorted(unique, key=lambda problem: (problem.file, problem.line or 0, problem.column or 0)))
    return Project(
        connections=tuple(item.valid for item in _of("connections", items)),
        data_models=tuple(query.data_model for query in queries.values()),
        pipeline_types=tuple(item.valid for item in _of("pipeline_types", items)),
        pipelines=tuple(item.valid for item in _of("pipelines", items)),
        monitors=tuple(monitor.declared for monitor in monitors),
        alerting=next((item.valid for item in _of("alerts", items)), Alerting()),
        origins=_origins(items, queries)
        | {
            f"monitor:{monitor.declared.slug}": Origin(
                file=monitor.item.document.file, line=monitor.item.document.line((*monitor.item.path, *monitor.path))
            )
            for monitor in monitors
        },
    )


def _of(kind: str, items: Iterable[Item[Any]]) -> list[Item[Any]]:
    return [item for item in items if item.kind == kind]


def _queries(items: Sequence[Item[Any]], problems: list[Problem]) -> dict[str, Query]:
    used = dialects_used(_of("connections", items), _of("pipelines", items))
    queries: dict[str, Query] = {}
    for item in _of("data_models", items):
        query = read_query(item, used, problems)
        if query is not None:
            queries.setdefault(query.data_model.id, query)
    return queries


def _cross_checks(items: Sequence[Item[Any]], queries: Mapping[str, Query]) -> Iterable[Problem]:
    pipelines = _of("pipelines", items)
    connections = {item.declared.id: item.declared for item in _of("connections", items) if item.declared}
    data_models = {item.declared.id: item.declared for item in _of("data_models", items) if item.declared}
    yield from repeated(items)
    yield from second_alerts(_of("alerts", items))
    yield from unresolved(items)
    yield from inactive(pipelines, connections, data_models)
    yield from unreadable_remotely(pipelines, connections)
    yield from shared_tables(pipelines, connections)
    yield from own_sources(pipelines, queries)
    yield from unknown_columns(pipelines, queries)


def _origins(items: Iterable[Item[Any]], queries: Mapping[str, Query]) -> dict[str, Origin]:
    origins = {
        f"{_ORIGIN_KINDS[item.kind]}:{item.key or ''}": Origin(
            file=item.document.file, line=item.document.line(item.path)
        )
        for item in items
    }
    for model_id, query in queries.items():
        if query.sql_file is not None:
            origins[f"sql_file:{model_id}"] = Origin(file=str(query.sql_file), line=1)
    return origins
