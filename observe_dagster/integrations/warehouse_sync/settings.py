"""Warehouse Sync's part of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from observe_dagster.errors import SettingsError
from observe_dagster.integrations.http import web_address

DEFAULT_URL = "https://api.mparticle.com/platform/v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSyncSettings:
    """A workspace and its bearer token."""

    workspace_id: str
    token: str = field(repr=False)
    url: str = DEFAULT_URL

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "WarehouseSyncSettings | None":
        """Read MPARTICLE_WORKSPACE_ID, MPARTICLE_TOKEN and MPARTICLE_URL; None when neither of the first is set."""
        env = os.environ if environment is None else environment
        workspace_id, token = env.get("MPARTICLE_WORKSPACE_ID"), env.get("MPARTICLE_TOKEN")
        if not workspace_id and not token:
            return None
        if not workspace_id or not token:
            missing = "MPARTICLE_TOKEN" if workspace_id else "MPARTICLE_WORKSPACE_ID"
            raise SettingsError(f"{missing} is not set; engine mparticle needs a workspace and a bearer token.")
        url = web_address("MPARTICLE_URL", env.get("MPARTICLE_URL") or DEFAULT_URL, example=DEFAULT_URL)
        return cls(workspace_id=workspace_id, token=token, url=url)
