"""`observe connections`: what is declared, whether it is healthy, and whether it can be opened now."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import facts, table, write, write_json
from observe_dagster.errors import WarehouseError
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.config import Connection


@click.group()
def connections() -> None:
    """The databases and warehouses that rows come from and go to."""


@connections.command("list")
@common
@click.pass_obj
def list_connections(context: Context) -> None:
    """List every connection with its status."""
    from observe_dagster.service.documents import connection_document

    rows = {row.id: row for row in context.ledger.declared.connections()}
    documents = [connection_document(declared, rows[declared.id]) for declared in context.project.connections]
    if context.as_json:
        write_json(documents)
        return
    columns = [("Connection", "left"), ("Provider", "left"), ("State", "left"), ("Status", "left"), ("Name", "left")]
    write(table(columns, (_cells(document) for document in documents)))


@connections.command("show")
@click.argument("connection_id", metavar="CONNECTION")
@common
@click.pass_obj
def show_connection(context: Context, connection_id: str) -> None:
    """Show one connection; secrets are masked."""
    from observe_dagster.service.documents import connection_document

    declared = context.project.connection(connection_id)
    document = connection_document(declared, context.ledger.declared.connection(connection_id))
    if context.as_json:
        write_json(document)
    else:
        write(facts(document.items()))


@connections.command("test")
@click.argument("connection_ids", metavar="[CONNECTION]...", nargs=-1)
@common
@click.pass_obj
@click.pass_context
def test_connections(click_context: click.Context, context: Context, connection_ids: tuple[str, ...]) -> None:
    """Open each CONNECTION (default: all that are active) and ask the engine for its version."""
    chosen = [context.project.connection(connection_id) for connection_id in connection_ids] or [
        declared for declared in context.project.connections if declared.state == "active"
    ]
    documents = [_try(context, declared.id) for declared in chosen]
    if context.as_json:
        write_json(documents)
    else:
        columns = [("Connection", "left"), ("Status", "left"), ("Engine", "left")]
        write(table(columns, ((item["id"], item["status"], item["engine"] or "-") for item in documents)))
        for item in documents:
            for error in item["errors"]:
                click.echo(f"Error: {error['message']}", err=True)
    if any(item["status"] == "faulted" for item in documents):
        click_context.exit(1)


@connections.command("certify")
@click.argument("connection_id", metavar="CONNECTION")
@click.option("--schema", default="observe_certify", show_default=True, help="The schema to create and to drop.")
@click.option("--subject", "subjects", multiple=True, help="Run the cases of this subject only; may be repeated.")
@click.option("--keep", is_flag=True, help="Leave the schema as it is in the end.")
@click.option(
    "--receipt",
    "receipt_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where to write the receipt; by default certify-CONNECTION.json in this folder.",
)
@common
@click.pass_obj
@click.pass_context
def certify_connection(
    context: click.Context,
    state: Context,
    *,
    connection_id: str,
    schema: str,
    subjects: tuple[str, ...],
    keep: bool,
    receipt_file: Path | None,
) -> None:
    """Prove on CONNECTION that its engine does what runs and checks need, in a schema that is dropped afterwards."""
    from observe_dagster.service.failures import redact
    from observe_dagster.warehouse import open_warehouse
    from observe_dagster.warehouse.certify import Sandbox, all_cases, certify, receipt

    declared = state.project.connection(connection_id)
    cases = [case for case in all_cases() if not subjects or case.subject in subjects]
    if unknown := set(subjects) - {case.subject for case in cases}:
        known = ", ".join(dict.fromkeys(case.subject for case in all_cases()))
        raise click.BadParameter(f"{min(unknown)!r} is none of {known}", param_hint="--subject")
    warehouse = open_warehouse(declared)
    bar = click.progressbar(length=len(cases), label=f"Certifying {connection_id}", file=sys.stderr)
    with Sandbox(warehouse, schema, keep=keep) as sandbox, bar:
        server = warehouse.test()
        results = certify(sandbox, cases, on_result=lambda _: bar.update(1))
    document = receipt(warehouse, server=server, schema=schema, now=datetime.now(UTC), results=results)
    text = redact(json.dumps(document, indent=2, ensure_ascii=False), state.secrets())
    path = receipt_file or Path(f"certify-{connection_id}.json")
    path.write_text(text + "\n", encoding="utf-8")
    document = json.loads(text)
    if state.as_json:
        write_json(document)
    else:
        columns = [("Case", "left"), ("Result", "left"), ("Seconds", "right"), ("Observed", "left")]
        rows = (
            (each["case"], each["result"], f"{each['seconds']:.1f}", each["observed"]) for each in document["cases"]
        )
        write(table(columns, rows))
        click.echo(
            f"\n{document['engine']}: {document['passed']} passed, {document['failed']} failed, "
            f"{document['not_offered']} not offered, in {document['seconds']:g} s. Receipt: {path}"
        )
        if keep:
            click.echo(f"The schema {schema!r} was kept; the next certify drops it.")
    if document["failed"]:
        context.exit(1)


def _try(context: Context, connection_id: str) -> Document:
    from observe_dagster.service.failures import redact
    from observe_dagster.warehouse import open_warehouse

    declared = context.project.connection(connection_id)
    answer: Document = {"id": connection_id, "status": "healthy", "engine": None, "errors": []}
    if _is_yet_to_be_written(context, declared):
        return {**answer, "engine": "DuckDB, a new file that the first run creates"}
    try:
        answer["engine"] = open_warehouse(declared).test()
    except WarehouseError as error:
        answer |= {"status": "faulted", "errors": [{"message": redact(str(error), context.secrets())}]}
    return answer


def _is_yet_to_be_written(context: Context, declared: "Connection") -> bool:
    """Whether there is no file yet where a pipeline will write one."""
    if declared.file is None or Path(declared.file).expanduser().exists():
        return False
    return any(pipeline.destination.connection_id == declared.id for pipeline in context.project.pipelines)


def _cells(document: Document) -> tuple[str, ...]:
    return (document["id"], document["service_provider"], document["state"], document["status"], document["name"])
