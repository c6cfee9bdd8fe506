"""The payloads for Monte Carlo and Datascale about the demo's last syncs, written to files."""

import shutil
import uuid
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.demo.runs import ExampleRuns
from observe_dagster.integrations.facts import lineage_key
from observe_dagster.ledger import Outbox, Publication
from observe_dagster.orchestration.events.facts import FactBuilder
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publishing_sensors

_MOST = 1_000
_PUBLISHERS = ("monte_carlo", "datascale")


class DemoPublisher:
    """Evaluates the two sensors as the daemon would, with made-up credentials and nobody at the other end.

    They publish what is materialized after this was made, and the data models' SQL. Where publications of others
    are pending in the ledger nothing is published, for they would count as sent.
    """

    def __init__(self, runs: ExampleRuns) -> None:
        self.folder = runs.observe.settings.home / "example" / "requests"
        shutil.rmtree(self.folder, ignore_errors=True)
        self._runs, self._project = runs, _with_resources(runs.project)
        settings = replace(runs.observe.settings, publish_dry_run=self.folder)
        self._observe = ObserveResource(self._project, settings, clock=runs.clock, declares=False)
        token = uuid.uuid4().hex
        environment = {"MCD_INGEST_ID": "nobody", "MCD_INGEST_TOKEN": token, "DATASCALE_TOKEN": token}
        # Nothing else writes events, so none has to settle before it is read.
        self._sensors = publishing_sensors(self._project, settings, settle_time=timedelta(), environment=environment)
        self._cursors: list[str | None] = [None] * len(self._sensors)
        self._outbox.delete(self._keys())
        self._possible = not any(self._outbox.counts(each).get("pending") for each in _PUBLISHERS)
        self._tick()

    @property
    def _outbox(self) -> Outbox:
        return self._runs.observe.ledger.outbox

    def publish(self) -> list[Publication]:
        """Tick the sensors; returns all publications since this was made."""
        self._tick()
        items = [item for each in _PUBLISHERS for item in self._outbox.items(each, states=["sent"], limit=_MOST)]
        return sorted((item for item in items if item.ordering_key in self._keys()), key=lambda item: item.id)

    def _tick(self) -> None:
        self._runs.clock.reset()
        for number, sensor in enumerate(self._sensors if self._possible else ()):
            with dg.build_sensor_context(
                instance=self._runs.instance,
                cursor=self._cursors[number],
                resources={"observe": self._observe},
                repository_def=self._runs.repository,
            ) as context:
                self._cursors[number] = sensor.evaluate_tick(context).cursor

    def _keys(self) -> set[str]:
        tables = [table.key for table in FactBuilder(self._project, None).assets]
        scripts = [f"table/{key}" for key in tables] + [f"pipeline/{each.id}" for each in self._project.pipelines]
        return {*tables, *map(lineage_key, tables), *(f"sql/{name}" for name in scripts)}


def _with_resources(project: Project) -> Project:
    """The project as if each of its connections were a resource of Monte Carlo."""
    connections = [
        each.model_copy(update={"monte_carlo_resource_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, each.id))})
        for each in project.connections
    ]
    return replace(project, connections=tuple(connections))
