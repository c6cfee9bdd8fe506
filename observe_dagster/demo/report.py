"""What the demo prints: a progress bar while it works and tables of what came of it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from observe_dagster.demo.changes import Changes
from observe_dagster.demo.fingerprint import Comparison

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from observe_dagster.demo.runs import MovedRows
    from observe_dagster.demo.scenario import Found
    from observe_dagster.ledger import Publication

EQUAL, DIFFERENT = "equal", "DIFFERENT"
_SHOWN = 300


def progress_bar(console: "Console") -> "Progress":
    """A progress bar with what is being done, how far it is and how long it took."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
    )


def moved_table(moved: Mapping[str, "MovedRows"]) -> "Table":
    """What each pipeline's runs moved, and how fast while they ran."""
    table = _table("What moved", "pipeline", "runs", "read", "inserts", "updates", "soft deletes", "rows/s")
    for pipeline_id, each in moved.items():
        speed = each.total_rows / each.duration_seconds if each.duration_seconds else 0.0
        counts = (each.runs, each.total_rows, each.inserts, each.updates, each.soft_deletes)
        table.add_row(pipeline_id, *(f"{count:,}" for count in counts), f"{speed:,.0f}")
    return table


def comparison_table(comparisons: Iterable[Comparison]) -> "Table":
    """Count and checksum of each pipeline's source and, below it, of its destination."""
    table = _table("Sources and destinations, by count and by a checksum over all columns", "", "columns", "rows")
    for heading in ("checksum", ""):
        table.add_column(heading)
    for each in comparisons:
        columns, verdict = str(each.columns), EQUAL if each.equal else DIFFERENT
        table.add_row(each.source_name, columns, f"{each.source.rows:,}", each.source.checksum, "")
        table.add_row(each.table, columns, f"{each.destination.rows:,}", each.destination.checksum, verdict)
    return table


def changes_table(expected: Changes, reported: Mapping[str, Changes]) -> "Table":
    """What was changed in the source and what each triggered run reported."""
    title = "What was changed in the source, and what the runs report"
    table = _table(title, "", "inserts", "updates", "soft deletes")
    table.add_column("")
    for name, changes in {"changed in the source": expected, **reported}.items():
        verdict = "" if changes is expected else EQUAL if changes == expected else DIFFERENT
        table.add_row(name, f"{changes.inserts:,}", f"{changes.updates:,}", f"{changes.soft_deletes:,}", verdict)
    return table


def faults_table(found: Iterable["Found"]) -> "Table":
    """What was put in and when, which check found it, and the messages that arrived."""
    table = _table("Faults that were put in, the check that found each, and the messages that arrived", "fault")
    table.add_column("at, UTC", no_wrap=True)
    table.add_column("found by", overflow="fold")
    for heading in ("by others", "alerts", "resolved"):
        table.add_column(heading, justify="right")
    for each in found:
        asset, name = each.check
        others = ", ".join(f"{'/'.join(other)}: {said}" for other, said in each.others) or "none"
        check = f"{'/'.join(asset)}: {name}"
        table.add_row(each.fault, f"{each.at:%m-%d %H:%M}", check, others, str(each.alerts), str(each.resolved))
    return table


def publications_table(publications: Iterable["Publication"]) -> "Table":
    """How many publications of each kind there are for each system, and one of each, with its receipt."""
    table = _table("Publications about the last runs", "to")
    table.add_column("kind", no_wrap=True)
    table.add_column("publications", justify="right")
    table.add_column("one of them", overflow="fold")
    kinds = defaultdict[tuple[str, str], list["Publication"]](list)
    for each in publications:
        kinds[each.publisher, each.kind].append(each)
    for (publisher, kind), alike in kinds.items():
        text = json.dumps(alike[-1].record, ensure_ascii=False)
        brief = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
        table.add_row(publisher, kind, f"{len(alike):,}", brief)
    return table


def _table(title: str, first_heading: str, *numbers: str) -> "Table":
    """A table whose first column has texts; the columns `numbers` are aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_column(first_heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table
