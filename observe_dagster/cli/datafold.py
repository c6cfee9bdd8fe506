"""`observe datafold`: what Datafold knows, and the few things that are started there by hand."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer, answer_table, write_json
from observe_dagster.errors import NotFoundError, SettingsError
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.integrations.datafold.client import Datafold

page_option = click.option("--page", default=1, show_default=True, type=click.IntRange(1))


@click.group()
def datafold() -> None:
    """Ask Datafold. DATAFOLD_API_KEY is the key; DATAFOLD_HOST where Datafold is not app.datafold.com."""


@contextmanager
def datafold_client() -> Generator["Datafold"]:
    """Datafold as the environment names it."""
    from observe_dagster.integrations.datafold.client import Datafold
    from observe_dagster.integrations.datafold.settings import DatafoldSettings

    access = DatafoldSettings.from_environment()
    if access is None:
        raise SettingsError("Set DATAFOLD_API_KEY to ask Datafold.")
    client = Datafold(access)
    try:
        yield client
    finally:
        client.close()


@datafold.command("data-sources")
@click.argument("number", metavar="[ID]", type=int, required=False)
@click.option("--types", is_flag=True, help="The kinds of data sources there can be.")
@common
@click.pass_obj
def data_sources(context: Context, number: int | None, *, types: bool) -> None:
    """List every data source, or show one."""
    with datafold_client() as client:
        if number is not None:
            answer(context, client.data_source(number))
        elif types:
            _many(context, client.data_source_types(), ("type", "name"))
        else:
            _many(context, client.data_sources(), ("id", "type", "name"))


@datafold.command()
@click.argument("number", metavar="DATA_SOURCE", type=int)
@click.argument("sql")
@common
@click.pass_obj
def query(context: Context, number: int, sql: str) -> None:
    """Run SQL at DATA_SOURCE and print its rows."""
    with datafold_client() as client:
        answer = client.query(number, sql)
    rows: list[Document] = answer.get("rows") or []
    if context.as_json:
        write_json(answer)
        return
    names = tuple(str(column.get("name")) for column in answer.get("columns") or ()) or tuple(rows[0] if rows else ())
    _many(context, rows, names)


@datafold.command("test")
@click.argument("number", metavar="DATA_SOURCE", type=int)
@common
@click.pass_obj
def test_connection(context: Context, number: int) -> None:
    """Test the connection of DATA_SOURCE and wait for the result."""
    from observe_dagster.integrations.datafold.polling import await_data_source_test

    with datafold_client() as client:
        answer(context, await_data_source_test(client, number))


@datafold.command("diffs")
@click.argument("number", metavar="[ID]", type=int, required=False)
@page_option
@common
@click.pass_obj
def diffs(context: Context, number: int | None, *, page: int) -> None:
    """List data diffs, or show one with its summary results."""
    with datafold_client() as client:
        if number is None:
            _many(context, _items(client.data_diffs(page=page), "results"), ("id", "status", "result", "created_at"))
        else:
            answer(context, {**client.data_diff_summary(number), "results": client.data_diff_results(number)})


@datafold.group()
def monitors() -> None:
    """Monitors at Datafold."""


@monitors.command("list")
@page_option
@click.option("--tags", help="Only those with these tags, divided by commas.")
@common
@click.pass_obj
def list_monitors(context: Context, *, page: int, tags: str | None) -> None:
    """List monitors."""
    with datafold_client() as client:
        monitors_page = _items(client.monitors(page=page, tags=tags), "monitors")
    _many(context, monitors_page, ("id", "monitor_type", "state", "enabled", "name"))


@monitors.command("show")
@click.argument("number", metavar="ID", type=int)
@common
@click.pass_obj
def show_monitor(context: Context, number: int) -> None:
    """Show a monitor."""
    with datafold_client() as client:
        answer(context, client.monitor(number))


@monitors.command("runs")
@click.argument("number", metavar="ID", type=int)
@click.argument("run_id", metavar="[RUN]", type=int, required=False)
@page_option
@common
@click.pass_obj
def monitor_runs(context: Context, number: int, run_id: int | None, *, page: int) -> None:
    """List a monitor's runs, or show one."""
    with datafold_client() as client:
        if run_id is not None:
            answer(context, client.monitor_run(number, run_id))
        else:
            monitor_runs_page = _items(client.monitor_runs(number, page=page), "runs")
            _many(context, monitor_runs_page, ("run_id", "state", "started_at", "diff_id"))


@monitors.command("create")
@click.argument("slug")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
@common
@click.pass_obj
def create_monitor(context: Context, slug: str, *, dry_run: bool) -> None:
    """Create the monitor that is declared as SLUG and say its id, to be written into its declaration."""
    from observe_dagster.integrations.datafold.monitors import monitor_body

    declared = context.project.monitor(slug)
    body = monitor_body(declared, context.project)
    if dry_run:
        answer(context, {"path": f"/api/v1/monitors/create/{declared.monitor.type}", "body": body})
        return
    with datafold_client() as client:
        number = client.create_monitor(declared.monitor.type, body)
    answer(context, {"id": number}, f"Created monitor {number}; write `id: {number}` into {slug}.")


@datafold.command()
@click.argument("direction", type=click.Choice(["upstream", "downstream"]))
@click.argument("connection", metavar="CONNECTION")
@click.argument("path")
@click.option("--column", "columns", is_flag=True, help="PATH is a column's.")
@click.option("--max-depth", default=10, show_default=True, type=click.IntRange(1, 99))
@common
@click.pass_obj
def explore(
    context: Context,
    direction: Literal["upstream", "downstream"],
    connection: str,
    path: str,
    *,
    columns: bool,
    max_depth: int,
) -> None:
    """Walk the lineage of PATH, such as db.schema."my.table", of CONNECTION: its number or our id for it."""
    from observe_dagster.integrations.datafold.lineage import walk

    towards = "upstreams" if direction == "upstream" else "downstreams"
    number = _connection_number(context, connection)
    with datafold_client() as client:
        graph = walk(client, number, "columns" if columns else "tables", path, towards, max_depth=max_depth)
    nodes = [{"depth": node.depth, "kind": node.kind.removesuffix("s"), "path": node.path} for node in graph.nodes]
    if context.as_json:
        write_json({"nodes": nodes, "edges": [{"from": edge[0], "to": edge[1]} for edge in graph.edges]})
    else:
        _many(context, nodes, ("depth", "kind", "path"))


@datafold.command("ci-runs")
@click.argument("config", metavar="CONFIG", type=int)
@click.option("--pr", "pr_num", help="Only those of this pull request.")
@common
@click.pass_obj
def ci_runs(context: Context, config: int, *, pr_num: str | None) -> None:
    """List the runs of a CI configuration."""
    with datafold_client() as client:
        _many(context, client.ci_runs(config, pr_num=pr_num), ("id", "status", "pr_num", "pr_branch", "pr_sha"))


@datafold.command("bi")
@click.argument("number", metavar="[ID]", type=int, required=False)
@common
@click.pass_obj
def bi(context: Context, number: int | None) -> None:
    """List BI integrations, or show one."""
    with datafold_client() as client:
        if number is None:
            _many(context, client.bi_integrations(), ("id", "type", "name"))
        else:
            answer(context, client.bi_integration(number))


@datafold.command("audit-logs")
@common
@click.pass_obj
def audit_logs(context: Context) -> None:
    """List what was done in the organization."""
    with datafold_client() as client:
        _many(context, client.audit_logs(), ("timestamp", "user_email", "action", "object_type", "object_id", "url"))


@datafold.command()
@common
@click.pass_obj
def spend(context: Context) -> None:
    """Show what was spent on language models, and the caps, in US dollars."""
    with datafold_client() as client:
        answer(context, client.spend())


def _connection_number(context: Context, connection: str) -> int:
    if connection.isdecimal():
        return int(connection)
    number = context.project.connection(connection).datafold_id
    if number is None:
        raise NotFoundError("number at Datafold (datafold_id) of connection", connection)
    return number


def _items(page: Document, name: str) -> list[Document]:
    return [item for item in page.get(name) or () if isinstance(item, dict)]


def _many(context: Context, documents: Sequence[Document], names: Sequence[str]) -> None:
    rows = (["-" if (value := document.get(name)) is None else str(value) for name in names] for document in documents)
    answer_table(context, list(documents), names, rows)
