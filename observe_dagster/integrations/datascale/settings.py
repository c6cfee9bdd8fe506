"""Makes the vendor of what the environment says."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from observe_dagster.integrations.datascale.sender import LIMIT, SYSTEM, WINDOW, Datascale
from observe_dagster.integrations.dry_run import dry_run
from observe_dagster.integrations.http import Client
from observe_dagster.ledger import Ledger
from observe_dagster.settings import DatascaleSettings

if TYPE_CHECKING:
    import httpx


def open_client(
    settings: DatascaleSettings, *, folder: Path | None = None, transport: "httpx.BaseTransport | None" = None
) -> Client:
    """A client with the token; with `folder` it writes requests there instead of sending them."""
    if folder is not None:
        answer = {"success": True, "message": "Successfully ingested 0 assets [0 added, 0 modified]"}
        transport = dry_run(folder / "datascale", lambda _: (200, answer))
    headers = {"Authorization": f"Bearer {settings.token}"}
    return Client(settings.url, headers, system=SYSTEM, transport=transport)


def open_vendor(
    client: Client, ledger: Ledger, settings: DatascaleSettings, *, clock: Callable[[], datetime]
) -> Datascale:
    """The vendor for `deliver`; everybody with the token shares its slots."""
    scope = f"datascale:{hashlib.sha256(settings.token.encode()).hexdigest()[:16]}"
    return Datascale(client, ledger.rate_limit(scope, limit=LIMIT, window=WINDOW), clock=clock)
