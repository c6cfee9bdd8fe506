"""The demo: load the source, replay weeks of syncs with faults among them, prove the result, sync a few changes."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from observe_dagster.demo.changes import Changes, change_rows
from observe_dagster.demo.databases import ALERTS_VARIABLE, DemoDatabases, make_places
from observe_dagster.demo.fingerprint import compare
from observe_dagster.demo.report import changes_table, comparison_table, progress_bar, publications_table
from observe_dagster.demo.source import LoadedSource, connect, load_source
from observe_dagster.demo.tables import find_data
from observe_dagster.demo.timeline import Pace, first_moment, last_moment, ticks, upstream_first
from observe_dagster.errors import DemoFailedError
from observe_dagster.settings import PACKAGE_DEFS, Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from observe_dagster.config.project import Project
    from observe_dagster.demo.publications import DemoPublisher
    from observe_dagster.demo.runs import ExampleRuns

_CHANGED = ("flights-hourly", "flights-daily")


def run_demo(settings: Settings, *, console: "Console", ui: bool = False, pace: Pace | None = None) -> None:
    """Run the whole demo and print what it does; with `ui` the last line says that the UI comes next.

    The environment then names the example's places, so that processes started later find them. Running it again
    starts from the beginning. Raises DemoFailedError when anything differs from what it must be.
    """
    from observe_dagster.config import load_project
    from observe_dagster.demo.daemon import DemoDaemon
    from observe_dagster.demo.publications import DemoPublisher
    from observe_dagster.demo.replay import leave_faults, replay
    from observe_dagster.demo.runs import open_runs
    from observe_dagster.demo.webhook import Receiver

    pace, started = pace or Pace(), time.monotonic()
    find_data()
    console.print("Starting the database ...")
    database_url = _database(settings)
    places = make_places(settings, database_url)
    os.environ.update(places.environment())
    with Receiver() as receiver:
        environment = {**os.environ, ALERTS_VARIABLE: receiver.url}
        project = load_project(PACKAGE_DEFS / "nyc_flights", environment=environment)
        now = datetime.now(UTC)
        source = _load(places, now=now, pace=pace, console=console)
        with open_runs(project, settings, database_url) as runs:
            planned = ticks(project.pipelines, now=last_moment(now), pace=pace)
            runs.forget(planned[0].at - timedelta(days=1))
            watching = DemoDaemon(runs, receiver)
            replay(runs, watching, places, planned, now=now, pace=pace, console=console)
            telling = DemoPublisher(runs)
            # What came after the last closed interval, as someone who does not want to wait for the next.
            for pipeline in upstream_first(project.pipelines):
                runs.triggered(pipeline.id)
            _prove(project, places, [pipeline.id for pipeline in project.pipelines], console=console)
            _change_and_trigger(runs, project, places, console=console)
            _tell(telling, console=console)
            console.print(
                f"\nAll {source.rows['flights']:,} flights and every change arrived in both destinations, "
                f"in {time.monotonic() - started:.0f} s."
            )
            if pace.fault_days is not None:
                leave_faults(watching, places, console=console)
    if ui:
        console.print("The runs, with their rows and times, are in the Dagster UI, which starts now.")


def _database(settings: Settings) -> str:
    from observe_dagster.embedded import start_embedded
    from observe_dagster.ledger import migrate

    url = settings.database_url or start_embedded(settings.home)
    migrate(url)
    return url


def _load(places: DemoDatabases, *, now: datetime, pace: Pace, console: "Console") -> LoadedSource:
    with progress_bar(console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(table: str, part: float) -> None:
            if table not in tasks:
                tasks[table] = bar.add_task(f"Loading {table}", total=1.0)
            bar.update(tasks[table], completed=part)

        source = load_source(places.source_url, now=now, live_from=first_moment(last_moment(now), pace), progress=show)
    listed = ", ".join(f"{rows:,} {table}" for table, rows in source.rows.items())
    newest = source.newest.strftime("%Y-%m-%d %H:%M")
    console.print(f"The source: {listed}. Dates are moved by {source.shift_days:,} days; the newest is {newest} UTC.")
    return source


def _prove(project: "Project", places: DemoDatabases, pipeline_ids: Sequence[str], *, console: "Console") -> None:
    comparisons = compare(project, places, [project.pipeline(pipeline_id) for pipeline_id in pipeline_ids])
    console.print(comparison_table(comparisons))
    different = [each.table for each in comparisons if not each.equal]
    if different:
        raise DemoFailedError(f"These tables differ from their source: {', '.join(different)}.")


def _change_and_trigger(runs: "ExampleRuns", project: "Project", places: DemoDatabases, *, console: "Console") -> None:
    with connect(places.source_url) as source:
        changed = change_rows(source)
    reported: dict[str, Changes] = {}
    for pipeline_id in _CHANGED:
        moved = runs.triggered(pipeline_id)
        reported[pipeline_id] = Changes(inserts=moved.inserts, updates=moved.updates, soft_deletes=moved.soft_deletes)
    console.print(changes_table(changed, reported))
    _prove(project, places, _CHANGED, console=console)
    wrong = [pipeline_id for pipeline_id, changes in reported.items() if changes != changed]
    if wrong:
        raise DemoFailedError(f"These runs reported other counts than what was changed: {', '.join(wrong)}.")


def _tell(telling: "DemoPublisher", *, console: "Console") -> None:
    """Let the sensors write what they would send about the last runs, and show it."""
    publications = telling.publish()
    if not publications:
        console.print("\nOther publications are pending in this ledger, so none were made about the last runs.")
        return
    console.print(publications_table(publications))
    console.print(
        f"\nThe requests are in {telling.folder}; `observe publications list` shows them with their receipts."
    )
