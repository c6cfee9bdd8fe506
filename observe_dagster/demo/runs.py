"""Run the example's pipelines through Dagster, in this process, at any time of the demo's choosing."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import make_url

from observe_dagster.config.models.pipeline import Pipeline
from observe_dagster.config.models.schedule import IncrementalSync, IntervalSchedule
from observe_dagster.config.project import Project
from observe_dagster.config.time.intervals import boundary, latest_closed
from observe_dagster.errors import SyncError
from observe_dagster.orchestration.assets.sync import run_config
from observe_dagster.orchestration.build import build_definitions
from observe_dagster.orchestration.events.failures import failure_messages, was_interrupted
from observe_dagster.orchestration.instance.dagster_private import NO_COMPUTE_LOGS, InstanceRef
from observe_dagster.orchestration.instance.home import prepare_dagster_home
from observe_dagster.orchestration.resource import ObserveResource
from observe_dagster.orchestration.translator.keys import (
    LOGICAL_DATE_TAG,
    RUN_TYPE_TAG,
    SYNC_JOB,
    destination_key,
    instant_text,
    run_tags,
    safe_names,
)
from observe_dagster.records import RunType
from observe_dagster.settings import Settings

# Without this label the runs would be missing from the job's own list of runs in the UI.
_LABELS = {".dagster/repository": "__repository__@observe_dagster"}
# What a run prints would be caught by two more processes for each run; the demo's runs print nothing.
_NO_OUTPUT_FILES = {"compute_logs": NO_COMPUTE_LOGS}
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
class MovedRows:
    """What runs of one pipeline moved, as the materializations in Dagster report it."""

    runs: int = 0
    total_rows: int = 0
    inserts: int = 0
    updates: int = 0
    unchanged: int = 0
    soft_deletes: int = 0
    duration_seconds: float = 0.0

    def __add__(self, other: "MovedRows") -> "MovedRows":
        return MovedRows(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(MovedRows)}
        )


class ExampleRuns:
    """Runs pipelines as Dagster runs of the shared job on the persistent instance; use `open_runs`."""

    def __init__(
        self, project: Project, instance: dg.DagsterInstance, observe: ObserveResource, clock: MovableClock
    ) -> None:
        self.project, self.clock, self.observe, self.instance = project, clock, observe, instance
        self.moved: dict[str, MovedRows] = {}
        self.repository = build_definitions(project, observe=observe).get_repository_def()
        # Whoever runs an asset in process runs all of its checks; the monitors have schedules of their own.
        syncs = build_definitions(replace(project, monitors=()), observe=observe)
        self._job = syncs.resolve_job_def(SYNC_JOB)
        self._names = safe_names(pipeline.id for pipeline in project.pipelines)

    def forget(self, now: datetime) -> None:
        """Clear what an earlier demo left in the ledger, so that all pipelines count as declared `now`."""
        self.clock.set(now)
        ledger, assets = self.observe.ledger, {"/".join(pipeline.table_key) for pipeline in self.project.pipelines}
        assets |= {"/".join(monitor.table) for monitor in self.project.monitors if monitor.table is not None}
        ledger.reset_pipelines([pipeline.id for pipeline in self.project.pipelines], assets, now=now)
        for connection in self.project.connections:
            ledger.declared.clear_connection_fault(connection.id)

    def scheduled(self, pipeline_id: str, at: datetime) -> MovedRows:
        """Run a pipeline as its schedule would have at `at`."""
        pipeline = self.project.pipeline(pipeline_id)
        tags = {**run_tags(pipeline), RUN_TYPE_TAG: RunType.SCHEDULED.value}
        if isinstance(pipeline.schedule, IntervalSchedule):
            index = latest_closed(pipeline.schedule, at)
            if index is not None:
                tags[LOGICAL_DATE_TAG] = instant_text(boundary(pipeline.schedule, index - 1))
        self.clock.set(at)
        return self._run(pipeline, tags, {})

    def caught_up(self, pipeline_id: str, at: datetime) -> MovedRows:
        """Run a pipeline by hand at `at`, up to where its schedule would have read.

        A run of many intervals is no run like the others; one that was asked for is not compared with them.
        """
        pipeline = self.project.pipeline(pipeline_id)
        if not isinstance(pipeline.sync_mode, IncrementalSync):
            return self.scheduled(pipeline_id, at)
        return self.triggered(pipeline_id, at, until=self.interval(pipeline_id, at)[1])

    def triggered(
        self,
        pipeline_id: str,
        at: datetime | None = None,
        *,
        from_: datetime | None = None,
        until: datetime | None = None,
    ) -> MovedRows:
        """Run a pipeline at `at`, or now, as someone who triggers it by hand; with `from_` an old range again."""
        if at is None:
            self.clock.reset()
        else:
            self.clock.set(at)
        pipeline = self.project.pipeline(pipeline_id)
        config = run_config(
            self._names[pipeline_id],
            from_=None if from_ is None else instant_text(from_),
            until=None if until is None else instant_text(until),
        )
        return self._run(pipeline, run_tags(pipeline), config)

    def interval(self, pipeline_id: str, at: datetime) -> tuple[datetime, datetime]:
        """The interval that a scheduled run at `at` is for."""
        schedule = self.project.pipeline(pipeline_id).schedule
        assert isinstance(schedule, IntervalSchedule)
        index = latest_closed(schedule, at)
        assert index is not None
        return boundary(schedule, index - 1), boundary(schedule, index)

    def _run(self, pipeline: Pipeline, tags: dict[str, str], config: dict[str, Any]) -> MovedRows:
        result = self._job.execute_in_process(
            instance=self.instance,
            asset_selection=[destination_key(pipeline)],
            run_config={**_SILENT, **config},
            tags={**_LABELS, **tags},
            raise_on_error=False,
        )
        if not result.success:
            if was_interrupted(result.all_events):
                raise KeyboardInterrupt
            said = "; ".join(failure_messages(result.all_events)) or f"Dagster run {result.run_id} failed."
            raise SyncError(pipeline.id, f"Pipeline {pipeline.id}: {said}")
        moved = MovedRows(runs=1)
        for event in result.get_asset_materialization_events():
            moved += _moved(event.step_materialization_data.materialization)
        self.moved[pipeline.id] = self.moved.get(pipeline.id, MovedRows()) + moved
        return moved


@contextmanager
def open_runs(project: Project, settings: Settings, database_url: str) -> Generator[ExampleRuns]:
    """Open Dagster's persistent instance and the ledger; DAGSTER_HOME and OBSERVE_DATABASE_URL are set from then on."""
    home, records_url = prepare_dagster_home(settings), _without_waiting_for_disk(database_url)
    os.environ.update(DAGSTER_HOME=str(home), OBSERVE_DATABASE_URL=records_url)
    clock = MovableClock()
    observe = ObserveResource(project, replace(settings, database_url=records_url), clock=clock)
    try:
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_NO_OUTPUT_FILES)) as instance:
            # Keeps connections open; a run would otherwise open about fifty, one for each thing it writes.
            instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=10)
            yield ExampleRuns(project, instance, observe, clock)
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None
    finally:
        observe.close()
        os.environ["OBSERVE_DATABASE_URL"] = database_url


def _without_waiting_for_disk(url: str) -> str:
    """The same database, where a commit of run records does not wait for the disk: hundreds of runs write thousands.

    A crash of the machine could take the last of them, and the demo begins from nothing. Destinations are not meant.
    """
    parts = make_url(url)
    given = parts.query.get("options", ())
    options = [*((given,) if isinstance(given, str) else given), "-c synchronous_commit=off"]
    return parts.update_query_dict({"options": " ".join(options)}).render_as_string(hide_password=False)


def _moved(materialization: dg.AssetMaterialization) -> MovedRows:
    def number(name: str) -> float:
        value = materialization.metadata[f"observe/{name}"].value
        return value if isinstance(value, int | float) else 0

    whole = ("total_rows", "inserts", "updates", "unchanged", "soft_deletes")
    return MovedRows(**{name: int(number(name)) for name in whole}, duration_seconds=float(number("duration_seconds")))
