"""Brings a workspace in step with what is declared: asks what is there, plans, and sends what differs."""

from collections.abc import Iterator, Sequence
from typing import get_args

from observe_dagster.config.project import Project
from observe_dagster.config.secrets import secrets_of
from observe_dagster.integrations.warehouse_sync.client import WarehouseSyncClient
from observe_dagster.integrations.warehouse_sync.payloads import SECRETS, connection_body
from observe_dagster.integrations.warehouse_sync.plan import Kind, PlannedChange, plan_changes
from observe_dagster.ledger import Ledger


def planned(project: Project, client: WarehouseSyncClient, *, send_secrets: bool = False) -> tuple[PlannedChange, ...]:
    """What has to change; only reads. Raises PublishError."""
    remote = {kind: client.resources(kind) for kind in get_args(Kind)}
    return plan_changes(project, remote, send_secrets=send_secrets)


def apply_changes(
    changes: Sequence[PlannedChange], client: WarehouseSyncClient, ledger: Ledger
) -> Iterator[PlannedChange]:
    """Carry out the changes in their order, giving each when it is done; stops with PublishError at the first failure.

    An update clears the fault of a resource there, so it is cleared in the ledger too.
    """
    for change in changes:
        if change.action == "unchanged":
            continue
        send = client.create if change.action == "create" else client.update
        send(change.kind, change.body)
        _clear_fault(change, ledger)
        yield change


def secrets_sent(project: Project) -> tuple[str, ...]:
    """Every secret that a body may hold, to be masked in errors."""
    secrets: set[str] = set()
    for pipeline in project.pipelines:
        if pipeline.mparticle is None:
            continue
        connection = project.connection(pipeline.connection_id)
        secrets.update(secrets_of(connection))
        secrets.update(str(value) for name, value in connection_body(connection)["config"].items() if name in SECRETS)
        if pipeline.mparticle.partner_feed_key is not None:
            secrets.add(pipeline.mparticle.partner_feed_key.get_secret_value())
    return tuple(sorted(secrets))


def _clear_fault(change: PlannedChange, ledger: Ledger) -> None:
    clear = {
        "connection": ledger.declared.clear_connection_fault,
        "data_model": ledger.declared.validate_data_model,
        "pipeline": ledger.declared.clear_pipeline_fault,
    }[change.kind]
    clear(change.id)
