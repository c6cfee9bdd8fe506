"""What has to change at mParticle so that it is as declared: creations and updates, in the order they need. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from observe_dagster.config.project import Project
from observe_dagster.integrations.warehouse_sync.payloads import (
    SECRETS,
    Body,
    connection_body,
    data_model_body,
    pipeline_body,
)
from observe_dagster.redaction import MASK

Kind = Literal["connection", "data_model", "pipeline"]
Action = Literal["create", "update", "unchanged"]
Remote = Mapping[Kind, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """One field that is not as declared; a secret is shown as the mask on both sides."""

    path: str
    was: Any = None
    becomes: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What is to be done with one resource. `body` is what is sent and may hold secrets: it is not shown."""

    kind: Kind
    id: str
    action: Action
    differences: tuple[FieldDifference, ...] = ()
    body: Body = field(default_factory=Body, repr=False, hash=False)


def plan_changes(project: Project, remote: Remote, *, send_secrets: bool = False) -> tuple[PlannedChange, ...]:
    """Compare what is declared with what is there; connections and data models come before their pipelines.

    Only what pipelines with engine mparticle use is compared, and what is not declared is left alone. A changed
    secret cannot be seen, for none is read back: `send_secrets` updates every resource that has one.
    """
    return tuple(_changes(project, remote, send_secrets=send_secrets))


def _changes(project: Project, remote: Remote, *, send_secrets: bool) -> Iterator[PlannedChange]:
    pipelines = [pipeline for pipeline in project.pipelines if not pipeline.is_local]
    connections = dict.fromkeys(pipeline.connection_id for pipeline in pipelines)
    data_models = dict.fromkeys(pipeline.data_model_id for pipeline in pipelines)
    expected: list[tuple[Kind, list[Body]]] = [
        ("connection", [connection_body(project.connection(each)) for each in connections]),
        ("data_model", [data_model_body(project.data_model(each)) for each in data_models]),
        ("pipeline", [pipeline_body(each) for each in pipelines]),
    ]
    for kind, bodies in expected:
        remote_body = {each.get("id"): each for each in remote.get(kind, ())}
        for body in bodies:
            yield _change(kind, body, remote_body.get(body["id"]), send_secrets=send_secrets)


def _change(kind: Kind, body: Body, remote_body: Mapping[str, Any] | None, *, send_secrets: bool) -> PlannedChange:
    if remote_body is None:
        created = tuple(FieldDifference(path=path, becomes=_shown(path, value)) for path, value in _flat(body))
        return PlannedChange(kind=kind, id=body["id"], action="create", differences=created, body=body)
    differences = tuple(_differences(body, remote_body, send_secrets=send_secrets))
    action: Action = "update" if differences else "unchanged"
    return PlannedChange(
        kind=kind, id=body["id"], action=action, differences=differences, body=body if differences else {}
    )


def _differences(body: Body, remote_body: Mapping[str, Any], *, send_secrets: bool) -> Iterator[FieldDifference]:
    expected, current = dict(_flat(body)), dict(_flat(remote_body))
    for path, value in expected.items():
        if _is_secret(path):
            if send_secrets:
                yield FieldDifference(path=path, was=MASK, becomes=MASK)
        elif _canonical(path, value) != _canonical(path, current.get(path)):
            yield FieldDifference(path=path, was=current.get(path), becomes=value)
    for path in _OPTIONAL:
        if path not in expected and current.get(path) is not None:
            yield FieldDifference(path=path, was=_shown(path, current[path]))


_OPTIONAL = (
    "sync_mode.iterator_field",
    "sync_mode.iterator_data_type",
    "sync_mode.from",
    "sync_mode.until",
    "schedule.frequency",
    "schedule.start",
    "schedule.end",
    "field_transformation_id",
    "partner_feed_id",
    "data_plan_id",
    "data_plan_version",
)
"""What a declaration may leave out: it is cleared where it is there. What else is there is the server's own."""


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_secret(path: str) -> bool:
    return path.rpartition(".")[2] in SECRETS


def _shown(path: str, value: Any) -> Any:
    return MASK if _is_secret(path) else value


def _canonical(path: str, value: Any) -> Any:
    """A value as it can be compared: the server spells some of them in another way than it was told."""
    if path == "schedule.type" and value == "on-demand":
        return "on_demand"
    if path == "schedule.delay" and value is None:
        return "0s"
    if path == "service_provider":
        return str(value).lower()
    if isinstance(value, str) and path in ("sync_mode.from", "sync_mode.until"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return str(value) if isinstance(value, int) else value
