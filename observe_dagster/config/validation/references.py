"""Checks items against each other: unique ids, references, states, and tables that are written twice."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from observe_dagster.config.documents.document import value_at
from observe_dagster.config.documents.items import KINDS, Item
from observe_dagster.config.models.connections import PROVIDER_NAMES, Connection
from observe_dagster.config.models.data_model import DataModel
from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.warehouse_sync import REMOTE_PROVIDERS
from observe_dagster.config.sql.select import DEFAULT_SCHEMAS, same_name
from observe_dagster.config.validation.queries import Query
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.suggest import did_you_mean
from observe_dagster.errors import Problem

_REFERENCES: Sequence[tuple[str, Path]] = (
    ("pipeline_types", ("pipeline_type_name",)),
    ("connections", ("connection_id",)),
    ("data_models", ("data_model_id",)),
    ("connections", ("destination", "connection_id")),
)
_KEY = {"pipeline_types": "name"}


def repeated(items: Iterable[Item[Any]]) -> list[Problem]:
    """Name every item whose id another item of its kind already has, whatever file that is in."""
    problems: list[Problem] = []
    first: dict[tuple[str, str], Item[Any]] = {}
    numbered: dict[int, Item[Any]] = {}
    for item in items:
        number = item.declared.datafold_id if item.kind == "connections" and item.declared is not None else None
        if number is not None and (other := numbered.setdefault(number, item)) is not item:
            message = f"the connection {other.key!r} in {other.place} already has the number {number}"
            problems.append(item.problem(("datafold_id",), message))
        if item.key is None or item.kind == "monitors":
            continue
        earlier = first.setdefault((item.kind, item.key), item)
        if earlier is not item:
            message = f"the {KINDS[item.kind][0]} {item.key!r} is already declared in {earlier.place}"
            problems.append(item.problem((_KEY.get(item.kind, "id"),), message))
    return problems


def second_alerts(alerts: Sequence[Item[Any]]) -> list[Problem]:
    """Name every `alerts` after the first: channels and routes are declared in one place."""
    return [
        item.problem((), f"alerts are already declared in {alerts[0].place}; put channels and routes in one place")
        for item in alerts[1:]
    ]


def unresolved(items: Sequence[Item[Any]]) -> list[Problem]:
    """Name every reference of a pipeline to something that is declared nowhere, not even wrongly."""
    declared: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    for item in items:
        if item.key is not None:
            declared[item.kind][item.key] = None
    problems: list[Problem] = []
    for item in items:
        for kind, path in _REFERENCES if item.kind == "pipelines" else ():
            reference = value_at(item.rendered, path)
            if isinstance(reference, str) and reference not in declared[kind]:
                noun, known = KINDS[kind][0], declared[kind]
                listed = f"; declared: {', '.join(sorted(known)[:10])}" if known else "; none is declared"
                message = f"there is no {noun} {reference!r}{did_you_mean(reference, known) or listed}"
                problems.append(item.problem(path, message))
    return problems


def inactive(
    pipelines: Iterable[Item[Pipeline]], connections: Mapping[str, Connection], data_models: Mapping[str, DataModel]
) -> list[Problem]:
    """Name every active pipeline that depends on something inactive."""
    problems: list[Problem] = []
    for item in pipelines:
        pipeline = item.declared
        if pipeline is None or pipeline.state != "active":
            continue
        needed: Sequence[tuple[Path, str, Connection | DataModel | None]] = (
            (("connection_id",), "connection", connections.get(pipeline.connection_id)),
            (("data_model_id",), "data model", data_models.get(pipeline.data_model_id)),
            (("destination", "connection_id"), "connection", connections.get(pipeline.destination.connection_id)),
        )
        for path, noun, dependency in needed:
            if dependency is not None and dependency.state == "inactive":
                message = (
                    f"the {noun} {dependency.id!r} is inactive but the pipeline is active; pause one or activate both"
                )
                problems.append(item.problem(path, message))
    return problems


def unreadable_remotely(pipelines: Iterable[Item[Pipeline]], connections: Mapping[str, Connection]) -> list[Problem]:
    """Name every pipeline that is to run at mParticle and reads a database that Warehouse Sync does not."""
    problems: list[Problem] = []
    for item in pipelines:
        pipeline = item.declared
        connection = connections.get(pipeline.connection_id) if pipeline is not None else None
        if pipeline is None or connection is None or pipeline.is_local:
            continue
        if connection.service_provider not in REMOTE_PROVIDERS:
            readable = ", ".join(PROVIDER_NAMES[provider] for provider in REMOTE_PROVIDERS)
            provider = PROVIDER_NAMES[connection.service_provider]
            message = f"{connection.id!r} is {provider}, which engine mparticle does not read; it reads {readable}"
            problems.append(item.problem(("connection_id",), message))
    return problems


def shared_tables(pipelines: Iterable[Item[Pipeline]], connections: Mapping[str, Connection]) -> list[Problem]:
    """Name every pipeline that writes a table which an earlier one writes."""
    problems: list[Problem] = []
    first: dict[tuple[str, ...], Item[Pipeline]] = {}
    for item in pipelines:
        if item.declared is None:
            continue
        connection_id, *names = item.declared.table_key
        connection = connections.get(connection_id)
        dialect = connection.service_provider if connection is not None else ""
        key = (connection_id, *(same_name(dialect, name) for name in names))
        earlier = first.setdefault(key, item)
        if earlier is not item:
            table = ".".join(item.declared.table_key[1:])
            message = f"the pipeline {earlier.key!r} in {earlier.place} already writes {table} of {connection_id!r}"
            problems.append(item.problem(("destination", "table"), message))
    return problems


def own_sources(pipelines: Iterable[Item[Pipeline]], queries: Mapping[str, Query]) -> list[Problem]:
    """Name every pipeline whose destination is a table that its own data model reads."""
    problems: list[Problem] = []
    for item in pipelines:
        pipeline = item.declared
        query = queries.get(pipeline.data_model_id) if pipeline is not None else None
        if pipeline is None or query is None or pipeline.connection_id != pipeline.destination.connection_id:
            continue
        for dialect, read in query.readings.items():
            target = tuple(same_name(dialect, name) for name in pipeline.table_key[1:])
            paths = ((schema or DEFAULT_SCHEMAS.get(dialect, ""), table) for schema, table in read.tables)
            if target in {tuple(same_name(dialect, name) for name in path) for path in paths}:
                message = f"the data model {pipeline.data_model_id!r} reads the table that the pipeline writes"
                problems.append(item.problem(("destination", "table"), message))
                break
    return problems
