"""`observe trigger`: run a pipeline now, through Dagster, and wait for the end."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import console, facts, write, write_json
from observe_dagster.errors import AlreadyInProgressError
from observe_dagster.service.context import Context
from observe_dagster.service.times import first_moment

if TYPE_CHECKING:
    from observe_dagster.ledger import Ledger
    from observe_dagster.service.trigger import TriggerRequest


@click.command()
@click.argument("pipeline_id", metavar="PIPELINE")
@click.option("--from", "from_", metavar="TIME", callback=first_moment, help="Read again from this time on.")
@click.option("--until", metavar="TIME", callback=first_moment, help="Read up to, not including, this time.")
@click.option("--full-refresh", is_flag=True, help="Read everything, whatever has been read before.")
@common
@click.pass_obj
def trigger(
    context: Context, pipeline_id: str, *, from_: datetime | None, until: datetime | None, full_refresh: bool
) -> None:
    """Run PIPELINE now and wait for its end.

    Without options it reads what is new since the last run. An old range that is read again with --from moves the
    watermark neither back nor forward. TIME is such as 2022-07-01T16:00:00Z or 2022-07-01.
    """
    from observe_dagster.service.trigger import TriggerRequest

    if full_refresh and (from_ is not None or until is not None):
        raise click.UsageError("--full-refresh reads everything; leave out --from and --until.")
    if from_ is not None and until is not None and from_ >= until:
        raise click.UsageError("--from must be before --until.")
    context.project.pipeline(pipeline_id)
    _run_and_answer(context, pipeline_id, TriggerRequest(from_=from_, until=until, full_refresh=full_refresh))


def _run_and_answer(context: Context, pipeline_id: str, request: "TriggerRequest") -> None:
    from observe_dagster.service.documents import run_document
    from observe_dagster.service.trigger import launch

    _ = context.ledger  # migrated and in step before Dagster starts
    waiting = console(stderr=True).status(f"Running {pipeline_id} ...") if sys.stderr.isatty() else nullcontext()
    with _alone(context.ledger, pipeline_id), waiting:
        numbers = launch(context, pipeline_id, request)
    documents = [run_document(context.ledger.executions.get(number)) for number in numbers]
    latest = documents[-1]
    answer = {"pipeline_run_id": latest["id"], "status": latest["status"]}
    if context.as_json:
        write_json({**answer, "runs": documents})
        return
    for document in documents:
        rest = {name: value for name, value in document.items() if name not in ("id", "status")}
        write(facts([("pipeline_run_id", document["id"]), ("status", document["status"]), *rest.items()]))


@contextmanager
def _alone(ledger: "Ledger", pipeline_id: str) -> Generator[None]:
    """Refuse at once a run that Dagster would queue behind another one, as it does where a DuckDB file is written."""
    # No id has a colon in it, so this name is nobody's pipeline.
    with ledger.executions.lock(f"{pipeline_id}:trigger") as only_trigger:
        if not only_trigger:
            raise AlreadyInProgressError(pipeline_id)
        if ledger.executions.open(pipeline_id):
            with ledger.executions.lock(pipeline_id) as free:
                if not free:
                    raise AlreadyInProgressError(pipeline_id)
        yield
