"""`observe pause` and `observe resume`."""

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer
from observe_dagster.service.context import Context


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@common
@click.pass_obj
def pause(context: Context, pipeline_id: str) -> None:
    """Stop scheduled runs of PIPELINE until it is resumed.

    A run in progress goes on to its end.
    """
    context.project.pipeline(pipeline_id)
    context.ledger.declared.pause(pipeline_id)
    _answer(context, pipeline_id, "is paused: its schedule starts no more runs")


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@common
@click.pass_obj
def resume(context: Context, pipeline_id: str) -> None:
    """Let the schedule of PIPELINE start runs again.

    The next run reads all that came in the meantime.
    """
    context.project.pipeline(pipeline_id)
    context.ledger.declared.resume(pipeline_id)
    _answer(context, pipeline_id, "is active: its schedule starts runs again")


def _answer(context: Context, pipeline_id: str, message: str) -> None:
    from observe_dagster.service.documents import pipeline_document

    document = pipeline_document(context.project.pipeline(pipeline_id), context.ledger.declared.pipeline(pipeline_id))
    answer(context, document, f"Pipeline {pipeline_id} {message}.")
