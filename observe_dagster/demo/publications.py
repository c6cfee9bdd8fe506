"""What Monte Carlo and Datascale would be told about the demo's last syncs, written as requests into a folder."""

import shutil
import uuid
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from observe_dagster.config.project import Project
from observe_dagster.demo.runs import ExampleRuns
from observe_dagster.integrations.datascale import PUBLISHER as DATASCALE
from observe_dagster.integrations.facts import lineage_key
from observe_dagster.integrations.monte_carlo import PUBLISHER as MONTE_CARLO
from observe_dagster.ledger import Outbox, Publication
from observe_dagster.orchestration.events.facts import FactBuilder
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.sensors.publishers import publishing_sensors
from observe_dagster.settings import DatascaleSettings, MonteCarloSettings

_MOST = 1_000
_PUBLISHERS = (MONTE_CARLO, DATASCALE)


class DemoPublisher:
    """Evaluates the two sensors as the daemon would, with made-up credentials and nobody at the other end.

    They tell of what is materialized after this was made, and of the data models' SQL. Where publications of others
    wait in the ledger nothing is told, for they would count as sent.
    """

    def __init__(self, runs: ExampleRuns) -> None:
        self.folder = runs.observe.settings.home / "example" / "requests"
        shutil.rmtree(self.folder, ignore_errors=True)
        self._runs, self._project = runs, _known_at_monte_carlo(runs.project)
        pretended = replace(
            runs.observe.settings,
            monte_carlo=MonteCarloSettings(key_id="nobody", token=uuid.uuid4().hex),
            datascale=DatascaleSettings(token=uuid.uuid4().hex),
            publish_dry_run=self.folder,
        )
        self._observe = ObserveResource(self._project, pretended, clock=runs.clock, declares=False)
        # Nothing else writes events, so none has to settle before it is read.
        self._sensors = publishing_sensors(self._project, pretended, settle=timedelta())
        self._cursors: list[str | None] = [None] * len(self._sensors)
        self._outbox.delete(self._keys())
        self._possible = not any(self._outbox.counts(each).get("pending") for each in _PUBLISHERS)
        self._tick()

    @property
    def _outbox(self) -> Outbox:
        return self._runs.observe.ledger.outbox

    def tell(self) -> list[Publication]:
        """Let the sensors say what there is to say; answers all that was said since this was made."""
        self._tick()
        found = [item for each in _PUBLISHERS for item in self._outbox.items(each, states=["sent"], limit=_MOST)]
        return sorted((item for item in found if item.ordering_key in self._keys()), key=lambda item: item.id)

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
        tables = [table.key for table in FactBuilder(self._project, None).tables]
        scripts = [f"table/{key}" for key in tables] + [f"pipeline/{each.id}" for each in self._project.pipelines]
        return {*tables, *map(lineage_key, tables), *(f"sql/{name}" for name in scripts)}


def _known_at_monte_carlo(project: Project) -> Project:
    """The project as if each of its connections were a resource there."""
    known = [
        each.model_copy(update={"monte_carlo_resource_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, each.id))})
        for each in project.connections
    ]
    return replace(project, connections=tuple(known))
