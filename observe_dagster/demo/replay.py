"""Replays the weeks: the source lives on, runs are due, faults happen, and what finds them is held against the plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from observe_dagster.demo.daemon import DemoDaemon
from observe_dagster.demo.databases import DemoDatabases
from observe_dagster.demo.faults import STORIES, change_five_rows, drop_a_column
from observe_dagster.demo.report import faults_table, moved_table, progress_bar
from observe_dagster.demo.runs import ExampleRuns
from observe_dagster.demo.scenario import Found, Scenario, Stories
from observe_dagster.demo.source import advance, connect
from observe_dagster.demo.timeline import Pace, Tick, last_moment
from observe_dagster.demo.webhook import ReceivedMessage
from observe_dagster.errors import DemoFailedError

if TYPE_CHECKING:
    from rich.console import Console

_VERDICTS_OF_A_FAULT = 1
_BETWEEN_JUDGEMENTS = timedelta(hours=6)
"""The sensor would judge every minute; what it says between is what the runs' own checks say."""


def replay(
    runs: ExampleRuns,
    watching: DemoDaemon,
    places: DemoDatabases,
    planned: Sequence[Tick],
    *,
    now: datetime,
    pace: Pace,
    console: "Console",
) -> None:
    """Let the source live from tick to tick up to now, run what was due at each, and put the faults in."""
    with progress_bar(console) as bar, connect(places.source_url) as source:
        task = bar.add_task("Replaying", total=sum(len(tick.due) for tick in planned))
        day = (last_moment(now) - timedelta(days=pace.fault_days or 0)).date()
        stage = Scenario(runs=runs, watching=watching, source=source, places=places, planned=planned, day=day)
        stories = Stories(stage, STORIES if pace.fault_days is not None else ())
        since = judged = planned[0].at
        today, unasked = None, list[ReceivedMessage]()
        for tick in planned:
            advance(source, since=since, until=tick.at)
            since = tick.at
            for due in tick.due:
                bar.update(task, description=f"Replaying {due.at:%Y-%m-%d %H:%M} {due.pipeline_id:<22}")
                stories.until(due.at)
                if due not in stage.taken:
                    (runs.caught_up if due.catches_up else runs.scheduled)(due.pipeline_id, due.at)
                bar.advance(task)
            if tick.at - judged >= _BETWEEN_JUDGEMENTS:
                judged = tick.at
                watching.judge(tick.at)
            if tick.at.date() != today:
                today = tick.at.date()
                watching.monitors(tick.at)
                unasked += watching.tell()
        advance(source, since=since, until=now)
        bar.update(task, description=f"Replayed {(since - planned[0].at).days} days")
    if stories.unfinished:
        raise DemoFailedError("The replay was over before every fault was mended.")
    console.print(moved_table(runs.moved))
    _report(watching, stage.found, unasked + watching.tell(), console=console)


def _report(
    watching: DemoDaemon, found: Mapping[str, Found], unasked: Sequence[ReceivedMessage], *, console: "Console"
) -> None:
    """Show how each fault was found, and that nothing else was: neither a check that failed nor a message."""
    count, bad = watching.results()
    meant = {each.check for each in found.values()}
    false = {
        check: reasons for check, reasons in bad.items() if check not in meant or len(reasons) > _VERDICTS_OF_A_FAULT
    }
    if found:
        in_order = sorted(found.values(), key=lambda each: each.at)
        console.print(faults_table(in_order))
        console.print("\nTheir reasons:")
        for each in in_order:
            console.print(f"  {each.fault}: {each.sentence}")
    console.print(
        f"\n{count:,} verdicts are on record. False alarms: {sum(len(said) for said in false.values()) or 'none'}. "
        f"Messages about anything else: {len(unasked) or 'none'}."
    )
    for check, said in false.items():
        console.print(f"{'/'.join(check[0])}: {check[1]}: {said[0]}")
    for message in unasked:
        console.print(message.title)
    if false or unasked or not all(each.as_it_must_be for each in found.values()):
        raise DemoFailedError("A check failed, or a message arrived, where there was no fault; see above.")


def leave_faults(watching: DemoDaemon, places: DemoDatabases, *, console: "Console") -> None:
    """Put two faults in and leave them, so that the UI has checks that fail."""
    drop_a_column(places)
    change_five_rows(places)
    left = [watching.monitor(slug, None) for slug in ("airports-columns", "planes-are-the-same")]
    failing = watching.failing()
    console.print("\nTwo faults are left to be seen in the UI; materialize the assets and their checks to mend them:")
    for check in left:
        console.print(f"  {'/'.join(check[0])}: {check[1]}: {failing.get(check)}")
    console.print("From now on the source stands still, and with the hours the checks will say so.")
    if failing.keys() != set(left) or len(watching.tell()) != 1:
        raise DemoFailedError("The two faults that were left are not those that alerts are open for.")
