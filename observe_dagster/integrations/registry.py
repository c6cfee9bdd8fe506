"""The table of publishers: a row for each, with what turns it on. A vendor's code is loaded when it is first used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observe_dagster.config.project import Project
    from observe_dagster.integrations.publisher import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherEntry:
    """A publisher by its name in the outbox, which is also its sensor's.

    It is on when one of `variables` is set in the environment, or `declared` is true of the project. The values of
    `secrets` are masked wherever errors are shown. One that does not follow materializations enqueues state only.
    With `own_sensor` its sensor is not made from the table.
    """

    name: str
    open: "Callable[[Mapping[str, str]], Publisher]"
    description: str = ""
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    declared: "Callable[[Project], bool]" = lambda _: False
    follows_materializations: bool = True
    own_sensor: bool = False

    def is_on(self, environment: Mapping[str, str], project: "Project") -> bool:
        """Whether there is anything to publish to."""
        return any(environment.get(name) for name in self.variables) or self.declared(project)


def _module(name: str) -> "Callable[[Mapping[str, str]], Publisher]":
    """The function `publisher(environment)` of a module, imported when it is called; it raises SettingsError."""

    def open_publisher(environment: Mapping[str, str]) -> "Publisher":
        return import_module(f"observe_dagster.{name}.publisher").publisher(environment)

    return open_publisher


PUBLISHERS = (
    PublisherEntry(
        name="monte_carlo",
        open=_module("integrations.monte_carlo"),
        description="Pushes table metadata, lineage and query logs to Monte Carlo (MCD_INGEST_ID, MCD_INGEST_TOKEN).",
        variables=("MCD_INGEST_ID", "MCD_INGEST_TOKEN"),
        secrets=("MCD_INGEST_ID", "MCD_INGEST_TOKEN"),
    ),
    PublisherEntry(
        name="datascale",
        open=_module("integrations.datascale"),
        description="Puts the SQL of pipelines and the DDL of their tables to Datascale (DATASCALE_TOKEN).",
        variables=("DATASCALE_TOKEN",),
        secrets=("DATASCALE_TOKEN",),
    ),
    PublisherEntry(
        name="watcher",
        open=_module("integrations.watcher"),
        description="Pushes pipelines, executions, watermarks and lineage to a Watcher server (WATCHER_URL).",
        variables=("WATCHER_URL",),
        secrets=("WATCHER_AUTHORIZATION",),
        follows_materializations=False,
    ),
    PublisherEntry(
        name="datafold",
        open=_module("integrations.datafold"),
        variables=("DATAFOLD_API_KEY",),
        secrets=("DATAFOLD_API_KEY",),
        own_sensor=True,
    ),
    PublisherEntry(
        name="alerts",
        open=_module("alerts"),
        declared=lambda project: bool(project.alerting.channels),
        own_sensor=True,
    ),
)


def secrets(environment: Mapping[str, str], publishers: Sequence[PublisherEntry] = PUBLISHERS) -> tuple[str, ...]:
    """Every secret of the environment that a publisher uses."""
    names = (name for entry in publishers for name in entry.secrets)
    return tuple(value for name in names if (value := environment.get(name)))
