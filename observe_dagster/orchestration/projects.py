"""What several Component documents of one code location declare, as one project with one resource.

The ledger marks inactive what is declared no more, so it must get everything at once.
"""

from collections.abc import Iterable
from typing import TypeVar

from observe_dagster.config import Alerting, Connection, DataModel, DeclaredMonitor, Pipeline, PipelineType, Project
from observe_dagster.errors import Problem, SpecError
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.settings import Settings

_Item = TypeVar("_Item", bound=Connection | DataModel | PipelineType | Pipeline | DeclaredMonitor)

_projects: dict[str, Project] = {}
_resources: dict[Settings, ObserveResource] = {}


def register_project(scope: str, project: Project) -> ObserveResource:
    """Add one document's project, or put it in place of what the scope declared before; returns the shared resource.

    Raises SpecError when two documents give one id to different things.
    """
    merged = merge({**_projects, scope: project})
    _projects[scope] = project
    settings = Settings.from_environment()
    resource = _resources.setdefault(settings, ObserveResource(merged, settings))
    resource.declare(merged)
    return resource


def owns_shared_definitions(scope: str) -> bool:
    """Tell whether definitions that a code location has once belong to this build: the only one, or the first."""
    first = (name for name, project in _projects.items() if project.pipelines or project.monitors)
    return not scope or next(first, scope) == scope


def merge(projects: dict[str, Project]) -> Project:
    """All that is declared by several projects; raises SpecError when one id stands for two different things."""
    problems: list[Problem] = []
    parts = list(projects.items())
    merged = Project(
        connections=_merge("connection", ((scope, part.connections) for scope, part in parts), problems),
        data_models=_merge("data model", ((scope, part.data_models) for scope, part in parts), problems),
        pipeline_types=_merge("pipeline type", ((scope, part.pipeline_types) for scope, part in parts), problems),
        pipelines=_merge("pipeline", ((scope, part.pipelines) for scope, part in parts), problems),
        monitors=_merge("monitor", ((scope, part.monitors) for scope, part in parts), problems),
        alerting=_alerting(((scope, part.alerting) for scope, part in parts), problems),
        origins={key: origin for _, part in parts for key, origin in (part.origins or {}).items()},
    )
    if problems:
        raise SpecError(problems)
    return merged


def _merge(kind: str, declared: Iterable[tuple[str, tuple[_Item, ...]]], problems: list[Problem]) -> tuple[_Item, ...]:
    merged: dict[str, tuple[str, _Item]] = {}
    for scope, items in declared:
        for item in items:
            name = _name(item)
            first_scope, first = merged.setdefault(name, (scope, item))
            if first != item:
                problems.append(
                    Problem(file=scope, message=f"{kind} {name!r} is declared in {first_scope} with other content")
                )
    return tuple(item for _, item in merged.values())


def _name(item: Connection | DataModel | PipelineType | Pipeline | DeclaredMonitor) -> str:
    if isinstance(item, PipelineType):
        return item.name
    return item.slug if isinstance(item, DeclaredMonitor) else item.id


def _alerting(declared: Iterable[tuple[str, Alerting]], problems: list[Problem]) -> Alerting:
    """The one document's alerts, or the same ones of several."""
    first: tuple[str, Alerting] | None = None
    for scope, alerting in declared:
        if alerting == Alerting():
            continue
        first = first or (scope, alerting)
        if first[1] != alerting:
            problems.append(Problem(file=scope, message=f"alerts are declared in {first[0]} with other content"))
    return first[1] if first is not None else Alerting()
