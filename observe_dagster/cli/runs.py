"""`observe report`, `observe runs` and `observe run`: what a pipeline did."""

from datetime import datetime

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer, table, write, write_json
from observe_dagster.errors import NotFoundError
from observe_dagster.service.context import Context, Document
from observe_dagster.service.times import duration, first_moment, last_moment, to_the_second


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@common
@click.pass_obj
def report(context: Context, pipeline_id: str) -> None:
    """Show the current status of PIPELINE and its latest run.

    Its connection and its data model are part of it.
    """
    from observe_dagster.service.documents import report_document

    declared = context.project.pipeline(pipeline_id)
    ledger = context.ledger
    document = report_document(
        ledger.declared.pipeline(pipeline_id),
        ledger.declared.connection(declared.connection_id),
        ledger.declared.data_model(declared.data_model_id),
        latest=ledger.executions.latest(pipeline_id),
        latest_successful_id=ledger.executions.latest_successful_id(pipeline_id),
    )
    answer(context, document)


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1, 10**9), help="Which page.")
@click.option("--page-size", default=50, show_default=True, type=click.IntRange(1, 1000), help="Runs on a page.")
@click.option("--start-date", metavar="TIME", callback=first_moment, help="The earliest logical date.")
@click.option("--end-date", metavar="TIME", callback=last_moment, help="The last logical date; a date is a whole day.")
@common
@click.pass_obj
def runs(
    context: Context,
    pipeline_id: str,
    *,
    page: int,
    page_size: int,
    start_date: datetime | None,
    end_date: datetime | None,
) -> None:
    """List the runs of PIPELINE, the oldest first.

    TIME is such as 2022-07-01T16:00:00Z or 2022-07-01.
    """
    from observe_dagster.service.documents import runs_document

    if start_date is not None and end_date is not None and start_date > end_date:
        raise click.UsageError("--start-date must not be after --end-date.")
    context.project.pipeline(pipeline_id)
    page_of_runs = context.ledger.executions.page(
        pipeline_id, page=page, page_size=page_size, start_date=start_date, end_date=end_date
    )
    document = runs_document(page_of_runs)
    if context.as_json:
        write_json(document)
    else:
        _write_runs(document)


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@click.argument("run_id", metavar="RUN_ID", type=click.IntRange(1, 2**63 - 1))
@common
@click.pass_obj
def run(context: Context, pipeline_id: str, run_id: int) -> None:
    """Show one run of PIPELINE with all its counts."""
    from observe_dagster.service.documents import run_document

    context.project.pipeline(pipeline_id)
    execution = context.ledger.executions.get(run_id)
    if execution.pipeline_id != pipeline_id:
        raise NotFoundError(f"run of pipeline {pipeline_id}", str(run_id))
    answer(context, run_document(execution))


_COLUMNS = [
    ("Run", "right"),
    ("Type", "left"),
    ("Status", "left"),
    ("Logical date", "left"),
    ("Took", "right"),
    ("Successful", "right"),
    ("Failed", "right"),
]


def _write_runs(document: Document) -> None:
    items: list[Document] = document["items"]
    if not items:
        click.echo(f"No runs on page {document['current_page']}; there are {document['total_items']} such runs.")
        return
    write(table(_COLUMNS, (_cells(item) for item in items)))
    for item in items:
        for error in item["errors"]:
            click.echo(f"Run {item['id']}: {error['message']}")
    click.echo(f"\nPage {document['current_page']} of {document['total_pages']}, {document['total_items']} runs.")


def _cells(item: Document) -> tuple[str, ...]:
    return (
        str(item["id"]),
        item["type"],
        item["status"],
        to_the_second(item["logical_date"]),
        duration(item["started_on"], item["ended_on"]),
        f"{item['successful_records']:,}",
        f"{item['failed_records']:,}",
    )
