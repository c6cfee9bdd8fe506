"""Makes the vendor of what the environment says."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from observe_dagster.config.project import Project
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.http import Client
from observe_dagster.integrations.monte_carlo.resources import Resource, Resources, resources_of
from observe_dagster.integrations.monte_carlo.sender import SYSTEM, MonteCarlo
from observe_dagster.settings import MonteCarloSettings

if TYPE_CHECKING:
    import httpx


def open_client(
    settings: MonteCarloSettings, *, folder: Path | None = None, transport: "httpx.BaseTransport | None" = None
) -> Client:
    """A client with the key's headers; with `folder` it writes requests there instead of sending them."""
    if folder is not None:
        transport = dry_run(folder / "monte_carlo", lambda _: (202, {"invocation_id": f"dry-run-{uuid.uuid4()}"}))
    headers = {"x-mcd-id": settings.key_id, "x-mcd-token": settings.token}
    return Client(settings.url, headers, system=SYSTEM, transport=transport)


def open_vendor(client: Client, project: Project, settings: MonteCarloSettings) -> MonteCarlo:
    """The vendor for `deliver`."""
    return MonteCarlo(client, declared_resources(project, settings), wire_format=settings.wire_format)


def declared_resources(project: Project, settings: MonteCarloSettings) -> Resources:
    """The resources of a project's connections, and the default one of the environment."""
    default = None
    if settings.resource_uuid is not None and settings.resource_type is not None:
        default = Resource(uuid=settings.resource_uuid, resource_type=settings.resource_type)
    return resources_of(project.connections, default)
