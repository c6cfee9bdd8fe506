"""`observe pipelines`: the declared pipelines, their schedules and their current status."""

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer, answer_table
from observe_dagster.service.context import Context, Document


@click.group()
def pipelines() -> None:
    """The tables that are kept in step with data models."""


@pipelines.command("list")
@common
@click.pass_obj
def list_pipelines(context: Context) -> None:
    """List every pipeline with its status."""
    from observe_dagster.service.documents import pipeline_document

    rows = {row.pipeline_id: row for row in context.ledger.declared.pipelines()}
    documents = [pipeline_document(declared, rows[declared.id]) for declared in context.project.pipelines]
    columns = ("Pipeline", "State", "Status", "Schedule", "Writes")
    answer_table(context, documents, columns, (_cells(document) for document in documents))


@pipelines.command("show")
@click.argument("pipeline_id", metavar="PIPELINE")
@common
@click.pass_obj
def show_pipeline(context: Context, pipeline_id: str) -> None:
    """Show one pipeline as it is declared, and its current status."""
    from observe_dagster.service.documents import pipeline_document

    declared = context.project.pipeline(pipeline_id)
    answer(context, pipeline_document(declared, context.ledger.declared.pipeline(pipeline_id)))


def _cells(document: Document) -> tuple[str, ...]:
    schedule, destination = document["schedule"], document["destination"]
    return (
        document["id"],
        document["state"],
        document["status"],
        schedule.get("frequency") or schedule["type"],
        f"{destination['connection_id']}: {destination['schema']}.{destination['table']}",
    )
