"""`observe warehouse-sync apply`: make what runs at Warehouse Sync as declared; the changes are shown first."""

from typing import TYPE_CHECKING

import click

from observe_dagster.cli.options import common
from observe_dagster.cli.output import answer, table, write, write_json
from observe_dagster.errors import SettingsError
from observe_dagster.service.context import Context, Document

if TYPE_CHECKING:
    from observe_dagster.integrations.warehouse_sync.plan import PlannedChange

_NOUNS = {"connection": "connection", "data_model": "data model", "pipeline": "pipeline"}


@click.group("warehouse-sync")
def warehouse_sync() -> None:
    """Pipelines that run at mParticle's Warehouse Sync."""


@warehouse_sync.command()
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--secrets", "send_secrets", is_flag=True, help="Send secrets again; a changed one cannot be seen there.")
@common
@click.pass_obj
def apply(context: Context, *, dry_run: bool, send_secrets: bool) -> None:
    """Make Warehouse Sync as declared.

    What changes is shown first. It creates and updates what pipelines with engine mparticle need, and deletes nothing.
    MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN say where and who.
    """
    from observe_dagster.integrations.warehouse_sync.apply import apply_changes, planned, secrets_sent
    from observe_dagster.integrations.warehouse_sync.client import WarehouseSyncClient
    from observe_dagster.integrations.warehouse_sync.settings import WarehouseSyncSettings

    project = context.project
    if all(pipeline.is_local for pipeline in project.pipelines):
        answer(context, {"dry_run": True, "changes": []}, "No pipeline has engine mparticle.")
        return
    settings = WarehouseSyncSettings.from_environment()
    if settings is None:
        raise SettingsError("Set MPARTICLE_WORKSPACE_ID and MPARTICLE_TOKEN to apply.")
    with WarehouseSyncClient(settings, secrets=secrets_sent(project)) as client:
        changes = planned(project, client, send_secrets=send_secrets)
        if not context.as_json:
            _show(changes)
        if not dry_run:
            for change in apply_changes(changes, client, context.ledger):
                if not context.as_json:
                    click.echo(f"{change.action.capitalize()}d the {_NOUNS[change.kind]} {change.id}.")
    if context.as_json:
        write_json({"dry_run": dry_run, "changes": [_document(change) for change in changes]})


def _document(change: "PlannedChange") -> Document:
    """One change; secrets are masked."""
    differences = [{"path": each.path, "from": each.was, "to": each.becomes} for each in change.differences]
    return {"kind": change.kind, "id": change.id, "action": change.action, "differences": differences}


def _show(changes: "tuple[PlannedChange, ...]") -> None:
    open_ = [change for change in changes if change.action != "unchanged"]
    if not open_:
        click.echo(f"All {len(changes)} resources at Warehouse Sync are as declared.")
        return
    rows = [
        (f"{change.action} {_NOUNS[change.kind]}", change.id, each.path, _text(each.was), _text(each.becomes))
        for change in open_
        for each in change.differences
        if each.path != "id"
    ]
    columns = [("Change", "left"), ("Id", "left"), ("Field", "left"), ("Is", "left"), ("Becomes", "left")]
    write(table(columns, rows))


def _text(value: object) -> str:
    return "-" if value is None else str(value)
