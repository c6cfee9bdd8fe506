"""`observe data-models`: the SELECT behind each pipeline and whether it is valid."""

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer_table, facts, write, write_json
from observe_dagster.service.context import Context


@click.group("data-models")
def data_models() -> None:
    """The SELECTs that pipelines read."""


@data_models.command("list")
@common
@click.pass_obj
def list_data_models(context: Context) -> None:
    """List every data model with its status."""
    from observe_dagster.service.documents import data_model_document

    rows = {row.id: row for row in context.ledger.declared.data_models()}
    documents = [data_model_document(declared, rows[declared.id]) for declared in context.project.data_models]
    rows = ((item["id"], item["state"], item["status"], item["name"]) for item in documents)
    answer_table(context, documents, ("Data model", "State", "Status", "Name"), rows)


@data_models.command("show")
@click.argument("data_model_id", metavar="DATA_MODEL")
@common
@click.pass_obj
def show_data_model(context: Context, data_model_id: str) -> None:
    """Show one data model with its SQL."""
    from observe_dagster.service.documents import data_model_document

    declared = context.project.data_model(data_model_id)
    document = data_model_document(declared, context.ledger.declared.data_model(data_model_id))
    if context.as_json:
        write_json(document)
        return
    sql = document.pop("config")["sql_query"]
    write(facts(document.items()), "", sql)
