"""Run the example's pipelines through Dagster, in this process, at any time of the demo's choosing."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

import dagster as dg

from observe_dagster.errors import SyncError
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.instance import prepare_dagster_home
from observe_dagster.orchestration.names import (
    LOGICAL_DATE_TAG,
    RUN_TYPE_TAG,
    SYNC_JOB,
    destination_key,
    instant_text,
    run_tags,
)
from observe_dagster.orchestration.resources import ObserveResource
from observe_dagster.records import RunType
from observe_dagster.settings import Settings
from observe_dagster.spec.pipeline import Pipeline
from observe_dagster.spec.project import Project
from observe_dagster.spec.schedule import IntervalSchedule
from observe_dagster.sync.intervals import boundary, latest_closed

# Without this label the runs would be missing from the job's own list of runs in the UI.
_LABELS = {".dagster/repository": "__repository__@observe_dagster"}
_SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class MovableClock:
    """The time, or a time that it was set to and that goes on from there."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        """The time it is here."""
        return datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """Make it `moment` now."""
        self._offset = moment - datetime.now(UTC)

    def reset(self) -> None:
        """Go back to the real time."""
        self._offset = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What runs of one pipeline moved, as the materializations in Dagster report it."""

    runs: int = 0
    total_rows: int = 0
    inserts: int = 0
    updates: int = 0
    unchanged: int = 0
    soft_deletes: int = 0
    duration_seconds: float = 0.0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Moved)})


class ExampleRuns:
    """Runs pipelines as Dagster runs of the shared job on the persistent instance; use `open_runs`."""

    def __init__(
        self, project: Project, instance: dg.DagsterInstance, observe: ObserveResource, clock: MovableClock
    ) -> None:
        self.project, self.clock = project, clock
        self._instance = instance
        self._ledger = observe.ledger
        self._job = build_definitions(project, observe=observe).resolve_job_def(SYNC_JOB)

    def forget(self) -> None:
        """Clear what an earlier demo left in the ledger: watermarks of tables that are gone, faults, pauses."""
        for pipeline in self.project.pipelines:
            self._ledger.set_watermark(pipeline.id, None)
            self._ledger.clear_pipeline_fault(pipeline.id)
            self._ledger.resume(pipeline.id)
        for connection in self.project.connections:
            self._ledger.clear_connection_fault(connection.id)

    def scheduled(self, pipeline_id: str, at: datetime) -> Moved:
        """Run a pipeline as its schedule would have at `at`."""
        pipeline = self.project.pipeline(pipeline_id)
        tags = {**run_tags(pipeline), RUN_TYPE_TAG: RunType.SCHEDULED.value}
        if isinstance(pipeline.schedule, IntervalSchedule):
            index = latest_closed(pipeline.schedule, at)
            if index is not None:
                tags[LOGICAL_DATE_TAG] = instant_text(boundary(pipeline.schedule, index - 1))
        self.clock.set(at)
        return self._run(pipeline, tags)

    def triggered(self, pipeline_id: str) -> Moved:
        """Run a pipeline now, as someone who triggers it by hand."""
        self.clock.reset()
        pipeline = self.project.pipeline(pipeline_id)
        return self._run(pipeline, run_tags(pipeline))

    def _run(self, pipeline: Pipeline, tags: dict[str, str]) -> Moved:
        result = self._job.execute_in_process(
            instance=self._instance,
            asset_selection=[destination_key(pipeline)],
            run_config=_SILENT,
            tags={**_LABELS, **tags},
            raise_on_error=False,
        )
        if not result.success:
            said = "; ".join(_failures(result.all_events)) or f"Dagster run {result.run_id} failed."
            raise SyncError(pipeline.id, f"Pipeline {pipeline.id}: {said}")
        moved = Moved(runs=1)
        for event in result.get_asset_materialization_events():
            moved += _moved(event.step_materialization_data.materialization)
        return moved


@contextmanager
def open_runs(project: Project, settings: Settings, database_url: str) -> Generator[ExampleRuns]:
    """Open Dagster's persistent instance and the ledger; DAGSTER_HOME and OBSERVE_DATABASE_URL are set from then on."""
    os.environ.update(DAGSTER_HOME=str(prepare_dagster_home(settings)), OBSERVE_DATABASE_URL=database_url)
    clock = MovableClock()
    observe = ObserveResource(project, settings, clock=clock)
    try:
        with dg.DagsterInstance.get() as instance:
            # Keeps connections open; a run would otherwise open about fifty, one for each thing it writes.
            instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=10)
            yield ExampleRuns(project, instance, observe, clock)
    finally:
        observe.close()


def _failures(events: Iterable[dg.DagsterEvent]) -> Iterator[str]:
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                yield failure.user_failure_data.description
            elif failure.error is not None:
                innermost = failure.error
                while innermost.cause is not None:
                    innermost = innermost.cause
                yield innermost.message.strip()


def _moved(materialization: dg.AssetMaterialization) -> Moved:
    def number(name: str) -> float:
        value = materialization.metadata[f"observe/{name}"].value
        return value if isinstance(value, int | float) else 0

    whole = ("total_rows", "inserts", "updates", "unchanged", "soft_deletes")
    return Moved(**{name: int(number(name)) for name in whole}, duration_seconds=float(number("duration_seconds")))
