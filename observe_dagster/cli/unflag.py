"""`observe unflag`: remove the anomaly flag of a run."""

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer
from observe_dagster.service.context import Context


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@click.argument("run_id", metavar="RUN_ID", type=click.IntRange(1, 2**63 - 1))
@click.argument("metric_fields", metavar="METRIC...", nargs=-1, required=True)
@common
@click.pass_obj
def unflag(context: Context, pipeline_id: str, run_id: int, metric_fields: tuple[str, ...]) -> None:
    """Remove the anomaly flag of a run of PIPELINE.

    Later runs are compared with it again. METRIC is one it was flagged for, such as total_rows.
    """
    unflagged = context.ledger.checks.unflag(pipeline_id, run_id, metric_fields)
    document = {"pipeline_id": pipeline_id, "pipeline_execution_id": run_id, "metric_field": list(unflagged)}
    metrics = ", ".join(unflagged)
    answer(context, document, f"Run {run_id} of pipeline {pipeline_id} is no anomaly in {metrics} any more.")
